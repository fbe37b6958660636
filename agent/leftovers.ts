import { readFileSync, readdirSync } from 'node:fs';
import { bootId, startTicks } from './host/proc.ts';
import type { Trace } from './runlog.ts';

/** A process of the given command whose pid could not be recorded: it carries the command's mark and the recorded argv. */
function marked(commandId: string, argv: string[]): number | undefined {
  const wanted = argv.join('\0');
  return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map(Number).find((pid) => {
    try {
      const environment = readFileSync(`/proc/${String(pid)}/environ`, 'latin1').split('\0');
      return environment.includes(`TANDEM_COMMAND=${commandId}`) && readFileSync(`/proc/${String(pid)}/cmdline`, 'latin1').includes(wanted);
    } catch {
      return false; // gone, or a kernel thread: not ours
    }
  });
}

/**
 * Waits for the process that an earlier life of the agent started for this command, if it still runs. It is found by
 * pid, start time and boot, never by pid alone. Its exit status is not asked for: `check` judges what it did.
 */
export async function outliveLeftover(trace: Trace, onWait: (pid: number) => void): Promise<void> {
  const spawned = trace.spawned;
  if (spawned?.bootId !== bootId()) return;
  const pid = spawned.pid === 0 ? marked(spawned.command, spawned.argv) : spawned.pid;
  if (pid === undefined) return;
  const ticks = spawned.pid === 0 ? startTicks(pid) : spawned.startTicks;
  if (ticks === 0 || startTicks(pid) !== ticks) return;
  onWait(pid);
  while (startTicks(pid) === ticks) await new Promise((resolve) => { setTimeout(resolve, 100); });
}
