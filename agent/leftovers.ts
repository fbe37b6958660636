import { readFileSync, readdirSync } from 'node:fs';
import { bootId, startTicks } from './host/proc.ts';
import type { Trace } from './runlog.ts';

/** Processes that carry the command's mark: started for it, or children of one that was. */
function marked(commandId: string): number[] {
  return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${String(pid)}/environ`, 'latin1').split('\0').includes(`TANDEM_COMMAND=${commandId}`);
    } catch {
      return false; // gone, or a kernel thread: not ours
    }
  });
}

/** The one whose pid could not be recorded. */
function withArgv(pids: number[], argv: string[]): number | undefined {
  const wanted = argv.join('\0');
  return pids.find((pid) => { try { return readFileSync(`/proc/${String(pid)}/cmdline`, 'latin1').includes(wanted); } catch { return false; } });
}

/** Kills all that a command started and that goes on: what it still does would undo the way back. Gives up waiting after some seconds. */
export async function endMarked(commandId: string): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) {
    const pids = marked(commandId);
    if (pids.length === 0) return;
    for (const pid of pids) try { process.kill(pid, 'SIGKILL'); } catch { /* gone by itself */ }
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}

/**
 * Waits for the process that an earlier life of the agent started for this command, if it still runs. It is found by
 * pid, start time and boot, never by pid alone. Its exit status is not asked for: `check` judges what it did.
 */
export async function outliveLeftover(trace: Trace, onWait: (pid: number) => void): Promise<void> {
  const spawned = trace.spawned;
  if (spawned?.bootId !== bootId()) return;
  const pid = spawned.pid === 0 ? withArgv(marked(spawned.command), spawned.argv) : spawned.pid;
  if (pid === undefined) return;
  const ticks = spawned.pid === 0 ? startTicks(pid) : spawned.startTicks;
  if (ticks === 0 || startTicks(pid) !== ticks) return;
  onWait(pid);
  while (startTicks(pid) === ticks) await new Promise((resolve) => { setTimeout(resolve, 100); });
}
