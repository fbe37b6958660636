import { check } from './input/check.ts';
import { nearest, oneOf, problem, type Problem } from './input/problem.ts';
import { type Runbook, variableType } from './runbook.ts';
import type { Site } from './site.ts';

/** The site's values for the runbook's variables, defaults filled in, null where an optional one is not given. */
export function variables(site: Site, runbook: Runbook): { values: Record<string, unknown>; problems: Problem[] } {
  const names = Object.keys(runbook.variables);
  const problems: Problem[] = [];
  for (const name of Object.keys(site.variables)) {
    if (names.includes(name)) continue;
    problems.push(problem(site.source.place(['variables', name], 'key'), `unknown variable "${name}"`, oneOf(names), nearest(name, names)));
  }
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(runbook.variables)) {
    const given = site.variables[name];
    values[name] = given ?? variable.default ?? null;
    if (given === undefined && variable.default === undefined && variable.required) {
      problems.push(problem(site.source.place(['variables'], 'key'), `no variable "${name}"`, `${variable.type}: ${variable.description}`));
    }
    if (given === undefined) continue;
    const checked = check(given, variableType(variable), (path, part) => site.source.place(['variables', name, ...path], part));
    if ('problems' in checked) problems.push(...checked.problems);
  }
  return { values, problems };
}
