import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { readBootMark } from '../facts/boot.ts';
import { isRunning, readUnits, type UnitState } from '../facts/units.ts';
import type { Probe } from '../host/host.ts';
import { finding, operation } from './operation.ts';
import { pause } from './pause.ts';
import { unitNames, wordsOf } from './units.ts';

const args = z.strictObject({
  label: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected small letters, digits and "-"').describe('Name of this reboot: there is one for each name in the life of the host'),
  agent: unitNames.length(1).default(['tandem-agent']).describe('Unit of the agent, which must come back with the boot'),
  target: unitNames.length(1).default(['multi-user.target']).describe('Unit that is active when the boot is over'),
  downWithinS: z.int().min(1).max(3600).default(600).describe('Seconds within which the host must go down'),
  upWithinS: z.int().min(0).max(3600).default(600).describe('Seconds from the agent\'s start within which the boot must be over'),
});

const FOLDER = '/var/lib/tandem/reboots';

/**
 * The host was rebooted since this was first asked for (the controlled reboot after the controller and after each compute; trap 28). A mark on disk
 * names the life of the host that must end. The agent dies with it, in the middle of the step, and takes the step up at its next start,
 * where it finds it done; the coordinator dials again meanwhile. Only the mark is compared, so that any other reboot counts too. Cannot be
 * undone. Errors: precondition_failed where the agent would not come back; command_failed when the host does not go down.
 */
export const hostRebooted = operation({
  name: 'host.rebooted',
  summary: 'The host was rebooted, once for each label',
  args, timeoutS: 3600, mayKill: true,
  describe: ({ label }) => `Reboot the host, once (${label})`,
  touches: ({ label }) => ({ paths: [`${FOLDER}/${label}`] }),
  async check(probe, { label }) {
    const mark = await readMark(probe, label), rebooted = await isPast(probe, mark);
    const differences: Difference[] = rebooted ? [] : [{ what: 'the host', found: mark === undefined ? 'not rebooted for this step' : 'about to be rebooted', wanted: 'rebooted' }];
    return finding({ rebooted }, differences, rebooted ? `rebooted for ${label} before` : undefined);
  },
  async apply(host, { label, agent, downWithinS }) {
    for (const [name, unit] of await readUnits(host, agent)) if (unit.enabled !== 'enabled') throw new StepError('precondition_failed', `${name} is ${unit.enabled || unit.load}, so that nobody would take this step up after the boot: tandem agent install`);
    await host.makeDirectory(FOLDER, { mode: 0o700 });
    await host.writeFile(`${FOLDER}/${label}`, `${await readBootMark(host)}\n`, { mode: 0o600 }); // on disk before it returns
    host.progress('the host goes down now; the step ends after the boot');
    await host.act(['systemctl', 'reboot']);
    await pause(downWithinS * 1000); // nothing after this runs where the host goes down
    throw new StepError('command_failed', `the host did not go down within ${String(downWithinS)} s; systemctl list-jobs shows what holds it`);
  },
  async verify(probe, a) {
    const until = performance.now() + 1000 * a.upWithinS;
    let [name, unit] = await only(probe, a.target);
    while (!isRunning(unit) && performance.now() < until) {
      await pause(1000);
      [name, unit] = await only(probe, a.target);
    }
    const rebooted = await isPast(probe, await readMark(probe, a.label));
    return finding({ rebooted }, [
      ...(rebooted ? [] : [{ what: 'the host', found: 'not rebooted', wanted: 'rebooted' }]),
      ...(isRunning(unit) ? [] : [{ what: `${name}, ${String(a.upWithinS)} s after the agent came back`, found: wordsOf(unit), wanted: 'active' }]),
    ]);
  },
});

const readMark = async (probe: Probe, label: string): Promise<string | undefined> => (await probe.readFile(`${FOLDER}/${label}`))?.trim();
/** A power cut may have left an empty mark: the reboot is then still to come. */
const isPast = async (probe: Probe, mark: string | undefined): Promise<boolean> => mark !== undefined && mark !== '' && mark !== await readBootMark(probe);

async function only(probe: Probe, units: string[]): Promise<[string, UnitState]> {
  for (const each of await readUnits(probe, units)) return each;
  throw new StepError('internal', 'one unit was asked for');
}
