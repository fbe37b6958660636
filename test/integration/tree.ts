import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Names are byte strings, as in the product: some are no UTF-8. */
const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');
const upper = (run: string, host: string): string => `/var/tmp/tandem-lab-${run}/${host}/upper`;
/** The agent's state, the package manager's caches, rpm's database, the journal. */
export const notCompared = ['/var/lib/tandem', '/var/cache/dnf', '/var/lib/rpm', '/var/log/journal'] as const;
/** Data of running servers, which they write to at any time. */
export const ofServers = ['/var/lib/mysql', '/var/lib/rabbitmq', '/var/log/rabbitmq', '/var/log/mariadb'] as const;

/** Paths of a host changed in content, mode, owner or name at or after a time in milliseconds; a removed one too. */
export function changedSince(run: string, host: string, timeMs: number): string[] {
  const top = upper(run, host);
  const below = (path: string): string[] => readdirSync(bytes(top + path), 'latin1').map((name) => `${path}/${name}`).filter((inside) => ![...notCompared, ...ofServers].includes(inside as never))
    .flatMap((inside) => { const s = lstatSync(bytes(top + inside)); return [...(s.ctimeMs >= timeMs ? [inside] : []), ...(s.isDirectory() ? below(inside) : [])]; });
  return below('');
}

/**
 * All that differs from the lab's layers in a host's file system, seen from outside: its overlay's upper layer. Path to
 * type, mode, owner, size, time of change and content or target. A removed file shows as a device of number 0.
 */
export function changedFiles(run: string, host: string, except: readonly string[]): Map<string, string> {
  const top = upper(run, host), seen = new Map<string, string>();
  const walk = (path: string): void => {
    for (const name of readdirSync(bytes(top + path), 'latin1').sort()) {
      const inside = `${path}/${name}`;
      if (except.includes(inside)) continue;
      const s = lstatSync(bytes(top + inside));
      const content = s.isFile() ? createHash('sha256').update(readFileSync(bytes(top + inside))).digest('hex') : s.isSymbolicLink() ? readlinkSync(bytes(top + inside), 'latin1') : String(s.rdev);
      seen.set(inside, `${s.mode.toString(8)} ${s.uid}:${s.gid} ${s.isDirectory() ? '' : s.size} ${holdsExcepted(inside, except) ? '' : s.mtimeMs} ${content}`);
      if (s.isDirectory()) walk(inside);
    }
  };
  walk('');
  return seen;
}

/** The time of a folder in which something excepted comes and goes says nothing. */
const holdsExcepted = (path: string, except: readonly string[]): boolean => except.some((one) => one.slice(0, one.lastIndexOf('/')) === path);
