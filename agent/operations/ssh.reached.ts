import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { accountName, hostName } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  user: accountName.describe('Account that logs in'),
  hosts: z.array(hostName).min(1).describe('Hosts that it logs in to'),
  deadlineS: z.int().min(0).max(3600).default(60).describe('Seconds within which all must let it in'),
});

/** An account of this host logs in to each other host without being asked anything (row N5: each pair, from its first host), by runuser as a service would (trap 39). */
export const sshReached = operation({
  name: 'ssh.reached',
  summary: 'An account logs in to other hosts without a question',
  args, timeoutS: 3600, mayKill: true,
  describe: ({ user, hosts }) => `${user} logs in to ${hosts.join(', ')} with its key`,
  deadlineS: (a) => a.deadlineS,
  async check(probe, { user, hosts }) {
    const differences: Difference[] = [];
    for (const host of hosts) {
      const ran = await probe.read(['ssh', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', host, 'true'], { runAs: user, okCodes: [0, 1, 126, 127, 254, 255] });
      if (ran.exitCode !== 0) differences.push({ what: `${user} at ${host}`, found: ran.stderr.trim().split('\n').at(-1) ?? `exit code ${String(ran.exitCode)}`, wanted: 'let in' });
    }
    return finding({ reached: hosts.length - differences.length }, differences);
  },
});
