import { approvalsOf, doneKeys } from './gates.ts';
import { digestOf, stepKey, type Plan, type PlanStep } from './plan-format.ts';
import { standingOf } from './standing.ts';
import type { RunRecord } from './store/runstore.ts';

export interface EarlierRun { run: string; plan: Plan; records: readonly RunRecord[] }

/** By `step@host`: the run in which it ended well last, where nothing has taken it back since. Runs come oldest first. */
export function endedWell(runs: readonly EarlierRun[]): Map<string, string> {
  const ended = new Map<string, string>();
  for (const { run, plan, records } of runs) {
    const skipped = new Set(plan.stages.flatMap(({ hosts }) => hosts.flatMap(({ host, steps }) => steps.filter(({ skip }) => skip !== undefined).map(({ id }) => stepKey(id, host)))));
    for (const [key, { mode, finished }] of standingOf(records)) if (mode === 'revert' || finished?.result === 'reverted') ended.delete(key);
    for (const key of doneKeys(plan, records, approvalsOf(plan, records))) if (!skipped.has(key)) ended.set(key, run);
  }
  return ended;
}

/**
 * The plan that a new run is made from: steps whose purpose has passed in earlier runs of this site and runbook are left out with that reason.
 * A plan of its own, with its own digest and `spentOf`, so that resume, rebuild and audit agree; the same plan where nothing is spent.
 */
export function withoutSpent(plan: Plan, earlier: readonly EarlierRun[]): Plan {
  const ended = endedWell(earlier.filter((each) => each.plan.site === plan.site && each.plan.runbook.name === plan.runbook.name));
  let count = 0;
  const cut = (step: PlanStep): PlanStep => {
    const { skip, spent } = step, runs = spent?.after.map((key) => ended.get(key)) ?? [];
    if (skip !== undefined || spent === undefined || runs.length === 0 || runs.includes(undefined)) return step;
    count += 1;
    const more = spent.after.length > 3 ? ` and ${String(spent.after.length - 3)} more` : '';
    return { ...step, skip: { reason: `${spent.why} (${spent.after.slice(0, 3).join(', ')}${more} ended well in run ${[...new Set(runs)].join(', ')})` } };
  };
  const { digest, ...content } = plan, stages = plan.stages.map((stage) => ({ ...stage, hosts: stage.hosts.map(({ host, steps }) => ({ host, steps: steps.map(cut) })) }));
  if (count === 0) return plan;
  const made: Omit<Plan, 'digest'> = { ...content, stages, spentOf: digest };
  return { ...made, digest: digestOf(made) };
}

/** How many steps were left out of a plan for that reason. */
export const spentSteps = (plan: Plan): number => (plan.spentOf === undefined ? 0 : plan.stages.flatMap(({ hosts }) => hosts.flatMap(({ steps }) => steps)).filter(({ skip, spent }) => skip !== undefined && spent !== undefined).length);
