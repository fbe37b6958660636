import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { runningBoolean, storedBooleans, withoutSelinux } from '../facts/selinux.ts';
import { finding, operation } from './operation.ts';

type Found = { active: 'on' | 'off'; stored: 'on' | 'off' } | { selinux: 'none' };

/**
 * An SELinux boolean has a value, now (asked of the kernel) and after a reboot (read from the policy store); row C60. On a
 * host without SELinux: satisfied, with that reason. Errors: precondition_failed for a boolean the policy lacks.
 */
export const selinuxBoolean = operation({
  name: 'selinux.boolean',
  summary: 'An SELinux boolean is on or off, now and after a reboot',
  args: z.strictObject({
    name: z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected the name of a boolean').describe('Boolean, e.g. httpd_can_network_connect'),
    value: z.boolean().describe('true: on'),
  }),
  timeoutS: 600, mayKill: false,
  describe: ({ name, value }) => `Set the SELinux boolean ${name} ${value ? 'on' : 'off'}, for good`,
  async check(probe, { name, value }) {
    const none = await withoutSelinux(probe);
    if (none !== undefined) return finding({ selinux: 'none' }, [], none);
    const active = await runningBoolean(probe, name);
    if (active === undefined) throw new StepError('precondition_failed', `the policy of this host has no boolean ${name}: getsebool -a lists those it has`);
    const stored = (await storedBooleans(probe)).get(name), wanted = value ? 'on' : 'off';
    const differences: Difference[] = [];
    if (active !== wanted) differences.push({ what: name, found: active, wanted });
    if (stored !== wanted) differences.push({ what: `${name} after a reboot`, found: stored ?? `the policy's default`, wanted });
    // What is not stored comes up as it is now, unless somebody changed it for this boot only.
    return finding({ active, stored: stored ?? active }, differences);
  },
  async apply(host, { name, value }) { await host.act(['setsebool', '-P', name, value ? 'on' : 'off'], { outlives: true }); },
  async revert(host, { name }, found) {
    const was = found as Found;
    if ('selinux' in was) return;
    await host.act(['setsebool', '-P', name, was.stored], { outlives: true });
    if (was.active !== was.stored) await host.act(['setsebool', name, was.active]);
  },
});
