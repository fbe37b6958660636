import { createHash } from 'node:crypto';
import type { Json } from '../proto/events.ts';
import type { Operation } from '../agent/operations/catalogue.ts';
import { evaluate, type Fault } from './expression.ts';
import { check } from './input/check.ts';
import { nearest, oneOf, problem, type Problem } from './input/problem.ts';
import type { PlanStep } from './plan-format.ts';
import { rowOf } from './procedure.ts';
import type { Step } from './runbook.ts';
import type { SiteHost } from './site.ts';
import { fill, type Roots, scalarStart } from './values.ts';

export interface Compiled { steps: PlanStep[]; problems: Problem[] }

/** One step of the runbook on one host: none, one or (with `each`) several steps of the plan. */
export function compileStep(step: Step, host: SiteHost, given: Roots, operations: readonly Operation[], about?: SiteHost): Compiled {
  const roots: Roots = { ...given, ...step.scope };
  for (const [name, expression] of Object.entries(step.let)) {
    const made = evaluate(expression, roots, 'any');
    if ('fault' in made) return { steps: [], problems: [faultProblem(step, ['let', name], made.fault, host)] };
    roots[name] = made.value;
  }
  // A step that one host takes about another is one of several of its kind there: its id says which.
  const id = about === undefined ? step.id : suffixed(step.id, hostPart(about.name));
  if (step.operation === undefined) return compileWord(step, id, host, roots);
  const operation = operations.find((entry) => entry.name === step.operation);
  if (operation === undefined) {
    const names = operations.map((entry) => entry.name);
    return { steps: [], problems: [problem(step.at(['operation']), `unknown operation "${step.operation}"`, oneOf(names), nearest(step.operation, names))] };
  }
  if (step.human !== undefined && operation.apply !== undefined) return { steps: [], problems: [problem(step.at(['human'], 'key'), `\`human\` with ${operation.name}, which changes something`, 'an operation that only looks; or `gate`, where a person approves what it does')] };
  if (step.each === undefined) return compileOne(step, id, host, roots, operation);
  const list = evaluate(step.each, roots, 'list');
  if ('fault' in list) return { steps: [], problems: [faultProblem(step, ['each'], list.fault, host)] };
  const elements = list.value as unknown[];
  if (elements.length === 0) return { steps: [skipped(step, id, operation, step.why ?? `${step.each} gives nothing`)], problems: [] };
  const ids = elementIds(id, elements);
  const each = elements.map((element, index) => compileOne(step, ids[index] as string, host, { ...roots, each: element }, operation));
  return { steps: each.flatMap((one) => one.steps), problems: each.flatMap((one) => one.problems) };
}

/** A step without an operation: a person's word. */
function compileWord(step: Step, id: string, host: SiteHost, roots: Roots): Compiled {
  if (step.human === undefined) return { steps: [], problems: [problem(step.at(['id']), `step ${step.id} without an operation`, 'an operation, or `human`: what a person approves')] };
  const idle = (['each', 'timeoutS'] as const).filter((key) => step[key] !== undefined);
  if (idle.length > 0) return { steps: [], problems: idle.map((key) => problem(step.at([key], 'key'), `\`${key}\` without an operation`, 'an operation, or none of it')) };
  const decided = step.when === undefined ? { value: true } : evaluate(step.when, roots, 'boolean');
  if ('fault' in decided) return { steps: [], problems: [faultProblem(step, ['when'], decided.fault, host)] };
  const { human, ...planned } = { ...base(step, id, WORD), args: {}, sentence: step.human };
  const gate = [human, ...step.gate === undefined ? [] : [step.gate]].join('; ');
  return { steps: [{ ...planned, gate, ...decided.value === false ? { skip: { reason: step.why ?? `${step.when ?? ''} is false` } } : {} }], problems: [] };
}

const WORD: Pick<Operation, 'name' | 'timeoutS' | 'mayKill' | 'apply' | 'revert'> = { name: '', timeoutS: 1, mayKill: true };

function compileOne(step: Step, id: string, host: SiteHost, roots: Roots, operation: Operation): Compiled {
  let skip: string | undefined;
  if (step.when !== undefined) {
    const decided = evaluate(step.when, roots, 'boolean');
    if ('fault' in decided) return { steps: [], problems: [faultProblem(step, ['when'], decided.fault, host)] };
    if (decided.value === false) skip = step.why ?? `${step.when} is false`;
  }
  const filled = argsOf(step, host, roots);
  // What a step that is left out would have done may rest on facts that are not there: that is why it is left out.
  const onlyFactsMissing = filled.unknown.length > 0 && filled.unknown.every((path) => path.startsWith('captured.'));
  if (skip !== undefined && onlyFactsMissing) return { steps: [skipped(step, id, operation, skip)], problems: [] };
  if (filled.problems.length > 0) return { steps: [], problems: filled.problems };
  const checked = check(filled.value, operation.args, (path, part) => step.at(['with', ...path], part));
  if ('problems' in checked) return { steps: [], problems: checked.problems };
  const planned = { ...base(step, id, operation), args: checked.value as Json, sentence: operation.describe(checked.value) };
  return { steps: [skip === undefined ? planned : { ...planned, skip: { reason: skip } }], problems: [] };
}

/** Arguments with their references replaced; each problem says for which host, since only some may have it. */
function argsOf(step: Step, host: SiteHost, roots: Roots): { value: unknown; problems: Problem[]; unknown: string[] } {
  const node = step.source.node([...step.path, 'with']);
  if (node === undefined || step.source.node([...step.path])?.range?.[0] === node.range?.[0]) return { value: {}, problems: [], unknown: [] };
  const filled = fill(node, step.source, roots);
  return { ...filled, problems: filled.problems.map((p) => problem(p, p.found, `${p.expected} (host ${host.name})`, p.nearest)) };
}

function base(step: Step, id: string, operation: typeof WORD): Omit<PlanStep, 'args' | 'sentence'> {
  return {
    id, rows: [...new Set([rowOf(id), ...step.rows])], title: step.title, operation: operation.name,
    timeoutS: step.timeoutS ?? operation.timeoutS, mayKill: operation.mayKill,
    changes: operation.apply !== undefined, reverts: operation.revert !== undefined,
    needs: step.needs, ...(step.human === undefined ? {} : { human: step.human }), ...(step.arrives === undefined ? {} : { arrives: step.arrives }), ...(step.gate === undefined ? {} : { gate: step.gate }),
  };
}

const skipped = (step: Step, id: string, operation: Operation, reason: string): PlanStep => ({ ...base(step, id, operation), args: {}, sentence: step.title, skip: { reason } });

function faultProblem(step: Step, key: string[], fault: Fault, host: SiteHost): Problem {
  const node = step.source.node([...step.path, ...key]);
  const place = node === undefined ? step.at(key) : step.source.at(scalarStart(node, step.source) + fault.offset);
  return problem(place, `${fault.found} in \`${key.join('.')}\``, `${fault.expected} (host ${host.name})`, fault.nearest);
}

const suffixed = (id: string, suffix: string): string => `${id}${id.includes('.') ? '-' : '.'}${suffix}`;

/** A host's name as part of a step's id: a long one is cut, and kept apart from others that begin like it. */
const hostPart = (name: string): string => (name.length <= 20 ? name : `${name.slice(0, 13)}-${createHash('sha256').update(name).digest('hex').slice(0, 6)}`);

/** Ids of a repeated step, from the element's own name where it has one: C6 becomes C6.vg1, C16.user becomes C16.user-alice. */
function elementIds(id: string, elements: unknown[]): string[] {
  const used = new Set<string>();
  return elements.map((element, index) => {
    const name = typeof element === 'string' ? element : element !== null && typeof element === 'object' && 'name' in element ? String(element.name) : String(index + 1);
    const stem = suffixed(id, name.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-').slice(0, 20));
    const unique = used.has(stem) ? `${stem}-${index + 1}` : stem;
    used.add(unique);
    return unique;
  });
}

