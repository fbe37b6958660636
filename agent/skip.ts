import type { Command } from '../proto/command.ts';
import type { Lease } from './lease.ts';
import type { RunLog, Trace } from './runlog.ts';

/** Its intent is on record: what it is about may be half done. */
const isBegun = (trace: Trace | undefined): boolean => trace?.checked?.satisfied === false || trace?.reverting !== undefined;

/** Why this command must not run: its run was stopped, this agent is `another` than its run took the host with, another run took the host, or an earlier command of its batch did not end well. */
export function skipReason(log: RunLog, command: Command, lease: Lease | undefined, another = false): string | undefined {
  if (isBegun(log.commands.get(command.id))) return undefined; // begun in an earlier life: half a change is not left behind
  const { stopped } = log;
  // A stop of 0.1.0 has no fencing number.
  if (stopped !== undefined && (stopped.fence === undefined ? command.attempt <= stopped.attempt : command.fence <= stopped.fence)) return `stopped: ${stopped.reason}`;
  if (lease !== undefined && lease.run !== '' && lease.run !== log.run && command.fence < lease.fence) return `run ${lease.run} of ${lease.owner} took this host over`;
  if (another) return 'this agent has another catalogue than the one with which the run took this host; install that version here, or plan again';
  if (command.mode === 'check') return undefined;
  const failed = log.failedIn(command.batch, command.mode);
  return failed === undefined ? undefined : `${failed.step} before it ended as ${failed.result}`;
}

/**
 * Ends what waits for its coordinator to send it again, and never will be: a later attempt has come for the same step, or the run is
 * being taken back. `held` are the commands that wait or are in hand here, and end by themselves.
 */
export function closeSuperseded(log: RunLog, by: Command, held: ReadonlySet<string>): void {
  for (const [id, trace] of log.open()) {
    const { accepted } = trace;
    if (id === by.id || held.has(id) || (accepted.step !== by.step && by.mode !== 'revert')) continue;
    const begun = isBegun(trace), reason = by.mode === 'revert' ? 'the run is taken back' : `attempt ${String(by.attempt)} has come`;
    log.record(id, accepted.step, { kind: 'finished', result: begun ? 'interrupted' : 'skipped', code: begun ? 'interrupted' : '', reason: `${reason}${begun ? '; it was begun' : ' before it began'}`, failure: null, durationMs: 0 });
  }
}
