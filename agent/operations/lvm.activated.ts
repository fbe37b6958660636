import * as z from 'zod';
import type { Difference, Json } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { readVolumeGroups, readVolumes } from '../facts/volume-groups.ts';
import type { Probe } from '../host/host.ts';
import { finding, operation } from './operation.ts';

const lvmName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/, 'expected an LVM name');
const args = z.strictObject({
  vg: lvmName.describe('The one volume group to activate.'),
  uuid: z.string().regex(/^[A-Za-z0-9]{6}(-[A-Za-z0-9]{4}){5}-[A-Za-z0-9]{6}$/, 'expected an LVM UUID').describe('Its UUID on the old host.'),
  lvs: z.array(lvmName).default([]).describe('Logical volumes that must be there and active; more may be.'),
});
type Args = z.infer<typeof args>;

/**
 * Row C6. Only the named group: a bare `vgchange -ay` would also activate groups that lie inside guests' volumes.
 * A group of that name with another UUID is refused. Proven by the device nodes. So far tested on recorded output
 * only: the lab's hosts have no device-mapper; real volumes come with the virtual machines of a later issue.
 */
export const lvmActivated = operation({
  name: 'lvm.activated', summary: 'A volume group of the old host is active here.', args, timeoutS: 300, mayKill: true,
  describe: (a) => `activate volume group ${a.vg} (${a.uuid})${a.lvs.length === 0 ? '' : ` with ${a.lvs.join(', ')}`}`,
  async check(probe, a) {
    const volumes = await look(probe, a);
    return finding({ vg: a.vg, present: volumes !== undefined, lvs: volumes ?? {} }, differences(a, volumes));
  },
  async apply(host, a) {
    const volumes = await look(host, a);
    if (volumes === undefined) throw new StepError('precondition_failed', `volume group ${a.vg} is not on this host: are its disks connected?`);
    const missing = a.lvs.filter((name) => volumes[name] === undefined);
    if (missing.length > 0) throw new StepError('precondition_failed', `volume group ${a.vg} has no ${missing.join(', ')}; it has ${Object.keys(volumes).join(', ') || 'none'}`);
    await host.act(['vgchange', '-ay', a.vg]);
  },
  async verify(probe, a) {
    const volumes = await look(probe, a);
    const wrong = differences(a, volumes);
    for (const name of Object.keys(volumes ?? {})) {
      if (await probe.stat(`/dev/${a.vg}/${name}`) === undefined) wrong.push({ what: `/dev/${a.vg}/${name}`, found: 'not there', wanted: 'a device' });
    }
    return finding({ vg: a.vg, present: volumes !== undefined, lvs: volumes ?? {} }, wrong);
  },
  async revert(host, a, found: Json) {
    const { lvs: before } = found as { lvs: Record<string, boolean> };
    const now = await look(host, a) ?? {};
    const off = Object.keys(now).filter((name) => now[name] === true && before[name] === false);
    if (off.length === Object.keys(now).length && off.length > 0) await host.act(['vgchange', '-an', a.vg]);
    else if (off.length > 0) await host.act(['lvchange', '-an', ...off.map((name) => `${a.vg}/${name}`)]);
  },
});

/** Volumes of the group meant; undefined where there is none of that name. Refuses another group of the same name. */
async function look(probe: Probe, a: Args): Promise<Record<string, boolean> | undefined> {
  const same = (await readVolumeGroups(probe)).filter((one) => one.name === a.vg);
  const other = same.find((one) => one.uuid !== a.uuid);
  if (other !== undefined) throw new StepError('precondition_failed', `a volume group ${a.vg} with UUID ${other.uuid} is here; the old host's has ${a.uuid}`);
  return same.length === 0 ? undefined : await readVolumes(probe, a.vg);
}

function differences(a: Args, volumes: Record<string, boolean> | undefined): Difference[] {
  if (volumes === undefined) return [{ what: `volume group ${a.vg}`, found: 'not there', wanted: 'active' }];
  const names = [...new Set([...a.lvs, ...Object.keys(volumes)])];
  return names.filter((name) => volumes[name] !== true).map((name) => ({ what: `${a.vg}/${name}`, found: volumes[name] === undefined ? 'not there' : 'inactive', wanted: 'active' }));
}
