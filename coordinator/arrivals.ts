import { problem, type Problem } from './input/problem.ts';
import type { Plan, PlanHost, PlanStage } from './plan-format.ts';
import type { Placed } from './plan-order.ts';
import type { RunRecord } from './store/runstore.ts';

/**
 * The hosts that have not joined the run, each with the id of the step at which it does. Until then another system may stand in
 * their place, or none: nothing of theirs is asked or held. A host of which anything is on record has joined, and so has one
 * whose step is left out, since it joined in an earlier run: a person is not asked to install it again because it is away.
 */
export function awaited({ stages }: Plan, records: readonly RunRecord[]): Map<string, string> {
  const heard = new Set(records.flatMap((record) => (record.type === 'event' ? [record.host] : [])));
  return new Map(stages.flatMap(({ hosts }) => hosts.flatMap(({ host, steps }) => steps.flatMap(({ id, arrives, skip }): [string, string][] => (arrives === true && skip === undefined && !heard.has(host) ? [[host, id]] : [])))));
}

/** The hosts that have joined the run: those that can know anything of it. */
export function joined(plan: Plan, records: readonly RunRecord[]): PlanHost[] {
  const absent = awaited(plan, records);
  return plan.hosts.filter(({ name }) => !absent.has(name));
}

/** Problems: `arrives` on a step that no person does, or behind another step of its host, which would have nobody to ask. */
export function checkArrivals(stages: readonly PlanStage[], placed: readonly Placed[]): Problem[] {
  return placed.filter(({ planned }) => planned.arrives === true).flatMap(({ planned, step, host }) => {
    const first = stages.flatMap(({ hosts }) => hosts.flatMap((each) => (each.host === host ? each.steps : []))).find(({ skip }) => skip === undefined);
    const place = step.at(['arrives'], 'key');
    return [
      ...(planned.human === undefined || planned.operation === '' ? [problem(place, `\`arrives\` at step ${planned.id}`, 'a step with `human`, what a person does, and an operation that looks whether it is done')] : []),
      ...(first === planned || planned.skip !== undefined ? [] : [problem(place, `\`arrives\` at step ${planned.id}, before which ${host} has ${first?.id ?? 'others'}`, 'the first step of its host')]),
    ];
  });
}
