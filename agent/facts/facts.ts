import type { Json } from '../../proto/events.ts';
import type { Probe } from '../host/host.ts';
import { readIdentity } from './identity.ts';
import { readAllPackages } from './packages.ts';
import { readRepositories } from './repositories.ts';
import { readVolumeGroups } from './volume-groups.ts';

/**
 * What a host is, for plans and people: release, names, addresses, memory, enabled repositories, packages by name
 * (EPOCH:VERSION-RELEASE), volume groups, SELinux. Takes up to a second: one rpm -qa and three short processes.
 */
export async function readFacts(probe: Probe): Promise<Json> {
  const line = async (path: string): Promise<string> => (await probe.readFile(path) ?? '').trim();
  const [identity, repositories, packages, groups] = await Promise.all([
    readIdentity(probe), readRepositories(probe), readAllPackages(probe),
    probe.list('/etc/lvm/backup').then((known) => (known.length === 0 ? [] : readVolumeGroups(probe))),
  ]);
  return {
    host: { short: identity.hostname, fqdn: identity.fqdn, addresses: identity.addresses, machineId: await line('/etc/machine-id'), bootId: await line('/proc/sys/kernel/random/boot_id') },
    os: { id: identity.osId, version: identity.osVersion, kernel: await line('/proc/sys/kernel/osrelease') },
    memoryTotalKiB: Number(/^MemTotal:\s+(\d+)/m.exec(await line('/proc/meminfo'))?.[1] ?? 0),
    selinux: await probe.readFile('/sys/fs/selinux/enforce') === undefined ? 'absent' : await line('/sys/fs/selinux/enforce') === '1' ? 'enforcing' : 'permissive',
    repositories: repositories.filter((each) => each.enabled).map((each) => each.id).sort(),
    packages: Object.fromEntries(packages.map((each): [string, string] => [each.name, `${String(each.epoch)}:${each.version}-${each.release}`]).sort(([a], [b]) => (a < b ? -1 : 1))),
    volumeGroups: groups.map(({ name, uuid }) => ({ name, uuid })),
  };
}
