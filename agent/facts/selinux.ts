import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { parseFileContexts, type ContextRule } from '../parse/file-contexts.ts';
import { mountsUnder, parseMountinfo, type Mount } from '../parse/mountinfo.ts';
import { parseBooleans } from '../parse/selinux.ts';

/** Why SELinux asks for nothing on this host; undefined where it is at work. Files only. Throws precondition_failed between the two. */
export async function withoutSelinux(probe: Probe): Promise<string | undefined> {
  if (await probe.stat('/sys/fs/selinux/enforce') !== undefined) return undefined;
  const mode = (await setting(probe, 'SELINUX')) ?? 'disabled', type = await policyType(probe);
  if (mode === 'disabled') return 'no SELinux on this host';
  if (await probe.stat(`/etc/selinux/${type}`) === undefined) return `no SELinux on this host: the kernel runs without it and there is no policy ${type}`;
  throw new StepError('precondition_failed', `/etc/selinux/config says SELINUX=${mode}, but the kernel runs without SELinux: reboot first`);
}

/** The value of a boolean in the running policy, from the kernel: "ACTIVE PENDING". undefined: the policy has none of that name. */
export async function runningBoolean(probe: Probe, name: string): Promise<'on' | 'off' | undefined> {
  const text = await probe.readFile(`/sys/fs/selinux/booleans/${name}`);
  return text === undefined ? undefined : text.startsWith('1') ? 'on' : 'off';
}

/** Booleans that survive a reboot because somebody set them with -P. */
export async function storedBooleans(probe: Probe): Promise<Map<string, 'on' | 'off'>> {
  return parseBooleans(await probe.readFile(`${await storeOf(probe)}/booleans.local`) ?? '');
}

/** The policy store in use, newest kind first: a migrated host keeps the old one. libsemanage from 2.4 on; RHEL 7.3 on, which kept it in /etc; RHEL 7.0 (2.1.10). */
async function storeOf(probe: Probe): Promise<string> {
  const type = await policyType(probe);
  for (const store of [`/var/lib/selinux/${type}/active`, `/etc/selinux/${type}/active`]) if (await probe.stat(store) !== undefined) return store;
  return `/etc/selinux/${type}/modules/active`;
}

/** Local rules for labels, as libselinux reads them. */
export async function localContexts(probe: Probe): Promise<ContextRule[]> {
  return parseFileContexts(await probe.readFile(`/etc/selinux/${await policyType(probe)}/contexts/files/file_contexts.local`) ?? '');
}

/** Mounts at or below these paths, and those they lie in, whose files carry no labels of their own: restorecon passes over them in silence. */
export async function unlabeledMounts(probe: Probe, paths: readonly string[]): Promise<Mount[]> {
  const mounts = parseMountinfo(await probe.readFile('/proc/self/mountinfo') ?? '');
  return [...new Set(paths.flatMap((path) => mountsUnder(mounts, path)))].filter((each) => !each.labels);
}

const policyType = async (probe: Probe): Promise<string> => await setting(probe, 'SELINUXTYPE') ?? 'targeted';

async function setting(probe: Probe, name: string): Promise<string | undefined> {
  return new RegExp(`^\\s*${name}\\s*=\\s*(\\w+)`, 'm').exec(await probe.readFile('/etc/selinux/config') ?? '')?.[1];
}
