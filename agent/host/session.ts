import { readFileSync, readdirSync } from 'node:fs';
import { sessionOf } from './proc.ts';

/** What a package's script left running is waited for so long; one that never ends must not hold the step for ever. */
const STRAGGLERS_S = 60;

/** Processes that carry the command's mark: started for it, or children of one that was. */
export function marked(commandId: string): number[] {
  return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${String(pid)}/environ`, 'latin1').split('\0').includes(`TANDEM_COMMAND=${commandId}`);
    } catch {
      return false; // gone, or a kernel thread: not ours
    }
  });
}

/** Those of them that run this command. */
export function withArgv(pids: number[], argv: string[]): number[] {
  const wanted = argv.join('\0');
  return pids.filter((pid) => { try { return readFileSync(`/proc/${String(pid)}/cmdline`, 'latin1').includes(wanted); } catch { return false; } });
}

/**
 * Resolves once nothing is left of the session that a command began: the process itself, whatever became of its parent, and
 * what it left running there, such as the script of a package whose yum was killed. A service that went its own way has a session of its own.
 */
export async function sessionEnd(commandId: string, leader: number, argv: string[]): Promise<void> {
  const until = performance.now() + STRAGGLERS_S * 1000;
  for (;;) {
    const left = marked(commandId).filter((pid) => sessionOf(pid) === leader);
    if (left.length === 0 || (performance.now() > until && withArgv(left, argv).length === 0)) return;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}
