import * as z from 'zod';
import { check } from './input/check.ts';
import type { Path, Source } from './input/document.ts';
import { nearest, oneOf, type Place, problem, type Problem } from './input/problem.ts';
import { fill, type Roots } from './values.ts';

/** A step as written, with the place it is written at and, in a template, what the names it takes stand for. */
export interface Written { value: unknown; source: Source; path: Path; scope: Roots }

const useSchema = z.strictObject({
  template: z.string().describe('File of the runbook folder whose steps stand here'),
  with: z.record(z.string(), z.unknown()).default({}).describe('A value for each name that the template takes; may name the runbook\'s data'),
});

const templateSchema = z.strictObject({
  takes: z.record(z.string(), z.string()).describe('Names that each use gives a value, and what they mean'),
  steps: z.array(z.record(z.string(), z.unknown())).min(1),
});

/** The parts of a step that must be known before any plan is made; the rest is filled in for each host. */
const NAMED = ['id', 'title', 'why', 'human', 'gate', 'spentAfter', 'spentWhy', 'rows', 'needs'];

/** The steps of a stage with each `template:` entry replaced by the steps of that file, in its place. */
export function writtenSteps(source: Source, path: Path, entries: readonly unknown[], data: Roots, open: (path: string, from: Place) => Source): { steps: Written[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const steps = entries.flatMap((value, index): Written[] => {
    const here: Path = [...path, index];
    if (value === null || typeof value !== 'object' || !('template' in value)) return [{ value, source, path: here, scope: {} }];
    const use = check(value, useSchema, (inner, part) => source.place([...here, ...inner], part));
    if ('problems' in use) { problems.push(...use.problems); return []; }
    const file = open(use.value.template, source.place([...here, 'template']));
    const template = check(file.value, templateSchema, (inner, part) => file.place(inner, part));
    if ('problems' in template) { problems.push(...template.problems); return []; }
    const before = problems.length, scope = scopeOf(source, here, use.value.with, Object.keys(template.value.takes), data, problems);
    if (problems.length > before) return [];
    return template.value.steps.map((step, i) => named(step, { source: file, path: ['steps', i], scope }, problems));
  });
  return { steps, problems };
}

/** What the template's names stand for in one use: each of them, and no other. */
function scopeOf(source: Source, here: Path, given: Record<string, unknown>, takes: string[], data: Roots, problems: Problem[]): Roots {
  for (const name of Object.keys(given)) if (!takes.includes(name)) problems.push(problem(source.place([...here, 'with', name], 'key'), `unknown name "${name}"`, oneOf(takes), nearest(name, takes)));
  for (const name of takes) if (!Object.hasOwn(given, name)) problems.push(problem(source.place([...here, 'template'], 'key'), `no "${name}" in \`with\``, `a value for each of ${takes.join(', ')}`));
  const node = source.node([...here, 'with']);
  if (Object.keys(given).length === 0 || node === undefined) return {};
  const filled = fill(node, source, data);
  problems.push(...filled.problems);
  return filled.value as Roots;
}

function named(step: Record<string, unknown>, at: Omit<Written, 'value'>, problems: Problem[]): Written {
  const value = { ...step };
  for (const key of NAMED) {
    const node = Object.hasOwn(step, key) ? at.source.node([...at.path, key]) : undefined;
    if (node === undefined) continue;
    const filled = fill(node, at.source, at.scope);
    problems.push(...filled.problems);
    value[key] = filled.value;
  }
  return { value, ...at };
}
