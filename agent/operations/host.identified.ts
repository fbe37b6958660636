import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { readIdentity } from '../facts/identity.ts';
import { globToRegExp } from '../parse/glob.ts';
import { finding, operation } from './operation.ts';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, 'expected a host name');
const args = z.strictObject({
  fqdn: name.describe('What `hostname -f` says.'),
  short: name.describe('The host name up to its first dot.'),
  addresses: z.array(z.string().regex(/^[0-9a-f][0-9a-f.:]+$/, 'expected an IP address')).min(1).describe('Addresses this host must have; it may have more.'),
  osId: z.string().default('rhel').describe('ID of os-release.'),
  osVersion: z.string().default('7.*').describe('Glob for VERSION_ID of os-release.'),
});

/**
 * Rows P11, C1: the new host answers to the name and the addresses of the old one, on the release meant. The services
 * know their records by the kernel's host name, so that one may be the short or the full name, and nothing else.
 */
export const hostIdentified = operation({
  name: 'host.identified', summary: 'This is the host, the address and the release that the plan means.', args, timeoutS: 60, mayKill: true,
  describe: (a) => `this host is ${a.fqdn} with ${a.addresses.join(', ')} on ${a.osId} ${a.osVersion}`,
  async check(probe, a) {
    const is = await readIdentity(probe);
    const differences: Difference[] = [];
    if (is.hostname !== a.short && is.hostname !== a.fqdn) differences.push({ what: 'host name', found: is.hostname, wanted: `${a.short} or ${a.fqdn}` });
    if (is.fqdn !== a.fqdn) differences.push({ what: '`hostname -f`', found: is.fqdn || 'not resolvable', wanted: a.fqdn });
    for (const address of a.addresses.filter((one) => !is.addresses.includes(one))) differences.push({ what: `address ${address}`, found: `not on this host (${is.addresses.join(', ')})`, wanted: 'on this host' });
    if (is.osId !== a.osId || !globToRegExp(a.osVersion).test(is.osVersion)) differences.push({ what: 'release', found: `${is.osId} ${is.osVersion}`, wanted: `${a.osId} ${a.osVersion}` });
    return finding({ ...is }, differences);
  },
});
