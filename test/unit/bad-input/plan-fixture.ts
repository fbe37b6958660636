import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../../coordinator/input/problem.ts';
import { compilePlan } from '../../../coordinator/plan.ts';
import type { Plan } from '../../../coordinator/plan-format.ts';
import { loadRunbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';
import { operations } from './operations.ts';

const folder = join(import.meta.dirname, '../../fixtures/bad-input');
const text = (path: string): string | undefined => (existsSync(join(folder, path)) ? readFileSync(join(folder, path), 'utf8') : undefined);

/** Plans a site with a runbook of the fixtures; a runbook's folder holds only the files in which it differs from `base`. */
export function planOf(siteName: string, runbookName: string): Plan {
  const site = parseSite('site.yaml', text(`site/${siteName}.yaml`) ?? '');
  const runbook = loadRunbook('runbook', (path) => text(`runbook/${runbookName}/${path}`) ?? text(`runbook/base/${path}`));
  const captured = Object.fromEntries(site.hosts.flatMap((host) => {
    const facts = host.captured === undefined ? undefined : text(`site/${host.captured}`);
    return facts === undefined ? [] : [[host.name, { file: host.captured as string, text: facts }]];
  }));
  return compilePlan({ site, runbook, captured, catalogue: operations });
}

/** The messages of an InputError, one a line as they are printed; fails when nothing is refused. */
export function messagesOf(run: () => unknown): string[] {
  try { run(); } catch (error) {
    if (error instanceof InputError) return error.message.split('\n');
    throw error;
  }
  throw new Error('nothing was refused');
}
