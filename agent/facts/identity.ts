import type { Probe } from '../host/host.ts';
import { parseAddresses, parseOsRelease } from '../parse/identity.ts';

/** Who this host is: the kernel's name, the resolver's full name, its addresses and its release. */
export interface Identity { hostname: string; fqdn: string; addresses: string[]; osId: string; osVersion: string }

/** RHEL 7.0 has both release files; os-release is asked first. `hostname -f` fails where the resolver does not know the name: then fqdn is empty. */
export async function readIdentity(probe: Probe): Promise<Identity> {
  const hostname = (await probe.readFile('/proc/sys/kernel/hostname') ?? '').trim();
  const full = await probe.read(['hostname', '-f'], { okCodes: [0, 1] });
  const addresses = parseAddresses((await probe.read(['ip', '-o', 'addr'])).stdout);
  const os = parseOsRelease(await probe.readFile('/etc/os-release') ?? '');
  const release = /^Red Hat Enterprise Linux .*release (\S+)/.exec(await probe.readFile('/etc/redhat-release') ?? '');
  return { hostname, fqdn: full.exitCode === 0 ? full.stdout.trim() : '', addresses, osId: os['ID'] ?? (release ? 'rhel' : ''), osVersion: os['VERSION_ID'] ?? release?.[1] ?? '' };
}
