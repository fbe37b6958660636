import { stringify } from 'yaml';
import type { Operation, Touches } from '../agent/operations/catalogue.ts';
import { isWord } from './gates.ts';
import type { Plan } from './plan-format.ts';

/** The policy file under which a host's agent may do what the plan needs of it, and no more (docs/policy.md). Steps that the plan leaves out need nothing. */
export function policyText(plan: Plan, host: string, operations: readonly Operation[]): string {
  const names = new Set<string>(), needs: Record<keyof Touches, Set<string>> = { paths: new Set(), packages: new Set(), units: new Set() };
  for (const step of plan.stages.flatMap(({ hosts }) => hosts).filter((one) => one.host === host).flatMap(({ steps }) => steps)) {
    if (step.skip !== undefined || isWord(step)) continue;
    const operation = operations.find(({ name }) => name === step.operation);
    if (operation === undefined) throw new Error(`the plan has an operation ${step.operation} that the catalogue has not`);
    names.add(operation.name);
    const touches = operation.touches?.(operation.args.parse(step.args)) ?? {};
    for (const [kind, list] of Object.entries(touches) as [keyof Touches, string[]][]) for (const one of list) needs[kind].add(one);
  }
  const sorted = (set: Set<string>): string[] => [...set].sort();
  const lists = { operations: sorted(names), paths: sorted(needs.paths), packages: sorted(needs.packages), units: sorted(needs.units) };
  return `# What the agent of ${host} may do: the needs of plan ${plan.digest.slice(0, 12)} (${plan.runbook.name}), and no more.\n# A path stands for all below it too. Made by: tandem plan --policy ${host}\n${stringify(lists, { lineWidth: 0 })}`;
}
