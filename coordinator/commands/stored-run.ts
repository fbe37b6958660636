import type { Context } from '../context.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import type { Plan } from '../plan-format.ts';
import { reportOf } from '../report/model.ts';
import type { RunReport } from '../report/schema.ts';
import { openLocalStore } from '../store/local.ts';
import type { RunRecord } from '../store/runstore.ts';

export interface Kept { run: string; plan: Plan; records: RunRecord[]; report: RunReport }

/** All runs that began, oldest first. */
export function storedRuns(context: Context): Kept[] {
  const store = openLocalStore(context.stateFolder());
  return store.list().flatMap((run) => {
    const stored = store.read(run);
    if (stored === undefined || !stored.records.some((record) => record.type === 'begun')) return [];
    const plan = JSON.parse(stored.plan) as Plan;
    return [{ run, plan, records: stored.records, report: reportOf(run, plan, stored.records) }];
  }).sort((a, b) => a.report.beganMs - b.report.beganMs);
}

/** The run of this id, or the latest. Throws InputError with the nearest id. */
export function storedRun(context: Context, id: string | undefined): Kept {
  const runs = storedRuns(context);
  const place = { file: context.stateFolder(), line: 1, column: 1 };
  if (runs.length === 0) throw new InputError([problem(place, 'no runs', 'at least one: tandem run makes them (--state FOLDER names another folder)')]);
  const found = id === undefined ? runs.at(-1) : runs.find(({ run }) => run === id);
  if (found !== undefined) return found;
  const ids = runs.map(({ run }) => run);
  throw new InputError([problem(context.at(id), `no run "${id ?? ''}"`, oneOf(ids.slice(-8)), nearest(id ?? '', ids))]);
}
