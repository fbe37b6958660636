import type { Finished } from '../proto/events.ts';
import { nearest, oneOf, problem, type Problem } from './input/problem.ts';
import { stepKey, type Plan, type PlanStage, type PlanStep } from './plan-format.ts';
import type { Placed } from './plan-order.ts';
import { checkpoints } from './checkpoints.ts';
import type { Site } from './site.ts';
import { standingOf } from './standing.ts';
import type { RunRecord } from './store/runstore.ts';

export type Approval = Extract<RunRecord, { type: 'approved' }>;

/** A step that is a person's word and nothing else: no agent is asked. */
export const isWord = ({ operation }: Pick<PlanStep, 'operation'>): boolean => operation === '';

/** Puts on record in the plan why a person's word is wanted before a step. Problems: names in the site's `gates` that no step has. */
export function setGates(stages: readonly PlanStage[], placed: readonly Placed[], site: Site): Problem[] {
  const add = (step: PlanStep | undefined, why: string): void => { if (step !== undefined) step.gate = step.gate === undefined ? why : `${step.gate}; ${why}`; };
  const open = (steps: readonly PlanStep[]): PlanStep | undefined => steps.find(({ skip }) => skip === undefined);
  // Where a person acts first, the act is the word.
  const byWord = (steps: readonly PlanStep[]): PlanStep | undefined => { const first = open(steps); return first?.human === undefined || isWord(first) ? first : undefined; };
  for (const { noReturn, hosts } of stages) if (noReturn !== undefined) for (const { steps } of hosts) add(byWord(steps), `POINT OF NO RETURN: ${noReturn}`);
  const names = [...new Set(placed.flatMap(({ planned, step }) => [step.id, planned.id, ...planned.rows]))];
  return site.gates.flatMap((name, at) => {
    if (!names.includes(name)) return [problem(site.source.place(['gates', at]), `gate "${name}", which is neither a step nor a row of the plan`, names.length > 12 ? 'an id or a row that tandem plan shows' : oneOf(names), nearest(name, names))];
    const byId = placed.filter(({ planned, step }) => planned.id === name || step.id === name), named = byId.length > 0 ? byId : placed.filter(({ planned }) => planned.rows.includes(name));
    const turns = new Map<string, PlanStep[]>(); // on each host, and in each turn that it takes about another
    for (const { host, target, planned } of named) turns.set(`${host} ${target ?? ''}`, [...turns.get(`${host} ${target ?? ''}`) ?? [], planned]);
    for (const steps of turns.values()) add(open(steps), `the site wants a word before ${name}`);
    return [];
  });
}

/** Codes of a look that found the person's part not done, or could not look for that reason. */
const NOT_YET: ReadonlySet<string> = new Set(['verify_failed', 'precondition_failed', 'command_failed', 'timed_out']);

/** Whether this result only says that a person has not acted yet. */
export const awaitsPerson = (step: Pick<PlanStep, 'human'> | undefined, { result, code }: Pick<Finished, 'result' | 'code'>): boolean => step?.human !== undefined && result === 'failed' && NOT_YET.has(code);

/** The words that count, by `step@host`: those given since the run last went back past their step. */
export function approvalsOf(plan: Plan, records: readonly RunRecord[]): Map<string, Approval> {
  const approvals = new Map<string, Approval>(), known = checkpoints(plan);
  for (const record of records) {
    if (record.type === 'approved') approvals.set(stepKey(record.step, record.host), record);
    if (record.type !== 'begun' || record.mode !== 'revert') continue;
    for (const stage of plan.stages.slice(known.get(record.to ?? '') ?? 0)) for (const { host, steps } of stage.hosts) for (const { id } of steps) approvals.delete(stepKey(id, host));
  }
  return approvals;
}

export interface Waiting { host: string; step: PlanStep; stage: PlanStage }

/** Keys of the steps behind which nothing has to be done any more: done, approved, or left out by the plan. */
export function doneKeys(plan: Plan, records: readonly RunRecord[], approvals: ReadonlyMap<string, Approval> = approvalsOf(plan, records)): Set<string> {
  const standings = standingOf(records);
  return new Set(plan.stages.flatMap(({ hosts }) => hosts.flatMap(({ host, steps }) => steps.map((step) => ({ step, key: stepKey(step.id, host) })))).filter(({ step, key }) => {
    const standing = standings.get(key);
    return step.skip !== undefined || (isWord(step) ? approvals.has(key) : standing?.good === true || (standing?.unknown === true && standing.word === 'done'));
  }).map(({ key }) => key));
}

/** The steps before which the run stands and a word is wanted: all before them on their host is done, and all that they need elsewhere. */
export function waitingSteps(plan: Plan, records: readonly RunRecord[]): Waiting[] {
  const approvals = approvalsOf(plan, records), done = doneKeys(plan, records, approvals);
  return plan.hosts.flatMap(({ name }) => {
    for (const stage of plan.stages) for (const { host, steps } of stage.hosts) {
      if (host !== name) continue;
      const step = steps.find(({ id }) => !done.has(stepKey(id, host)));
      if (step === undefined) continue;
      const ready = [...step.needs, ...step.after ?? []].every((key) => done.has(key));
      return step.gate !== undefined && !approvals.has(stepKey(step.id, host)) && ready ? [{ host, step, stage }] : [];
    }
    return [];
  });
}
