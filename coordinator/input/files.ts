import { existsSync, readFileSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import builtIn from '../../generated/runbooks.json' with { type: 'json' };
import { digestOf } from '../plan-format.ts';
import type { PlanInput } from '../plan.ts';
import type { Plan } from '../plan-format.ts';
import { openRunbook, type Runbook } from '../runbook.ts';
import { parseSite, type Site } from '../site.ts';
import { InputError, problem } from './problem.ts';

/** Paths in a site file are relative to it. */
export const besideSite = (siteFile: string, path: string): string => resolve(dirname(siteFile), path);

const textOf = (path: string): string | undefined => (existsSync(path) && statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined);

/** The site file. Throws InputError where there is none or it is wrong. */
export function readSite(siteFile: string): Site {
  const text = textOf(siteFile);
  if (text === undefined) throw new InputError([problem({ file: siteFile, line: 1, column: 1 }, 'no file', 'a site file (tandem init writes one; --site FILE names another)')]);
  return parseSite(siteFile, text);
}

export function readRunbook(siteFile: string, site: Site): Runbook {
  return openRunbook(site.runbook, site.source.place(['runbook']), builtIn, (path) => textOf(resolve(besideSite(siteFile, site.runbook), path)));
}

/** The runbook's script for the old hosts: of the runbook that the site names, else the first built-in one. Throws InputError where it has none. */
export function captureScript(siteFile: string | undefined): string {
  const SCRIPT = 'capture.sh', carried: Record<string, string> = builtIn;
  const site = siteFile === undefined ? undefined : readSite(siteFile), named = site?.runbook ?? Object.keys(carried)[0]?.split('/')[0] ?? '';
  const text = /^[./]/.test(named) ? textOf(besideSite(siteFile ?? '', `${named}/${SCRIPT}`)) : carried[`${named}/${SCRIPT}`];
  if (text === undefined) throw new InputError([problem(site?.source.place(['runbook']) ?? { file: named, line: 1, column: 1 }, `no file ${named}/${SCRIPT}`, 'a runbook with a script for its old hosts')]);
  return text;
}

/** All that a plan is made from. Throws InputError. */
export function readPlanInput(siteFile: string): PlanInput {
  const site = readSite(siteFile);
  const captured: PlanInput['captured'] = {};
  for (const { name, captured: file } of site.hosts) {
    const text = file === undefined ? undefined : textOf(besideSite(siteFile, file));
    if (file !== undefined && text !== undefined) captured[name] = { file, text };
  }
  return { site, runbook: readRunbook(siteFile, site), captured };
}

/** The files that are no longer what the plan was made from, one sentence each. */
export function changedSince(plan: Plan, siteFile: string): string[] {
  if (plan.inputs.length === 0) return [];
  const changed = plan.inputs.flatMap(({ path, sha256 }) => {
    const text = textOf(besideSite(siteFile, path));
    if (text === undefined) return [`${path} is gone`];
    return createHash('sha256').update(text).digest('hex') === sha256 ? [] : [`${path} has changed`];
  });
  if (changed.length > 0) return changed;
  const runbook = readRunbook(siteFile, readSite(siteFile));
  return digestOf(runbook.files) === plan.runbook.digest ? [] : [`runbook ${plan.runbook.name} has changed`];
}
