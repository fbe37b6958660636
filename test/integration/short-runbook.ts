import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { root } from './lab-site.ts';

interface Step { id: string; needs?: string[]; spentAfter?: string; spentWhy?: string }
interface Use { template: string; with: Record<string, unknown> }
interface Phase { stages: { steps: (Step | Use)[] }[] }

/** The product's runbook with these steps only, as they are, in this folder: what else they need the test has done or leaves out. */
export function writeShortRunbook(folder: string, ids: readonly string[]): string {
  cpSync(join(root, 'runbooks/osp5-to-osp6'), folder, { recursive: true });
  const file = join(folder, 'runbook.yaml');
  const runbook = parse(readFileSync(file, 'utf8')) as { name: string; edges?: unknown; phases: string[] };
  const left = new Set(ids);
  runbook.phases = readdirSync(join(folder, 'phases')).sort().map((name) => `phases/${name}`).filter((name) => {
    const phase = parse(readFileSync(join(folder, name), 'utf8')) as Phase;
    for (const stage of phase.stages) {
      const steps = stage.steps.flatMap((step) => ('template' in step ? expanded(folder, step) : [step])).filter(({ id }) => left.delete(id));
      stage.steps = steps;
      for (const step of steps) if (step.needs !== undefined) step.needs = step.needs.filter((need) => ids.includes(need));
      for (const step of steps) if (step.spentAfter !== undefined && !ids.includes(step.spentAfter)) { delete step.spentAfter; delete step.spentWhy; }
    }
    phase.stages = phase.stages.filter((stage) => stage.steps.length > 0);
    writeFileSync(join(folder, name), stringify(phase));
    return phase.stages.length > 0;
  });
  if (left.size > 0) throw new Error(`the runbook has no step ${[...left].join(', ')}`);
  delete runbook.edges;
  writeFileSync(file, stringify(runbook));
  return folder;
}

/** A template's steps with its names put in: a reference stays one, under the name that the use gives it. */
function expanded(folder: string, { template, with: values }: Use): Step[] {
  const fill = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(fill);
    if (part !== null && typeof part === 'object') return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, fill(value)]));
    if (typeof part !== 'string') return part;
    const whole = /^\$\{(\w+)\}$/.exec(part)?.[1];
    if (whole !== undefined && whole in values) return values[whole];
    return part.replaceAll(/\$\{(\w+)((?:\.\w+)*)\}/g, (all, name: string, rest: string) => {
      const value = values[name];
      return typeof value !== 'string' ? all : value.startsWith('${') ? `${value.slice(0, -1)}${rest}}` : value;
    });
  };
  return fill((parse(readFileSync(join(folder, template), 'utf8')) as { steps: Step[] }).steps) as Step[];
}
