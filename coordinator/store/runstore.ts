import type { Event } from '../../proto/events.ts';

/** What a run's journal holds on the coordinator's side, in order. Times are milliseconds since the epoch. */
export type RunRecord =
  | { type: 'begun'; timeMs: number; run: string; planDigest: string; mode: 'check' | 'apply'; attempt: number; by: string }
  | { type: 'event'; host: string; event: Event }
  /** A host could not be worked with, or the run as a whole was halted: why, in words. */
  | { type: 'note'; timeMs: number; host: string; text: string }
  | { type: 'ended'; timeMs: number; exitCode: number; reason: string };

export interface StoredRun { run: string; plan: string; records: RunRecord[] }

/** One run being written: append-only, on disk before it returns for everything a report rests on. */
export interface RunWriter { append(record: RunRecord): void; close(): void }

/** Where runs are kept: a folder here, a database for sites with several coordinators. Agents stay the truth. */
export interface RunStore {
  /** `plan` is the plan's JSON text, kept beside the journal. Throws when the run exists. */
  create(run: string, plan: string): RunWriter;
  /** Goes on writing a run that exists. */
  open(run: string): RunWriter;
  read(run: string): StoredRun | undefined;
  /** Run ids, oldest first. */
  list(): string[];
}
