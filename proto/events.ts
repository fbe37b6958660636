import type { Code, Failure } from './errors.ts';
import type { SignedHead } from './heads.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Mode = 'check' | 'apply' | 'revert';

/** The closed set of results; see HOUSE "three questions stay apart". */
export const RESULTS = ['unchanged', 'changed', 'would_change', 'reverted', 'skipped', 'failed', 'interrupted', 'unknown'] as const;
export type Result = (typeof RESULTS)[number];

/** One thing that is not as wanted, in words fit for a plan or a report. */
export interface Difference { what: string; found: string; wanted: string }

/** What happened to one command, in the order it happens; the same shape on the wire and at rest. */
export type EventKind =
  | { kind: 'accepted'; operation: string; args: Json; mode: Mode; batch: string; timeoutS: number; attempt: number; needsSecrets: boolean; fence: number }
  /** `satisfied: false` is the intent: it is on disk, with the state found, before anything is touched. */
  | { kind: 'checked'; satisfied: boolean; found: Json; differences: Difference[]; reason: string }
  /** A process that outlives the agent: once with pid 0 before it is started, once with its identity (pid, start ticks, boot). */
  | { kind: 'spawned'; argv: string[]; pid: number; startTicks: number; bootId: string; outputFile: string }
  | { kind: 'output'; stream: 'stdout' | 'stderr'; text: string }
  | { kind: 'progress'; text: string }
  | { kind: 'applied' }
  /** Before a change that can cut the host off (docs/decisions/0009): the agent goes back at this reading of its monotonic clock, in this boot. */
  | { kind: 'armed'; confirmWithinS: number; untilMonotonicMs: number; boot: string }
  | { kind: 'awaiting'; remainingMs: number }
  | { kind: 'confirmed'; by: string; peer: string }
  /** The intent of a way back, on disk before anything is touched: why the agent goes back by itself, or, without a code, that it was asked to. */
  | { kind: 'reverting'; code: Code | ''; reason: string; failure: Failure | null }
  | { kind: 'verified'; satisfied: boolean; found: Json; differences: Difference[] }
  | { kind: 'finished'; result: Result; code: Code | ''; reason: string; failure: Failure | null; durationMs: number }
  /** A person stopped the run on this host: what was sent under this fencing number, or an older one, is skipped. No command of its own. */
  | { kind: 'stopped'; reason: string; attempt: number; fence: number }
  /** The coordinator's signed head of its journal of this run, kept here. No command of its own. */
  | { kind: 'witnessed'; head: SignedHead };

/** `seq` rises by one within a run's journal on one agent. Times are milliseconds since the epoch. */
export type Event = { seq: number; timeMs: number; run: string; command: string; step: string } & EventKind;
export type Finished = Extract<Event, { kind: 'finished' }>;

/** Results after which a batch goes on; any other one stops it and skips the rest. An apply that ends as `reverted` was undone by the agent itself. */
export function isGood(result: Result, mode: Mode): boolean {
  return result === 'unchanged' || result === 'changed' || result === 'would_change' || (result === 'reverted' && mode === 'revert');
}
