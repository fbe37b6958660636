import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Json } from '../../proto/events.ts';
import type { UnitState } from '../facts/units.ts';
import { finding, operation } from './operation.ts';
import { listOf, looksAtUnits, lookAtUnits, systemctl, touchesUnits, unitNames } from './units.ts';

const args = z.strictObject({ units: unitNames });

/**
 * Units that the boot starts and this step does not, such as the cleanup units of a network agent (row C49). Neither started nor stopped, by no way
 * (trap 21: both run the cleanup, which deletes the ports of running guests). Read back from the links on disk, through systemd.
 */
export const serviceEnabled = operation({
  name: 'service.enabled', summary: 'Units are started at boot; whether they run now is not touched.', args, timeoutS: 120, mayKill: true,
  describe: (a) => `${listOf(a.units)} enabled at boot, not started now`,
  touches: touchesUnits, looksAt: looksAtUnits,
  async check(probe, a) {
    const { states } = await lookAtUnits(probe, a.units);
    return finding(linksOf(states), [...states].filter(([, unit]) => unit.enabled !== 'enabled')
      .map(([what, unit]) => ({ what: `${what} at boot`, found: unit.enabled || unit.load, wanted: 'enabled' })));
  },
  async apply(host, a) {
    const { states } = await lookAtUnits(host, a.units);
    for (const [name, unit] of states) {
      if (unit.load !== 'loaded' || unit.enabled === 'static') throw new StepError('precondition_failed', `${name} cannot be enabled: it is ${unit.load === 'loaded' ? 'static' : unit.load}`);
    }
    await systemctl(host, 'enable', [...states].filter(([, unit]) => unit.enabled !== 'enabled').map(([name]) => name));
  },
  async revert(host, a, found) {
    const before = found as Record<string, { enabled: string }>, { states } = await lookAtUnits(host, a.units);
    const pick = (was: string, is: string): string[] => [...states].filter(([name, unit]) => before[name]?.enabled === was && unit.enabled === is).map(([name]) => name);
    await systemctl(host, 'disable', pick('disabled', 'enabled'));
    await systemctl(host, 'enable', pick('enabled', 'disabled'));
  },
});

/** Whether they run is left out: a revert must not stop them, since their stop may clean up too (trap 21). */
const linksOf = (states: Map<string, UnitState>): Json => Object.fromEntries([...states].map(([name, { load, enabled }]) => [name, { load, enabled }]));
