import type { Ran } from './host/host.ts';
import { bootId, sessionOf, startTicks } from './host/proc.ts';
import { endedAs } from './host/process.ts';
import { marked, sessionEnd, withArgv } from './host/session.ts';
import type { Trace } from './runlog.ts';

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
 * Waits for the process that an earlier life of the agent started for this command, if it still runs, and for what it left
 * running. It is found by pid, start time and boot, never by pid alone. Resolves with how it ended, where that is on record.
 */
export async function outliveLeftover(trace: Trace, onWait: (pid: number) => void): Promise<Ran | undefined> {
  const { spawned, applied } = trace;
  if (spawned === undefined) return undefined;
  if (spawned.bootId === bootId()) {
    const leader = spawned.pid === 0 ? withArgv(marked(spawned.command), spawned.argv).map(sessionOf).find((session) => session !== 0) : spawned.pid;
    if (leader !== undefined) {
      const ticks = spawned.pid === 0 ? startTicks(leader) : spawned.startTicks;
      const runs = (): boolean => ticks !== 0 && startTicks(leader) === ticks && sessionOf(leader) !== 0;
      if (runs() || marked(spawned.command).some((pid) => sessionOf(pid) === leader)) onWait(leader);
      while (runs()) await new Promise((resolve) => { setTimeout(resolve, 100); });
      await sessionEnd(spawned.command, leader, spawned.argv);
    }
  }
  return applied === undefined ? endedAs(spawned.argv, spawned.outputFile) : undefined;
}
