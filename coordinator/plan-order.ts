import { nearest, oneOf, type Place, problem, type Problem } from './input/problem.ts';
import { type PlanStep, stepKey } from './plan-format.ts';
import type { Runbook, Step } from './runbook.ts';

/** A planned step with the step of the runbook it came from; `order` is its stage, the array's order is the printed order. */
export interface Placed { planned: PlanStep; step: Step; host: string; order: number; /** The host that the step is about, where its phase is gone through for each host. */ target?: string }

/** Steps about different hosts do not wait for each other. */
const together = (one: Placed, other: Placed): boolean => one.target === undefined || other.target === undefined || one.target === other.target;

/**
 * Checks `needs` and turns the ids into keys of planned steps (`id@host`): a step of the same host must stand earlier,
 * a step of other hosts in an earlier stage. Cycles are named as cycles.
 */
export function checkNeeds(runbook: Runbook, placed: Placed[]): Problem[] {
  const steps = runbook.stages.flatMap((stage) => stage.steps);
  const ids = steps.map((step) => step.id);
  const unknown = steps.flatMap((step) => step.needs.flatMap((id, index) => (ids.includes(id) ? []
    : [problem(step.at(['needs', index]), `unknown step "${id}"`, oneOf(ids), nearest(id, ids))])));
  const cycle = findCycle(steps);
  if (cycle !== undefined) {
    const names = [...cycle, cycle[0] as Step].map((step) => step.id).join(' needs ');
    return [...unknown, problem((cycle[0] as Step).at(['needs']), `a cycle: ${names}`, 'steps that need only earlier steps')];
  }
  const late: Problem[] = [];
  for (const [index, item] of placed.entries()) {
    const { planned, step, host, order } = item;
    planned.needs = step.needs.flatMap((id) => {
      const targets = placed.map((other, position) => ({ ...other, position })).filter((other) => other.step.id === id && together(item, other));
      const here = targets.filter((other) => other.host === host);
      const wanted = here.length > 0 ? here : targets;
      if (wanted.some((other) => (other.host === host ? other.position >= index : other.order >= order))) {
        const expected = here.length > 0 ? 'a step that stands earlier on the same host' : 'a step of an earlier stage';
        late.push(problem(step.at(['needs', step.needs.indexOf(id)]), `${id}, which does not come before ${step.id}`, expected));
      }
      return wanted.map((other) => stepKey(other.planned.id, other.host));
    });
  }
  return [...unknown, ...late];
}

/** The steps of one cycle in `needs`, in order, or undefined. */
function findCycle(steps: Step[]): Step[] | undefined {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const done = new Set<string>();
  const visit = (step: Step, trail: Step[]): Step[] | undefined => {
    const start = trail.indexOf(step);
    if (start >= 0) return trail.slice(start);
    if (done.has(step.id)) return undefined;
    for (const id of step.needs) {
      const next = byId.get(id);
      const cycle = next === undefined ? undefined : visit(next, [...trail, step]);
      if (cycle !== undefined) return cycle;
    }
    done.add(step.id);
    return undefined;
  };
  for (const step of steps) {
    const cycle = visit(step, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/**
 * The hard edges between rows: whatever carries the first row comes before whatever carries the second, on the same
 * host by printed order (the elements of one `each` that carries both are each on their own), otherwise in an earlier stage. A row that no planned step carries constrains nothing yet.
 */
export function checkEdges(edges: readonly { from: string; to: string; place: Place }[], placed: readonly Placed[]): Problem[] {
  const carrying = new Map<string, (Placed & { position: number })[]>();
  for (const [position, item] of placed.entries()) for (const row of item.planned.rows) carrying.set(row, [...carrying.get(row) ?? [], { ...item, position }]);
  return edges.flatMap(({ from, to, place }) => {
    const all = carrying.get(from) ?? [];
    for (const second of carrying.get(to) ?? []) {
      const firsts = all.filter((first) => together(first, second));
      const here = firsts.filter((first) => first.host === second.host);
      // On its own host a step follows the printed order anyway, save across turns, which a run may take in parts; what else it waits for must stand in the plan.
      const unsure = (here.length > 0 ? here : firsts).filter((first) => first.host !== second.host || first.target !== second.target);
      if (unsure.length > 0) second.planned.after = [...new Set([...second.planned.after ?? [], ...unsure.map((first) => stepKey(first.planned.id, first.host))])];
      const wrong = here.length > 0 ? here.find((first) => first.step !== second.step && first.position > second.position) : firsts.find((first) => first.order >= second.order);
      if (wrong === undefined) continue;
      return [problem(place, `edge ${from} -> ${to} broken: ${stepKey(second.planned.id, second.host)} comes before ${stepKey(wrong.planned.id, wrong.host)}`, `${from} before ${to}`)];
    }
    return [];
  });
}

/** `spentAfter` as the keys that must have ended well in an earlier run: those of the same host where it has one, else all. */
export function checkSpent(runbook: Runbook, placed: readonly Placed[]): Problem[] {
  const steps = runbook.stages.flatMap((stage) => stage.steps), ids = steps.map((step) => step.id);
  const problems = steps.flatMap((step) => {
    if (step.spentAfter !== undefined && !ids.includes(step.spentAfter)) return [problem(step.at(['spentAfter']), `unknown step "${step.spentAfter}"`, oneOf(ids), nearest(step.spentAfter, ids))];
    if ((step.spentAfter === undefined) === (step.spentWhy === undefined)) return [];
    const there = step.spentAfter === undefined ? 'spentWhy' : 'spentAfter';
    return [problem(step.at([there], 'key'), `only ${there}`, 'spentAfter and spentWhy, or none of them')];
  });
  for (const item of placed) {
    const { planned, step, host } = item;
    if (step.spentAfter === undefined || step.spentWhy === undefined) continue;
    const targets = placed.filter((other) => other.step.id === step.spentAfter && other.planned.skip === undefined && together(item, other)), here = targets.filter((other) => other.host === host);
    planned.spent = { after: (here.length > 0 ? here : targets).map((other) => stepKey(other.planned.id, other.host)), why: step.spentWhy };
  }
  return problems;
}
