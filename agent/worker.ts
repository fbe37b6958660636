import { StepError } from '../proto/errors.ts';
import { JournalFull } from '../proto/journal.ts';
import type { Window } from './confirm.ts';
import type { Task, Worker } from './task.ts';
import { ReadAhead } from './host/ahead.ts';
import type { Sight } from './host/host.ts';
import { openHost } from './host/local.ts';
import { monotonicMs } from './host/proc.ts';
import { failureOf } from './host/process.ts';
import { endMarked, outliveLeftover } from './leftovers.ts';
import { findOperation } from './operations/catalogue.ts';
import type { Operation, Touches } from './operations/operation.ts';
import type { Emit, Outcome } from './outcome.ts';
import type { Refuses } from './policy.ts';
import { perform, type Earlier } from './perform.ts';

/**
 * A worker over a set of operations and the host's policy: asked whether it may at all, arguments checked, a process of an earlier
 * try waited for, then looked, done, proven.
 */
export function workWith(find: (operation: string) => Operation | undefined, policy: () => Promise<Refuses> = () => Promise.resolve(() => undefined)): Worker {
  const ahead = new ReadAhead();
  const looks = (command: Task['command'], sight: Sight, refuses: Refuses): string[] => {
    const operation = find(command.operation), args = operation?.args.safeParse(command.args);
    if (operation === undefined || args?.success !== true) return [];
    const looked = operation.looksAt?.(args.data);
    return looked?.sight === sight && refuses(operation.name, operation.touches?.(args.data) ?? {}) === undefined ? looked.names : [];
  };
  return async ({ log, command, folder, laterFolders, scrubber, emit, behind, confirmation }: Task): Promise<Outcome> => {
    const trace = log.commands.get(command.id), refuses = await policy();
    const earlier: Earlier | undefined = trace?.checked?.satisfied === false ? { found: trace.checked.found } : undefined;
    // A change that was begun under an earlier policy is ended, or taken back: half a change is not left behind.
    const allow = (touches: Touches): void => {
      const refusal = earlier === undefined ? refuses(command.operation, touches) : undefined;
      if (refusal !== undefined) throw new StepError('refused_by_policy', refusal);
    };
    allow({});
    const operation = find(command.operation);
    if (operation === undefined) throw new StepError('invalid_args', `there is no operation ${command.operation} in this agent's catalogue`);
    const parsed = operation.args.safeParse(command.args);
    if (!parsed.success) throw new StepError('invalid_args', parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
    allow(operation.touches?.(parsed.data) ?? {});
    const ended = trace === undefined ? undefined : await outliveLeftover(trace, (pid) => { emit({ kind: 'progress', text: `process ${String(pid)} of an earlier try still runs; waiting for its end` }); });
    if (ended !== undefined) {
      emit({ kind: 'progress', text: `${ended.argv.slice(0, 3).join(' ')} of an earlier try ended ${ended.signal === '' ? `with exit code ${String(ended.exitCode)}` : `by ${ended.signal}`}` });
      emit({ kind: 'output', stream: 'stdout', text: ended.stdout });
      if (earlier !== undefined) earlier.failed = failureOf(ended, (text) => scrubber.text(text));
    }
    // What a killed agent left running of a step that may be killed must not work beside the next try. A change that waits to be
    // confirmed sees to its own: what it started may be what keeps the host connected.
    if ((trace?.checked !== undefined || command.mode === 'revert') && trace?.armed === undefined && operation.mayKill) await endMarked(command.id);
    let untilMs = operation.mayKill ? monotonicMs() + 1000 * (command.timeoutS || operation.timeoutS) : Infinity;
    const telling: Emit = (event) => {
      // What follows any other event may be a change; a dry run makes none.
      if (command.mode !== 'check' && !(event.kind === 'checked' && event.satisfied)) ahead.forget();
      emit(event);
    };
    const readTogether = ahead.firstLook((sight) => behind().flatMap((each) => looks(each, sight, refuses)));
    const host = openHost({ commandId: command.id, folder, laterFolders, secrets: command.secrets, scrubber, emit: telling, remainingMs: () => untilMs - monotonicMs(), earlier: ended, begunBefore: earlier !== undefined, allowPath: (path) => { allow({ paths: [path] }); }, ...(command.mode === 'revert' ? {} : { readTogether }) });
    const window: Window = { soFar: { ...trace }, confirmation, allowMs(ms) { untilMs = monotonicMs() + ms; }, endProcesses: () => endMarked(command.id) };
    try {
      const outcome = await perform({ operation, args: parsed.data, mode: command.mode, earlier, unproven: log.unproven(command.step), revertTo: log.changeBefore(command.step)?.found, undoneBy: log.undoneBy(command.step), window }, host, telling);
      await host.settle(); // a result that a loss of power takes back is none
      return outcome;
    } catch (error) {
      // What it came to before it failed is part of what is told; why it failed matters more than why that is not on disk.
      if (!(error instanceof JournalFull)) await host.settle().catch((late: unknown) => { emit({ kind: 'progress', text: (late as Error).message }); });
      throw error;
    } finally {
      if (behind().length === 0) ahead.forget(); // the next batch looks for itself
    }
  };
}

export const workUnder = (policy: () => Promise<Refuses>): Worker => workWith(findOperation, policy);
