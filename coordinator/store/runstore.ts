import type { Event, Mode } from '../../proto/events.ts';
import type { SignedHead } from '../../proto/heads.ts';

/** What a run's journal holds on the coordinator's side, in order. Times are milliseconds since the epoch. */
export type RunRecord =
  | { type: 'begun'; timeMs: number; run: string; planDigest: string; mode: Mode; attempt: number; by: string; /** The checkpoint that a revert goes back to. */ to?: string; /** The checkpoint that it goes no further than. */ until?: string; /** The hosts that it works on, where not on all. */ only?: string[] }
  | { type: 'event'; host: string; event: Event }
  /** A host could not be worked with, or the run as a whole was halted: why, in words. */
  | { type: 'note'; timeMs: number; host: string; text: string }
  /** A host's signed head of its journal of this run: `tandem audit` (docs/audit.md). */
  | { type: 'witness'; timeMs: number; host: string; head: SignedHead }
  /** A person's word on a step whose result nobody can tell; `subject` is the name in the certificate it was given under. */
  | { type: 'resolved'; timeMs: number; host: string; step: string; command: string; answer: 'done' | 'not-done'; by: string; subject: string; reason: string }
  /** A person's word that a gated step may start; on this host, in this run. */
  | { type: 'approved'; timeMs: number; host: string; step: string; by: string; subject: string; reason: string }
  | { type: 'ended'; timeMs: number; exitCode: number; reason: string };

export interface StoredRun { run: string; plan: string; records: RunRecord[] }

/** Another process of this store carries the run out. */
export class RunInHand extends Error {
  constructor(run: string) { super(`run ${run} is in the hands of another coordinator on this machine`); this.name = 'RunInHand'; }
}

/** One run being written: append-only, on disk before it returns for everything a report rests on. */
export interface RunWriter {
  append(record: RunRecord): void;
  /** Number and hash of the last line; all up to it is on disk, so that it can be signed. */
  head(): { n: number; hash: string };
  close(): void;
}

/** Where runs are kept: a folder here, a database for sites with several coordinators. Agents stay the truth. */
export interface RunStore {
  /** Whether its first line was written, before which nothing is sent; a coordinator may have died between its folder and that. */
  began(run: string): boolean;
  /** `plan` is the plan's JSON text, kept beside the journal. Throws when the run has begun. */
  create(run: string, plan: string): RunWriter;
  /** Goes on writing a run that exists. */
  open(run: string): RunWriter;
  read(run: string): StoredRun | undefined;
  /** Keeps every other coordinator of this store off the run until the answer is closed or this process ends. Throws RunInHand. */
  hold(run: string): Promise<{ close(): void }>;
  /** The plan beside a run's journal, which may be damaged. */
  planText(run: string): string | undefined;
  /** Removes the run for good. */
  remove(run: string): void;
  /** Moves what is left of a damaged run out of the way and tells where it is; undefined where nothing was. */
  setAside(run: string): string | undefined;
  /** Run ids, oldest first. */
  list(): string[];
}
