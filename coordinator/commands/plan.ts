import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { readPlanInput } from '../input/files.ts';
import { compilePlan } from '../plan.ts';
import { planJson, planText } from '../plan-text.ts';
import { keepPlan } from '../store/plans.ts';

interface Options { json?: true; out?: string }

export function planCommand(context: Context): Command {
  return new Command('plan').description('Decide every step of every host, show it and keep it; no host is asked.')
    .option('--json', 'print the plan as JSON')
    .option('--out <file>', 'write the plan as JSON to this file too')
    .addHelpText('after', '\nExamples:\n  tandem plan\n  tandem --site mysite/site.yaml plan --out plan.json')
    .action(({ json, out }: Options) => {
      const plan = compilePlan(readPlanInput(context.siteFile()));
      const kept = keepPlan(context.stateFolder(), plan);
      if (out !== undefined) writeFileSync(out, planJson(plan));
      context.say((json === true ? planJson(plan) : planText(plan, Math.min(process.stdout.columns || 120, 200))).trimEnd());
      context.tell(`Kept as ${kept}.\nNext: tandem check shows what would change on the hosts; tandem run carries it out.`);
    });
}
