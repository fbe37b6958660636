import type { Difference, Json, Mode } from '../proto/events.ts';
import { StepError } from '../proto/errors.ts';
import { confirmOrGoBack, type Window } from './confirm.ts';
import type { Host } from './host/host.ts';
import type { Finding, Operation } from './operations/operation.ts';
import { sentence, stable, type Emit, type Outcome } from './outcome.ts';

/** What is known of an earlier try of the same command that did not finish, read from the journal. */
export interface Earlier {
  found: Json;
  /** Its process ended with this after the agent that had started it was gone: the try has failed, whatever a look finds. */
  failed?: StepError | undefined;
}

export interface Work {
  operation: Operation;
  args: Record<string, unknown>;
  mode: Mode;
  /** Set when this command was begun before and no result is on record. */
  earlier: Earlier | undefined;
  /** An attempt of this run changed something for this step and ended without a proof: what is found done is proven before it is called so. */
  unproven?: boolean;
  /** For revert: the state that the change's own check found. */
  revertTo: Json | undefined;
  /** For revert, where no change stands: the attempt that undid it. */
  undoneBy?: number | undefined;
  /** How a change that can cut the host off is confirmed. Absent: it is not asked for. */
  window?: Window;
}

/**
 * One command, from look to proof: check, journal what was found, apply, verify. `emit` puts each event on disk
 * before it returns, so the intent is recorded before anything is touched. Throws StepError.
 */
export async function perform(work: Work, host: Host, emit: Emit): Promise<Outcome> {
  const { operation, args, mode } = work;
  if (mode === 'revert') return await goBack(work, host, emit);
  if (operation.apply === undefined) return await assertHolds(work, host, emit);
  const { confirmed } = operation;
  const guard = confirmed?.withinS(args) === undefined || work.window === undefined ? undefined : { operation, confirmed, args, window: work.window };
  if (guard?.window.soFar.armed !== undefined && work.earlier !== undefined) return await confirmOrGoBack({ ...guard, found: work.earlier.found }, host, emit);
  const before = await lookAgain(work, host, emit);
  if ('result' in before) return before;
  const found = work.earlier === undefined ? before.found : work.earlier.found;
  emit({ kind: 'checked', satisfied: before.satisfied, found, differences: before.differences, reason: before.reason ?? '' });
  if (before.satisfied && work.earlier?.failed !== undefined) throw work.earlier.failed; // else `apply` comes to it, and may say more
  if (mode === 'check' && !before.satisfied) return { result: 'would_change', reason: '' };
  const begunHere = work.earlier !== undefined && mode !== 'check';
  if (before.satisfied && !begunHere && work.unproven !== true) return { result: 'unchanged', reason: before.reason ?? '' };
  if (!before.satisfied && guard !== undefined) return await confirmOrGoBack({ ...guard, found }, host, emit);
  if (!before.satisfied) {
    await confirmed?.prepare(host, args);
    await operation.apply(host, args, found);
    await confirmed?.keep(host, args);
    emit({ kind: 'applied' });
  }
  const proof = await (operation.verify ?? operation.check)(host, args);
  emit({ kind: 'verified', satisfied: proof.satisfied, found: proof.found, differences: proof.differences });
  if (!proof.satisfied) throw new StepError('verify_failed', `done, and yet not so: ${sentence(proof.differences)}`);
  if (before.satisfied && !begunHere) return { result: 'unchanged', reason: 'changed by an attempt that ended without a proof; found done, and proven now' };
  return { result: 'changed', reason: before.satisfied ? 'begun before an interruption, found done and proven afterwards' : '' };
}

/**
 * The first look. After an interruption, a look that fails leaves it open on which side of the change the host is: unknown, not failed.
 * Then a person is asked; what is asked about is not done where the proof says so.
 */
async function lookAgain({ operation, args, earlier, mode, unproven }: Work, host: Host, emit: Emit): Promise<Finding | Outcome> {
  try {
    return await operation.check(host, args);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    if (mode === 'check' && unproven === true && operation.verify !== undefined) {
      const proof = await operation.verify(host, args).catch((late: unknown) => { if (late instanceof StepError) return undefined; throw late; }); // it cannot tell either
      if (proof !== undefined) emit({ kind: 'verified', satisfied: proof.satisfied, found: proof.found, differences: proof.differences });
      if (proof?.satisfied === false) throw new StepError('verify_failed', `a look cannot tell what was done (${error.message}), and ${sentence(proof.differences)}`, error.failure);
    }
    if (earlier === undefined) throw error;
    return { result: 'unknown', reason: `begun before an interruption, and a look cannot tell what was done: ${error.message}`, failure: error.failure ?? null };
  }
}

/** An assertion holds now, or within its deadline, or the step fails. A dry run looks once and does not judge the future. */
async function assertHolds({ operation, args, mode }: Work, host: Host, emit: Emit): Promise<Outcome> {
  const until = performance.now() + 1000 * (mode === 'check' ? 0 : operation.deadlineS?.(args) ?? 0);
  let look: Finding = await operation.check(host, args);
  while (!look.satisfied && performance.now() < until) {
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
    look = await operation.check(host, args);
  }
  emit({ kind: 'checked', satisfied: look.satisfied, found: look.found, differences: look.differences, reason: look.reason ?? '' });
  if (look.satisfied) return { result: 'unchanged', reason: look.reason ?? '' };
  if (mode === 'check') return { result: 'unknown', reason: `does not hold now (${sentence(look.differences)}); asserted when the run gets there` };
  throw new StepError('verify_failed', sentence(look.differences));
}

/** Back to the state found before the change, proven by looking again. */
async function goBack({ operation, args, revertTo, undoneBy }: Work, host: Host, emit: Emit): Promise<Outcome> {
  if (operation.revert === undefined) throw new StepError('precondition_failed', `${operation.name} cannot be undone`);
  // Proven then; that this step's state is still as it was found cannot be asked for: steps before it may have been undone since.
  if (undoneBy !== undefined) return { result: 'reverted', reason: `undone already, by attempt ${String(undoneBy)} of this run` };
  if (revertTo === undefined) throw new StepError('precondition_failed', 'no state found before a change is on record for this step');
  emit({ kind: 'reverting', code: '', reason: 'it was asked for', failure: null });
  await operation.revert(host, args, revertTo);
  emit({ kind: 'applied' });
  const now = await operation.check(host, args);
  const same = stable(now.found) === stable(revertTo);
  const differences: Difference[] = same ? [] : [{ what: 'state after revert', found: stable(now.found), wanted: stable(revertTo) }];
  emit({ kind: 'verified', satisfied: same, found: now.found, differences });
  if (!same) throw new StepError('verify_failed', `not back to the state found: ${sentence(differences)}`);
  return { result: 'reverted', reason: '' };
}
