import { execFileSync } from 'node:child_process';

/** The commit of the sources that are tried; with a plus where they differ from it, `none` outside of a clone. */
export function commitNow(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try { return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'); } catch { return 'none'; }
}
