import { readFileSync, statSync } from 'node:fs';
import type { Plan } from '../plan-format.ts';
import { coordinatorSecrets } from '../hosts.ts';
import { besideSite } from './files.ts';
import { InputError, problem } from './problem.ts';

const PREFIX = 'coordinator-file:';
const pathOf = (siteFile: string, reference: string): string => besideSite(siteFile, reference.slice(PREFIX.length));

/** The value of a `coordinator-file:PATH` reference without its last newline; PATH is relative to the site file. */
export const readSecret = (siteFile: string, reference: string): string => readFileSync(pathOf(siteFile, reference), 'utf8').replace(/\r?\n$/, '');

/** Every such file that the plan will need is there, before anything starts. Throws InputError naming the steps. */
export function checkSecrets(siteFile: string, plan: Plan): void {
  const users = new Map<string, string[]>();
  for (const { host, steps } of plan.stages.flatMap((stage) => stage.hosts)) {
    for (const step of steps) {
      if (step.skip !== undefined) continue;
      for (const reference of coordinatorSecrets(step.args)) users.set(reference, [...users.get(reference) ?? [], `${step.id} on ${host}`]);
    }
  }
  const problems = [...users].flatMap(([reference, steps]) => {
    const file = pathOf(siteFile, reference);
    const found = trouble(file);
    return found === undefined ? [] : [problem({ file, line: 1, column: 1 }, found, `a file with the secret that ${steps.join(', ')} needs`)];
  });
  if (problems.length > 0) throw new InputError(problems);
}

function trouble(file: string): string | undefined {
  const entry = statSync(file, { throwIfNoEntry: false });
  if (entry === undefined) return 'no file';
  if (!entry.isFile()) return 'no plain file';
  if ((entry.mode & 0o007) !== 0) return 'a file that everybody can read';
  return readFileSync(file, 'utf8').trim() === '' ? 'an empty file' : undefined;
}
