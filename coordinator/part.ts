import type { Plan, PlanStage } from './plan-format.ts';

/** What of a stage belongs to these hosts: a stage that is about one host is that host's, wherever its steps are carried out. */
export const partOf = ({ target, hosts }: PlanStage, only: readonly string[] | undefined): PlanStage['hosts'] => hosts.filter(({ host }) => only?.includes(target ?? host) !== false);

/** The hosts that must be there for the work on these; all of the plan where none are named. */
export function hostsFor({ hosts, stages }: Plan, only: readonly string[] | undefined): string[] {
  const names = hosts.map(({ name }) => name);
  if (only === undefined) return names;
  const needed = new Set(stages.flatMap((stage) => partOf(stage, only).filter(({ steps }) => steps.some(({ skip }) => skip === undefined)).map(({ host }) => host)));
  return names.filter((name) => needed.has(name) || only.includes(name));
}
