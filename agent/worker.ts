import { StepError } from '../proto/errors.ts';
import type { Window } from './confirm.ts';
import type { Task, Worker } from './dispatcher.ts';
import { ReadAhead } from './host/ahead.ts';
import type { Sight } from './host/host.ts';
import { openHost } from './host/local.ts';
import { monotonicMs } from './host/proc.ts';
import { outliveLeftover } from './leftovers.ts';
import { findOperation } from './operations/catalogue.ts';
import type { Operation } from './operations/operation.ts';
import type { Emit, Outcome } from './outcome.ts';
import { perform } from './perform.ts';

/** A worker over a set of operations: arguments checked, a process of an earlier try waited for, then looked, done, proven. */
export function workWith(find: (operation: string) => Operation | undefined): Worker {
  const ahead = new ReadAhead();
  const looks = (command: Task['command'], sight: Sight): string[] => {
    const operation = find(command.operation), args = operation?.args.safeParse(command.args);
    const looked = args?.success === true ? operation?.looksAt?.(args.data) : undefined;
    return looked?.sight === sight ? looked.names : [];
  };
  return async ({ log, command, folder, scrubber, emit, behind, confirmation }: Task): Promise<Outcome> => {
    const operation = find(command.operation);
    if (operation === undefined) throw new StepError('invalid_args', `there is no operation ${command.operation} in this agent's catalogue`);
    const parsed = operation.args.safeParse(command.args);
    if (!parsed.success) throw new StepError('invalid_args', parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
    const trace = log.commands.get(command.id);
    if (trace !== undefined) await outliveLeftover(trace, (pid) => { emit({ kind: 'progress', text: `process ${String(pid)} of an earlier try still runs; waiting for its end` }); });
    let untilMs = operation.mayKill ? monotonicMs() + 1000 * (command.timeoutS || operation.timeoutS) : Infinity;
    const telling: Emit = (event) => {
      // What follows any other event may be a change; a dry run makes none.
      if (command.mode !== 'check' && !(event.kind === 'checked' && event.satisfied)) ahead.forget();
      emit(event);
    };
    const readTogether = ahead.firstLook((sight) => behind().flatMap((each) => looks(each, sight)));
    const host = openHost({ commandId: command.id, folder, secrets: command.secrets, scrubber, emit: telling, remainingMs: () => untilMs - monotonicMs(), ...(command.mode === 'revert' ? {} : { readTogether }) });
    const earlier = trace?.checked?.satisfied === false ? { found: trace.checked.found } : undefined;
    const window: Window = { soFar: { ...trace }, confirmation, allowMs(ms) { untilMs = monotonicMs() + ms; } };
    try {
      const outcome = await perform({ operation, args: parsed.data, mode: command.mode, earlier, revertTo: log.foundBefore(command.step), window }, host, telling);
      // A later attempt keeps the state it finds, not the one of an attempt that was undone.
      if (command.mode === 'apply' && outcome.result === 'reverted') await host.remove(folder);
      return outcome;
    } finally {
      if (behind().length === 0) ahead.forget(); // the next batch looks for itself
    }
  };
}

export const work = workWith(findOperation);
