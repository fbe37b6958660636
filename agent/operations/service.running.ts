import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { isRunning, readUnits, type UnitState } from '../facts/units.ts';
import { finding, operation } from './operation.ts';
import { lookAtUnitsLater, othersThan, start } from './unit-start.ts';
import { listOf, looksAtUnits, lookAtUnits, restoreUnits, systemctl, touchesUnits, unitNames, wordsOf } from './units.ts';

const args = z.strictObject({
  units: unitNames,
  enabled: z.boolean().default(true).describe('Also started at boot.'),
  stableForS: z.int().min(0).max(600).default(2).describe('Seconds during which the main process must stay the same.'),
  startDeadlineS: z.int().min(1).max(3600).default(120).describe('Seconds within which all units must run; a unit that systemd starts again after a start timeout has until then.'),
});

/**
 * Rows C3, C5, C16, C22, C28. A start that systemd calls timed out (Type=notify) may still come good through Restart=:
 * the state counts, not systemctl's exit code. Proven by the same main process, alive in /proc, for `stableForS`.
 */
export const serviceRunning = operation({
  name: 'service.running', summary: 'Units run, stay up, and are started at boot.', args, timeoutS: 600, mayKill: true,
  describe: (a) => `${listOf(a.units)} running${a.enabled ? ' and enabled at boot' : ''}, stable for ${a.stableForS} s`,
  touches: touchesUnits, looksAt: looksAtUnits,
  async check(probe, a) {
    const { states, found } = await lookAtUnits(probe, a.units);
    return finding(found, differences(states, a.enabled));
  },
  async apply(host, a) {
    const states = await readUnits(host, a.units);
    for (const [name, unit] of states) {
      if (unit.load !== 'loaded') throw new StepError('precondition_failed', `${name} cannot be started: systemd says ${unit.load}`);
      if (a.enabled && unit.enabled === 'static') throw new StepError('precondition_failed', `${name} is static, it cannot be enabled; set enabled: false`);
    }
    await systemctl(host, 'enable', a.enabled ? pick(states, (unit) => unit.enabled !== 'enabled') : []);
    await start(host, 'start', pick(states, (unit) => !isRunning(unit)), a.startDeadlineS);
  },
  async verify(probe, a) {
    const { states: first, found } = await lookAtUnits(probe, a.units);
    const wrong = differences(first, a.enabled);
    if (wrong.length > 0) return finding(found, wrong);
    const { states: second, found: later } = await lookAtUnitsLater(probe, a.units, a.stableForS);
    wrong.push(...await othersThan(probe, first, second, a.stableForS));
    return finding(later, [...differences(second, a.enabled), ...wrong]);
  },
  revert: restoreUnits,
});

const pick = (states: Map<string, UnitState>, test: (unit: UnitState) => boolean): string[] => [...states].filter(([, unit]) => test(unit)).map(([name]) => name);

function differences(states: Map<string, UnitState>, enabled: boolean): Difference[] {
  return [...states].flatMap(([what, unit]) => [
    ...(isRunning(unit) ? [] : [{ what, found: wordsOf(unit), wanted: 'active' }]),
    ...(!enabled || unit.enabled === 'enabled' || unit.load !== 'loaded' ? [] : [{ what: `${what} at boot`, found: unit.enabled || 'no unit file', wanted: 'enabled' }]),
  ]);
}
