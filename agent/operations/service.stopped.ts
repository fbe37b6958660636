import * as z from 'zod';
import { finding, operation } from './operation.ts';
import { listOf, looksAtUnits, lookAtUnits, restoreUnits, systemctl, touchesUnits, unitNames } from './units.ts';

const args = z.strictObject({
  units: unitNames,
  disabled: z.boolean().default(false).describe('Also not started at boot any more.'),
});

/** Rows C11, C36: not running. A unit that does not exist does not run. Failed counts as stopped; activating (about to be started again) does not. */
export const serviceStopped = operation({
  name: 'service.stopped', summary: 'Units do not run.', args, timeoutS: 300, mayKill: true,
  describe: (a) => `${listOf(a.units)} stopped${a.disabled ? ' and not started at boot' : ''}`,
  touches: touchesUnits, looksAt: looksAtUnits,
  async check(probe, a) {
    const { states, found } = await lookAtUnits(probe, a.units);
    const absent = [...states].filter(([, unit]) => unit.load === 'not-found').map(([name]) => name);
    return finding(found, [...states].flatMap(([what, unit]) => [
      ...(unit.active === 'inactive' || unit.active === 'failed' ? [] : [{ what, found: `${unit.active} (${unit.sub})`, wanted: 'inactive' }]),
      ...(a.disabled && unit.enabled === 'enabled' ? [{ what: `${what} at boot`, found: 'enabled', wanted: 'disabled' }] : []),
    ]), absent.length === 0 ? undefined : `${absent.join(', ')}: no such unit on this host`);
  },
  async apply(host, a) {
    const { states } = await lookAtUnits(host, a.units);
    if (a.disabled) await systemctl(host, 'disable', [...states].filter(([, unit]) => unit.enabled === 'enabled').map(([name]) => name));
    await systemctl(host, 'stop', [...states].filter(([, unit]) => unit.active !== 'inactive' && unit.active !== 'failed').map(([name]) => name));
  },
  revert: restoreUnits,
});
