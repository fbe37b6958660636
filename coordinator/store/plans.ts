import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, problem } from '../input/problem.ts';
import { digestHolds, type Plan } from '../plan-format.ts';
import { planJson } from '../plan-text.ts';
import { writeSynced } from './synced.ts';

/** Keeps a plan as plans/DIGEST.json; the same plan again is the same file. Returns its path. */
export function keepPlan(state: string, plan: Plan): string {
  const folder = join(state, 'plans');
  const path = join(folder, `${plan.digest}.json`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeSynced(path, planJson(plan));
  return path;
}

/** A plan from its file. Throws InputError for what is no plan, or was changed after it was made. */
export function readPlan(file: string): Plan {
  const wrong = (found: string): InputError => new InputError([problem({ file, line: 1, column: 1 }, found, 'a plan as `tandem plan` writes it')]);
  if (!existsSync(file)) throw wrong('no file');
  let plan: Plan;
  try { plan = JSON.parse(readFileSync(file, 'utf8')) as Plan; } catch { throw wrong('no JSON'); }
  if ((plan as Plan | null)?.format !== 1 || !Array.isArray(plan.stages) || !Array.isArray(plan.hosts)) throw wrong('another format');
  if (!digestHolds(plan)) throw wrong('a plan that was changed after it was made (its digest does not fit)');
  return plan;
}

const isPlan = (file: string): boolean => {
  try { readPlan(file); return true; } catch (error) { if (error instanceof InputError) return false; throw error; }
};

/** Every plan of this site that is kept and whole. */
export function keptPlans(state: string, site: string): Plan[] {
  const folder = join(state, 'plans');
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => join(folder, name)) : [];
  return files.filter(isPlan).map(readPlan).filter((plan) => plan.site === site);
}

/** The plan of this site that was made last, or undefined. */
export function newestPlan(state: string, site: string): Plan | undefined {
  const folder = join(state, 'plans');
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => join(folder, name)) : [];
  const newestFirst = files.map((file) => ({ file, atMs: statSync(file).mtimeMs })).sort((a, b) => b.atMs - a.atMs);
  for (const { file } of newestFirst) {
    const plan = readPlan(file);
    if (plan.site === site && plan.spentOf === undefined) return plan; // else one that belongs to its run
  }
  return undefined;
}
