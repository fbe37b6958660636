import { JournalCorrupt } from '../../proto/journal.ts';
import type { Context } from '../context.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { digestHolds, type Plan } from '../plan-format.ts';
import { reportOf } from '../report/model.ts';
import type { RunReport } from '../report/schema.ts';
import { openLocalStore } from '../store/local.ts';
import type { RunRecord, RunStore } from '../store/runstore.ts';

export interface Kept { run: string; plan: Plan; records: RunRecord[]; report: RunReport }

export interface Damaged { run: string; why: string }

/** All runs that began, oldest first, and those that cannot be read. */
export function readRuns(context: Context): { whole: Kept[]; damaged: Damaged[] } {
  const store = openLocalStore(context.stateFolder());
  const all = store.list().map((run) => keptOr(store, run)).filter((each) => each !== undefined);
  return { whole: all.filter((each) => 'plan' in each).sort((a, b) => a.report.beganMs - b.report.beganMs), damaged: all.filter((each) => 'why' in each) };
}

/** Undefined for a run that never began. */
function keptOr(store: RunStore, run: string): Kept | Damaged | undefined {
  try {
    const stored = store.read(run);
    if (stored === undefined || !stored.records.some((record) => record.type === 'begun')) return undefined;
    const plan = JSON.parse(stored.plan) as Plan;
    return { run, plan, records: stored.records, report: reportOf(run, plan, stored.records) };
  } catch (error) {
    if (!(error instanceof JournalCorrupt || error instanceof SyntaxError || (error instanceof Error && 'syscall' in error))) throw error;
    return { run, why: error.message };
  }
}

/** The run of this id, or the latest. Throws InputError with the nearest id. */
export function storedRun(context: Context, id: string | undefined): Kept {
  const { whole: runs, damaged } = readRuns(context);
  const place = { file: context.stateFolder(), line: 1, column: 1 };
  const store = openLocalStore(context.stateFolder());
  if (id !== undefined && store.list().includes(id) && !store.began(id)) throw new InputError([problem(context.at(id), `run ${id}, which never began: its coordinator died before anything was sent`, `one that did; tandem run --run-id ${id} begins this one`)]);
  const hurt = damaged.find(({ run }) => run === id);
  if (hurt !== undefined) throw new InputError([problem(context.at(id), `run ${hurt.run}, which is damaged: ${hurt.why}`, `a whole one: tandem runs rebuild ${hurt.run} makes it anew from what the hosts have`)]);
  if (runs.length === 0) throw new InputError([problem(place, 'no runs', 'at least one: tandem run makes them (--state FOLDER names another folder)')]);
  const found = id === undefined ? runs.at(-1) : runs.find(({ run }) => run === id);
  if (found !== undefined) return found;
  const ids = runs.map(({ run }) => run);
  throw new InputError([problem(context.at(id), `no run "${id ?? ''}"`, oneOf(ids.slice(-8)), nearest(id ?? '', ids))]);
}

/** A run that carried its plan out, or began to. Throws InputError for a dry run. */
export function runToGoOnWith(context: Context, id: string | undefined): Kept {
  const kept = storedRun(context, id);
  if (kept.report.mode === 'check') throw new InputError([problem(context.at(id), `run ${kept.run}, a dry run`, 'one that carries its plan out: tandem run makes it')]);
  if (!digestHolds(kept.plan)) throw new InputError([problem({ file: context.stateFolder(), line: 1, column: 1 }, `a plan of run ${kept.run} that was changed after it was made (its digest does not fit)`, `the one it was begun with: tandem runs rebuild ${kept.run}`)]);
  return kept;
}
