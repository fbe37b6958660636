import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { finding, operation } from './operation.ts';
import { listOf, looksAtUnits, lookAtUnits, restoreUnits, systemctl, touchesUnits, unitNames } from './units.ts';

const args = z.strictObject({ units: unitNames });

/** Units that the boot starts and this step does not, such as the cleanup units of a network agent (row C49). Read back from the links on disk, through systemd. */
export const serviceEnabled = operation({
  name: 'service.enabled', summary: 'Units are started at boot; whether they run now is not touched.', args, timeoutS: 120, mayKill: true,
  describe: (a) => `${listOf(a.units)} enabled at boot, not started now`,
  touches: touchesUnits, looksAt: looksAtUnits,
  async check(probe, a) {
    const { states, found } = await lookAtUnits(probe, a.units);
    return finding(found, [...states].filter(([, unit]) => unit.enabled !== 'enabled')
      .map(([what, unit]) => ({ what: `${what} at boot`, found: unit.enabled || unit.load, wanted: 'enabled' })));
  },
  async apply(host, a) {
    const { states } = await lookAtUnits(host, a.units);
    for (const [name, unit] of states) {
      if (unit.load !== 'loaded' || unit.enabled === 'static') throw new StepError('precondition_failed', `${name} cannot be enabled: it is ${unit.load === 'loaded' ? 'static' : unit.load}`);
    }
    await systemctl(host, 'enable', [...states].filter(([, unit]) => unit.enabled !== 'enabled').map(([name]) => name));
  },
  revert: restoreUnits,
});
