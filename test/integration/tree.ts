import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * All that differs from the lab's layers in a host's file system, seen from outside: its overlay's upper layer. Path to
 * type, mode, owner, size, time of change and content or target. A removed file shows as a device of number 0.
 */
export function changedFiles(run: string, host: string, except: readonly string[]): Map<string, string> {
  const top = `/var/tmp/tandem-lab-${run}/${host}/upper`, seen = new Map<string, string>();
  const walk = (path: string): void => {
    for (const name of readdirSync(top + path).sort()) {
      const inside = `${path}/${name}`;
      if (except.includes(inside)) continue;
      const s = lstatSync(top + inside);
      const content = s.isFile() ? createHash('sha256').update(readFileSync(top + inside)).digest('hex') : s.isSymbolicLink() ? readlinkSync(top + inside) : String(s.rdev);
      seen.set(inside, `${s.mode.toString(8)} ${s.uid}:${s.gid} ${s.isDirectory() ? '' : s.size} ${holdsExcepted(inside, except) ? '' : s.mtimeMs} ${content}`);
      if (s.isDirectory()) walk(inside);
    }
  };
  walk('');
  return seen;
}

/** The time of a folder in which something excepted comes and goes says nothing. */
const holdsExcepted = (path: string, except: readonly string[]): boolean => except.some((one) => one.slice(0, one.lastIndexOf('/')) === path);
