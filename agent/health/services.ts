import { X509Certificate } from 'node:crypto';
import type { HealthItem } from './health.ts';

const DAY_MS = 86_400_000;
/** Days before the agent's certificate ends at which a person should act, and must. */
const CERTIFICATE_WARN_DAYS = 30, CERTIFICATE_CRITICAL_DAYS = 7;
/** Neutron drops reports that are behind its own start, nova judges services by time: procedure.md 2.3, trap 24. */
const OFFSET_WARN_S = 0.5, OFFSET_CRITICAL_S = 1;

const item = (subsystem: string, grade: HealthItem['grade'], reason: string, values: HealthItem['values'] = {}): HealthItem => ({ subsystem, grade, reason, values });

/** `systemctl list-units --state=failed --no-legend`: one failed unit a line; newer systemd puts a mark before it. */
export function unitsItem(listing: string): HealthItem {
  const failed = listing.split('\n').map((line) => line.replace(/^[^A-Za-z0-9]+/, '').split(/\s+/)[0] ?? '').filter((name) => name.includes('.'));
  return item('units', failed.length === 0 ? 'ok' : 'warn', failed.length === 0 ? 'no failed unit' : `failed: ${failed.join(', ')}`, { failed });
}

/** What rpm says on stderr when asked for any one package. */
export function packagesItem(stderr: string): HealthItem {
  const first = stderr.split('\n').find((line) => /^(error|rpmdb):/i.test(line));
  return first === undefined ? item('rpm database', 'ok', 'readable') : item('rpm database', 'critical', first);
}

/** /sys/fs/selinux/enforce and /etc/selinux/config; undefined where there is none. */
export function selinuxItem(enforce: string | undefined, config: string | undefined): HealthItem {
  if (enforce === undefined) return item('selinux', 'ok', 'this host has no SELinux', { mode: 'absent' });
  const wanted = /^SELINUX=(\w+)/m.exec(config ?? '')?.[1] ?? 'unset';
  const mode = enforce.trim() === '1' ? 'enforcing' : 'permissive';
  return item('selinux', mode === wanted ? 'ok' : 'warn', mode === wanted ? mode : `${mode}, configured as ${wanted}`, { mode, wanted });
}

export function volumeGroupsItem(groups: { name: string; uuid: string }[]): HealthItem {
  const names = groups.map(({ name }) => name);
  const twice = names.filter((name, at) => names.indexOf(name) !== at);
  if (twice.length > 0) return item('volume groups', 'critical', `two volume groups are called ${twice.join(', ')}`, { names });
  return item('volume groups', 'ok', names.length === 0 ? 'none' : names.join(', '), { names });
}

/** iSCSI targets in the running configuration (configfs) and whether a saved one is there to come back after a reboot. */
export function targetsItem(running: string[], saved: string | undefined): HealthItem {
  const lost = running.filter((name) => !(saved ?? '').includes(name));
  if (lost.length > 0) return item('lio targets', 'warn', `not in saveconfig.json, lost at the next boot: ${lost.join(', ')}`, { running });
  return item('lio targets', 'ok', running.length === 0 ? 'none' : `${String(running.length)} running and saved`, { running });
}

/** Bridges of Open vSwitch; undefined where it does not run. */
export function bridgesItem(bridges: string[] | undefined): HealthItem {
  if (bridges === undefined) return item('ovs bridges', 'ok', 'Open vSwitch does not run here', { bridges: [] });
  return item('ovs bridges', 'ok', bridges.length === 0 ? 'none' : bridges.join(', '), { bridges });
}

export function portsItem(ports: number[]): HealthItem {
  const sorted = [...new Set(ports)].sort((a, b) => a - b);
  return item('ports', 'ok', sorted.length === 0 ? 'nothing listens' : `listening: ${sorted.join(', ')}`, { ports: sorted });
}

/** Offset from the time source in seconds; undefined with the reason why nobody knows it. */
export function clockItem(offsetS: number | undefined, reason: string): HealthItem {
  if (offsetS === undefined) return item('clock', 'unknown', reason);
  const off = Math.abs(offsetS);
  return item('clock', off > OFFSET_CRITICAL_S ? 'critical' : off > OFFSET_WARN_S ? 'warn' : 'ok', `${offsetS.toFixed(3)} s from its time source`, { offsetS });
}

/** The system clock's offset in `chronyc tracking`: "System time : 0.000012 seconds slow of NTP time". */
export function offsetFromChrony(text: string): number | undefined {
  const found = /^System time\s*:\s*([0-9.]+) seconds (slow|fast)/m.exec(text);
  return found === null ? undefined : Number(found[1]) * (found[2] === 'slow' ? -1 : 1);
}

/** The selected peer's offset in `ntpq -pn`, milliseconds there: the line that begins with `*`. */
export function offsetFromNtpq(text: string): number | undefined {
  const columns = text.split('\n').find((line) => line.startsWith('*'))?.trim().split(/\s+/);
  return columns?.[8] === undefined ? undefined : Number(columns[8]) / 1000;
}

/** The agent's own certificate and its site's authority: the one that ends sooner decides, and no new certificate helps where the authority ends. */
export function certificateItem(pem: Buffer, authorityPem: Buffer | undefined, nowMs: number): HealthItem {
  const daysOf = (each: Buffer): number => Math.floor((Date.parse(new X509Certificate(each).validTo) - nowMs) / DAY_MS);
  const own = daysOf(pem), authority = authorityPem === undefined ? undefined : daysOf(authorityPem), isAuthority = authority !== undefined && authority <= own;
  const days = isAuthority ? authority : own, who = isAuthority ? "the site's authority " : '';
  const grade = days < CERTIFICATE_CRITICAL_DAYS ? 'critical' : days < CERTIFICATE_WARN_DAYS ? 'warn' : 'ok';
  return item('certificate', grade, `${who}${days < 0 ? `ended ${String(-days)} days ago` : `ends in ${String(days)} days`}`, { daysLeft: days, ...(authority === undefined ? {} : { authorityDaysLeft: authority }) });
}
