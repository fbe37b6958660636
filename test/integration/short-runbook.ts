import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { root } from './lab-site.ts';

interface Phase { stages: { steps: { id: string; needs?: string[] }[] }[] }

/** The product's runbook with these steps only, as they are, in this folder: what else they need the test has done or leaves out. */
export function writeShortRunbook(folder: string, ids: readonly string[]): string {
  cpSync(join(root, 'runbooks/osp5-to-osp6'), folder, { recursive: true });
  const file = join(folder, 'runbook.yaml');
  const runbook = parse(readFileSync(file, 'utf8')) as { name: string; edges?: unknown; phases: string[] };
  const left = new Set(ids);
  runbook.phases = readdirSync(join(folder, 'phases')).sort().map((name) => `phases/${name}`).filter((name) => {
    const phase = parse(readFileSync(join(folder, name), 'utf8')) as Phase;
    for (const stage of phase.stages) {
      stage.steps = stage.steps.filter(({ id }) => left.delete(id));
      for (const step of stage.steps) if (step.needs !== undefined) step.needs = step.needs.filter((need) => ids.includes(need));
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
