import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import type { UnitState } from '../facts/units.ts';
import { finding, operation } from './operation.ts';
import { listOf, looksAtUnits, lookAtUnits, restoreUnits, systemctl, touchesUnits, unitNames, wordsOf } from './units.ts';

const args = z.strictObject({ units: unitNames });

/** Row C10b: stopped, disabled and masked, so that neither a boot nor another unit brings it back. Proven at the link that systemd follows, not only by its word. */
export const serviceMasked = operation({
  name: 'service.masked', summary: 'Units are stopped and cannot be started by anything.', args, timeoutS: 300, mayKill: true,
  describe: (a) => `${listOf(a.units)} stopped, disabled and masked`,
  touches: touchesUnits, looksAt: looksAtUnits,
  async check(probe, a) {
    const { states, found } = await lookAtUnits(probe, a.units);
    const absent = [...states].filter(([, unit]) => unit.load === 'not-found').map(([name]) => name);
    return finding(found, differences(states), absent.length === 0 ? undefined : `${absent.join(', ')}: no such unit on this host, nothing to mask`);
  },
  async apply(host, a) {
    const { states } = await lookAtUnits(host, a.units);
    const present = [...states].filter(([, unit]) => unit.load !== 'not-found');
    await systemctl(host, 'stop', present.filter(([, unit]) => unit.active !== 'inactive').map(([name]) => name));
    await systemctl(host, 'disable', present.filter(([, unit]) => unit.enabled === 'enabled').map(([name]) => name));
    await systemctl(host, 'mask', present.filter(([, unit]) => unit.load !== 'masked').map(([name]) => name));
  },
  async verify(probe, a) {
    const { states, found } = await lookAtUnits(probe, a.units);
    const wrong = differences(states);
    for (const [name, unit] of states) {
      if (unit.load === 'not-found') continue;
      const target = (await probe.stat(`/etc/systemd/system/${name}`))?.linkTarget;
      if (target !== '/dev/null') wrong.push({ what: `/etc/systemd/system/${name}`, found: target ?? 'no link', wanted: '/dev/null' });
    }
    return finding(found, wrong);
  },
  revert: restoreUnits,
});

function differences(states: Map<string, UnitState>): Difference[] {
  return [...states].filter(([, unit]) => unit.load !== 'not-found').flatMap(([what, unit]) => [
    ...(unit.load === 'masked' ? [] : [{ what, found: unit.enabled || unit.load, wanted: 'masked' }]),
    ...(unit.active === 'inactive' || unit.active === 'failed' ? [] : [{ what: `${what} now`, found: wordsOf({ ...unit, load: 'loaded' }), wanted: 'inactive' }]),
  ]);
}
