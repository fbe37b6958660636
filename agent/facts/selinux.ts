import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { parseBooleans } from '../parse/selinux.ts';

/** Why SELinux asks for nothing on this host; undefined where it is at work. Files only. Throws precondition_failed between the two. */
export async function withoutSelinux(probe: Probe): Promise<string | undefined> {
  if (await probe.stat('/sys/fs/selinux/enforce') !== undefined) return undefined;
  const mode = (await setting(probe, 'SELINUX')) ?? 'disabled', type = await setting(probe, 'SELINUXTYPE') ?? 'targeted';
  if (mode === 'disabled') return 'no SELinux on this host';
  if (await probe.stat(`/etc/selinux/${type}`) === undefined) return `no SELinux on this host: the kernel runs without it and there is no policy ${type}`;
  throw new StepError('precondition_failed', `/etc/selinux/config says SELINUX=${mode}, but the kernel runs without SELinux: reboot first`);
}

/** Booleans that survive a reboot because somebody set them with -P. RHEL 7.0 keeps the store under modules/, 7.3 no longer. */
export async function storedBooleans(probe: Probe): Promise<Map<string, 'on' | 'off'>> {
  const folder = `/etc/selinux/${await setting(probe, 'SELINUXTYPE') ?? 'targeted'}`;
  return parseBooleans(await probe.readFile(`${folder}/modules/active/booleans.local`) ?? await probe.readFile(`${folder}/active/booleans.local`) ?? '');
}

async function setting(probe: Probe, name: string): Promise<string | undefined> {
  return new RegExp(`^\\s*${name}\\s*=\\s*(\\w+)`, 'm').exec(await probe.readFile('/etc/selinux/config') ?? '')?.[1];
}
