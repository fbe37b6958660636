import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { isRunning, readStartTimes, type UnitState } from '../facts/units.ts';
import type { Probe } from '../host/host.ts';
import { absolutePath } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';
import { pause } from './pause.ts';
import { listOf, lookAtUnits, touchesUnits, unitNames, wordsOf } from './units.ts';
import { lookAtUnitsLater, othersThan, start, waitUntilRunning } from './unit-start.ts';

const args = z.strictObject({
  units: unitNames.describe('Units that may be restarted, by name; of these the ones that run and are older than a file. No other unit is touched.'),
  newerThan: z.array(absolutePath).min(1).describe('Files that the units read at their start only; each must exist.'),
  stableForS: z.int().min(0).max(600).default(5).describe('Seconds during which the main process must stay the same.'),
  startDeadlineS: z.int().min(1).max(3600).default(300).describe('Seconds within which all must run again; a unit that systemd starts again after a start timeout has until then.'),
});
type Args = z.infer<typeof args>;
interface Seen { states: Map<string, UnitState>; old: string[]; finding: Finding }

/**
 * What runs has read the files (row U2, C53: read at start only). Times are whole seconds: a unit of the file's own second counts
 * as older. Only what is enabled and runs is restarted, as openstack-service does; a unit that is stopped is left so. Not undone: to
 * read an earlier file, a unit is restarted again. Errors: precondition_failed for a missing file, a failed unit, or one that
 * runs without being enabled; command_failed when a unit does not come back.
 */
export const serviceRestarted = operation({
  name: 'service.restarted', summary: 'Units that run were started after the files they read changed.', args, timeoutS: 1200, mayKill: true,
  describe: (a) => `${listOf(a.units)}: what runs was started after ${a.newerThan.join(', ')} changed, stable for ${a.stableForS} s`,
  touches: (a) => ({ ...touchesUnits(a), paths: a.newerThan }),
  async check(probe, a) { return (await look(probe, a)).finding; },
  async apply(host, a) {
    const { states, old } = await look(host, a);
    for (const [name, unit] of states) {
      if (isBroken(unit) && unit.active === 'failed') throw new StepError('precondition_failed', `${name} has failed (result ${unit.result}): it must run before it can be restarted`);
      if (old.includes(name) && unit.enabled !== 'enabled') throw new StepError('precondition_failed', `${name} runs with what it read before the change, but is ${unit.enabled || 'without a unit file'} at boot: enable it, or stop it`);
      if (old.includes(name) && unit.mainPid === 0) throw new StepError('precondition_failed', `${name} has no main process, so that nobody can tell what it has read`);
    }
    while (Math.floor(Date.now() / 1000) <= await changedS(host, a.newerThan) && old.length > 0) await pause(100); // else it would be of the file's own second
    await start(host, 'restart', old, a.startDeadlineS);
    const starting = [...states].filter(([, unit]) => isBroken(unit)).map(([name]) => name);
    if (starting.length > 0) await waitUntilRunning(host, starting, a.startDeadlineS, performance.now() + a.startDeadlineS * 1000);
  },
  async verify(probe, a) {
    const first = await look(probe, a);
    if (!first.finding.satisfied) return first.finding;
    const { states } = await lookAtUnitsLater(probe, a.units, a.stableForS);
    const stopped = [...states].filter(([name, unit]) => isRunning(first.states.get(name) ?? unit) && !isRunning(unit)).map(([what, unit]) => ({ what, found: wordsOf(unit), wanted: `active for ${a.stableForS} s` }));
    return finding(first.finding.found, [...stopped, ...await othersThan(probe, first.states, states, a.stableForS)]);
  },
});

/** Enabled, and neither running nor stopped on purpose. */
const isBroken = (unit: UnitState): boolean => unit.load === 'loaded' && unit.enabled === 'enabled' && !isRunning(unit) && unit.active !== 'inactive';

async function changedS(probe: Probe, files: string[]): Promise<number> {
  let latestS = 0;
  for (const file of files) {
    const stat = await probe.stat(file);
    if (stat === undefined) throw new StepError('precondition_failed', `there is no ${file}`);
    latestS = Math.max(latestS, stat.mtimeS, stat.ctimeS ?? 0);
  }
  if (latestS > Date.now() / 1000 + 2) throw new StepError('precondition_failed', `${files.join(' or ')} changed in the future (${new Date(latestS * 1000).toISOString()}): this host's clock was set back`);
  return latestS;
}

async function look(probe: Probe, a: Args): Promise<Seen> {
  const sinceS = await changedS(probe, a.newerThan);
  const { states, found } = await lookAtUnits(probe, a.units), running = [...states].filter(([, unit]) => isRunning(unit)).map(([name]) => name);
  const times = running.length === 0 ? new Map<string, number>() : await readStartTimes(probe, running);
  const told = (atS: number | undefined): string => (atS === undefined ? 'without a main process' : `started ${new Date(atS * 1000).toISOString()}`);
  const old = running.filter((name) => (times.get(name) ?? 0) <= sinceS);
  const differences: Difference[] = [
    ...old.map((what) => ({ what, found: told(times.get(what)), wanted: `started after ${new Date(sinceS * 1000).toISOString()}` })),
    ...[...states].filter(([, unit]) => isBroken(unit)).map(([what, unit]) => ({ what, found: wordsOf(unit), wanted: 'active' })),
  ];
  const resting = [...states].filter(([, unit]) => !isRunning(unit) && !isBroken(unit)).map(([name, unit]) => `${name} is ${wordsOf(unit)}`);
  return { states, old, finding: finding(found, differences, resting.length === 0 ? undefined : `not touched: ${resting.join(', ')}`) };
}
