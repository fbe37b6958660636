import { StepError } from '../proto/errors.ts';
import type { Difference, EventKind, Json } from '../proto/events.ts';
import { JournalFull } from '../proto/journal.ts';
import type { Host } from './host/host.ts';
import { bootMark, monotonicMs } from './host/proc.ts';
import type { Confirmed, Finding, Operation } from './operations/operation.ts';
import { sentence, stable, type Emit, type Outcome } from './outcome.ts';

type Of<K extends EventKind['kind']> = Extract<EventKind, { kind: K }>;

/** How far an earlier life of the agent came with this command, from the journal; empty when it is new. */
export interface SoFar { armed?: Of<'armed'>; applied?: object; confirmed?: object; reverting?: Of<'reverting'> }

/** What a change that can cut the host off needs of its surroundings. */
export interface Window {
  soFar: SoFar;
  /** Resolves with true once the coordinator has confirmed over a new connection (on record by then), false after so many milliseconds. */
  confirmation: (forMs: number) => Promise<boolean>;
  /** From now on, commands may run for so long. */
  allowMs: (ms: number) => void;
  /** Ends every process that this change has started and that goes on by itself. */
  endProcesses: () => Promise<void>;
}

export interface Guarded { operation: Operation; confirmed: Confirmed; args: Record<string, unknown>; found: Json; window: Window }

/** Going back is tried again so often, with a pause that grows, over half an hour: a host that stays cut off is the worst end. */
const TRIES = 40, PAUSE_MS = 5000, LONGEST_PAUSE_MS = 60_000;
/** A process whose time is over is killed first, and seen to be. */
const KILL_MS = 1000;

/**
 * A change that the agent undoes by itself unless it is confirmed (docs/decisions/0009-commit-confirmed.md). Begins where
 * an earlier life stopped. What was confirmed and cannot be made lasting goes back as well: the next start would mix old
 * and new. Throws StepError revert_failed; JournalFull.
 */
export async function confirmOrGoBack(work: Guarded, host: Host, emit: Emit): Promise<Outcome> {
  const { soFar, allowMs } = work.window;
  let why = soFar.reverting;
  if (why === undefined) {
    const armed = soFar.armed ?? await arm(work, host, emit);
    let isConfirmed = soFar.confirmed !== undefined;
    try {
      if (!isConfirmed) await changeAndWait(work, armed, host, emit);
      isConfirmed = true;
      allowMs(1000 * work.operation.timeoutS);
      return await within(1000 * work.operation.timeoutS, settle(work, host, emit));
    } catch (error) {
      if (isConfirmed && error instanceof JournalFull) throw error; // it says nothing of the change, which nobody is cut off by; made lasting once there is room
      const known = error instanceof StepError ? error : new StepError('internal', (error as Error).message);
      why = { kind: 'reverting', code: known.code, reason: known.message, failure: known.failure ?? null };
    }
  }
  return await goBack(work, host, emit, why);
}

/** From here on the agent goes back unless it is told not to. What fails before has touched nothing. */
async function arm({ confirmed, args }: Guarded, host: Host, emit: Emit): Promise<Of<'armed'>> {
  await confirmed.prepare(host, args);
  const confirmWithinS = confirmed.withinS(args) ?? 0;
  const armed = { kind: 'armed', confirmWithinS, untilMonotonicMs: monotonicMs() + 1000 * confirmWithinS, boot: bootMark() } as const;
  emit(armed);
  return armed;
}

/** Returns once the change is made, works and is confirmed. Throws StepError with the reason to go back. */
async function changeAndWait({ confirmed, operation, args, found, window }: Guarded, armed: Of<'armed'>, host: Host, emit: Emit): Promise<void> {
  const { soFar, allowMs, confirmation } = window;
  const leftMs = (): number => Math.max(0, armed.untilMonotonicMs - monotonicMs());
  if (soFar.armed === undefined) {
    allowMs(leftMs());
    await within(leftMs() + KILL_MS, Promise.resolve(operation.apply?.(host, args, found)));
    emit({ kind: 'applied' });
  } else if (armed.boot !== bootMark()) {
    throw new StepError('interrupted', 'the host was restarted before the change was confirmed');
  } else if (soFar.applied === undefined) {
    throw new StepError('interrupted', 'the agent was stopped in the middle of the change');
  }
  if (soFar.armed !== undefined && leftMs() === 0) throw notConfirmed(armed);
  allowMs(leftMs());
  mustHold(await within(leftMs() + KILL_MS, confirmed.works(host, args)));
  emit({ kind: 'awaiting', remainingMs: leftMs() });
  if (!await confirmation(leftMs())) throw notConfirmed(armed);
}

const notConfirmed = ({ confirmWithinS }: Of<'armed'>): StepError => new StepError('not_confirmed', `nobody confirmed it over a new connection within ${String(confirmWithinS)} s`);

function mustHold({ differences }: Pick<Finding, 'differences'>): void {
  if (differences.length > 0) throw new StepError('verify_failed', `done, and yet not so: ${sentence(differences)}`);
}

/** The confirmed state becomes the lasting one. After a restart of the host the running state may be the old one: made again. */
async function settle({ confirmed, operation, args, found }: Guarded, host: Host, emit: Emit): Promise<Outcome> {
  if (!(await confirmed.works(host, args)).satisfied) await operation.apply?.(host, args, found);
  await confirmed.keep(host, args);
  const differences = [...(await confirmed.works(host, args)).differences, ...await confirmed.lasting(host, args)];
  emit({ kind: 'verified', satisfied: differences.length === 0, found: await confirmed.state(host, args, found), differences });
  mustHold({ differences });
  return { result: 'changed', reason: '' };
}

async function goBack({ operation, confirmed, args, found, window }: Guarded, host: Host, emit: Emit, { code, reason, failure }: Of<'reverting'>): Promise<Outcome> {
  let last = '', unwritten: Error | undefined;
  // A journal that cannot be written must not keep the host cut off: told afterwards.
  const tell: Emit = (event) => { try { emit(event); } catch (error) { unwritten ??= error as Error; } };
  if (window.soFar.reverting === undefined) tell({ kind: 'reverting', code, reason, failure });
  for (let turn = 1; turn <= TRIES; turn += 1) {
    if (turn > 1) await new Promise((resolve) => { setTimeout(resolve, Math.min(PAUSE_MS * (turn - 1), LONGEST_PAUSE_MS)); });
    window.allowMs(1000 * operation.timeoutS);
    try {
      await window.endProcesses();
      const now = await within(1000 * operation.timeoutS, lookOrRevert({ operation, confirmed, args, found, window }, host));
      tell({ kind: 'verified', satisfied: now.differences.length === 0, found: now.found, differences: now.differences });
      last = sentence(now.differences);
      if (last === '') break;
    } catch (error) {
      last = (error as Error).message;
    }
    tell({ kind: 'progress', text: `going back did not succeed (${last})` });
  }
  if (unwritten !== undefined) throw unwritten;
  if (last === '') return { result: 'reverted', code, reason: `${reason}; the host is back in the state found before`, failure };
  throw new StepError('revert_failed', `${reason}; and going back failed: ${last}`, failure ?? undefined);
}

/** A restart may have brought the host back already; in the same boot the way back is always gone: `found` need not hold all that it puts back. */
async function lookOrRevert({ operation, confirmed, args, found, window }: Guarded, host: Host): Promise<{ found: Json; differences: Difference[] }> {
  const look = async (): Promise<{ found: Json; differences: Difference[] }> => {
    const now = await confirmed.state(host, args, found);
    return { found: now, differences: stable(now) === stable(found) ? [] : [{ what: 'state after going back', found: stable(now), wanted: stable(found) }] };
  };
  const restarted = window.soFar.armed !== undefined && window.soFar.armed.boot !== bootMark();
  const before = restarted ? await look().catch(() => undefined) : undefined; // half a change may be nothing that a look can read
  if (before?.differences.length === 0) return before;
  await operation.revert?.(host, args, found);
  return await look();
}

/** A process has its own time limit; a file system that the change cut off has none, and must not hold up the way back. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(new StepError('timed_out', `no end within ${String(Math.round(ms / 1000))} s: a file system that does not answer?`)); }, ms); });
  try { return await Promise.race([work, late]); } finally { clearTimeout(timer); }
}
