import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_ID } from '../proto/command.ts';
import type { Event } from '../proto/events.ts';
import { JournalCorrupt, readJournal } from '../proto/journal.ts';
import { RunLog } from './runlog.ts';

/** One run on this host (proto/tandem/v1/agent.proto, RunInfo). Times are milliseconds since the epoch, 0 where there is no line. */
export interface RunInfo { runId: string; beganMs: number; lastMs: number; lastSeq: number; sizeBytes: number; unfinished: boolean; trouble: string }
/** What is known of a run that ended: it fits a journal of this size, whose content need not be read then. */
interface Closed { beganMs: number; lastMs: number; lastSeq: number; sizeBytes: number }

const markerOf = (stateDir: string, run: string): string => join(stateDir, 'runs', run, 'closed.json');
const sizeOf = (stateDir: string, run: string): number | undefined => statSync(RunLog.path(stateDir, run), { throwIfNoEntry: false })?.size;

/**
 * Says in runs/RUN/closed.json that the run, read or written to this size, has nothing left to do. Not synced on purpose: lost or torn,
 * it costs the next start the time of reading the journal, and nothing else. Nor must a disk that is full keep a run from ending.
 */
export function markClosed(stateDir: string, log: RunLog): void {
  const closed: Closed = { ...log.span, lastSeq: log.lastSeq, sizeBytes: sizeOf(stateDir, log.run) ?? 0 };
  try { writeFileSync(markerOf(stateDir, log.run), `${JSON.stringify(closed)}\n`, { mode: 0o600 }); } catch { /* read at the next start, then */ }
}

/** What its marker says of a run that ended; undefined where none fits the journal: that one must be read. */
export function closedRun(stateDir: string, run: string): Closed | undefined {
  const sizeBytes = sizeOf(stateDir, run);
  if (sizeBytes === 0) return { beganMs: 0, lastMs: 0, lastSeq: 0, sizeBytes }; // a lease was asked for, and no work came
  const closed = sizeBytes === undefined ? undefined : markerIn(stateDir, run);
  return closed?.sizeBytes === sizeBytes ? closed : undefined;
}

function markerIn(stateDir: string, run: string): Closed | undefined {
  try { return parsed(readFileSync(markerOf(stateDir, run), 'utf8')); } catch { return undefined; } // none, or not to be read: the journal is
}

/** Undefined where a power cut or a full disk left half a file. */
export function parsed(marker: string): Closed | undefined {
  try { return JSON.parse(marker) as Closed; } catch { return undefined; }
}

/** Runs with a journal here, by their id. */
export function runIds(stateDir: string): string[] {
  const folder = join(stateDir, 'runs');
  return existsSync(folder) ? readdirSync(folder).filter((name) => RUN_ID.test(name) && existsSync(RunLog.path(stateDir, name))).sort() : [];
}

/** Every run here, oldest first. Of one that ended its marker is believed: a journal that was damaged later shows when the run is asked for. */
export function listRuns(stateDir: string, inMemory: ReadonlyMap<string, RunLog>): RunInfo[] {
  return runIds(stateDir).map((runId): RunInfo => {
    const log = inMemory.get(runId), closed = closedRun(stateDir, runId), sizeBytes = sizeOf(stateDir, runId) ?? 0;
    if (log !== undefined) return { runId, ...log.span, lastSeq: log.lastSeq, sizeBytes, unfinished: log.unfinished, trouble: log.damaged ? DAMAGED : '' };
    if (closed !== undefined) return { runId, ...closed, unfinished: false, trouble: '' };
    return fromJournal(stateDir, runId, sizeBytes);
  }).sort((a, b) => a.beganMs - b.beganMs);
}

function fromJournal(stateDir: string, runId: string, sizeBytes: number): RunInfo {
  try {
    const { records, damaged } = readJournal<Event>(RunLog.path(stateDir, runId));
    const open = openSteps(records);
    return { runId, beganMs: records[0]?.timeMs ?? 0, lastMs: records.at(-1)?.timeMs ?? 0, lastSeq: records.length, sizeBytes, unfinished: open.length > 0, trouble: damaged ? DAMAGED : '' };
  } catch (error) {
    if (!(error instanceof JournalCorrupt)) throw error;
    return { runId, beganMs: 0, lastMs: 0, lastSeq: 0, sizeBytes, unfinished: false, trouble: error.message };
  }
}

/** Of a journal with a corrupted tail. */
export const DAMAGED = 'whole lines at the end of its journal do not hold; tandem resume, where the run was begun, goes on with it or says what is lost';

/** Steps that were accepted and have no result, in order. */
export function openSteps(events: readonly Event[]): string[] {
  const open = new Map<string, string>();
  for (const event of events) {
    if (event.kind === 'accepted') open.set(event.command, event.step);
    if (event.kind === 'finished') open.delete(event.command);
  }
  return [...open.values()];
}

/** Removes a run's journal, saved copies and output. The journal goes last: what dies in between can be done again. */
export function removeFolder(stateDir: string, run: string): void {
  const folder = join(stateDir, 'runs', run);
  for (const part of ['closed.json', 'steps']) rmSync(join(folder, part), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}
