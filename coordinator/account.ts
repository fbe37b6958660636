import { hostname, userInfo } from 'node:os';

/** The OS account that runs the coordinator, as NAME@HOST; the number where no account has a name for it, as in an empty root. */
export function account(): string {
  let name = `uid ${String(process.getuid?.() ?? '?')}`;
  try { name = userInfo().username; } catch { /* ENOENT: no passwd entry; the number says who it was all the same */ }
  return `${name}@${hostname()}`;
}
