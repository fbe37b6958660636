import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { readPlanInput } from '../input/files.ts';
import { catalogue } from '../../agent/operations/catalogue.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { policyText } from '../plan-policy.ts';
import { compilePlan } from '../plan.ts';
import { planJson, planText } from '../plan-text.ts';
import { keepPlan } from '../store/plans.ts';

interface Options { json?: true; out?: string; policy?: string }

export function planCommand(context: Context): Command {
  return new Command('plan').description('Decide every step of every host, show it and keep it; no host is asked.')
    .option('--json', 'print the plan as JSON')
    .option('--out <file>', 'write the plan as JSON to this file too')
    .option('--policy <host>', 'print, instead of the plan, the policy that lets the agent of this host do what the plan needs, and no more')
    .addHelpText('after', '\nExamples:\n  tandem plan\n  tandem --site mysite/site.yaml plan --out plan.json\n  tandem plan --policy controller >policy.yaml')
    .action(({ json, out, policy }: Options) => {
      const plan = compilePlan(readPlanInput(context.siteFile()));
      const kept = keepPlan(context.stateFolder(), plan);
      if (out !== undefined) writeFileSync(out, planJson(plan));
      if (policy !== undefined) {
        const names = plan.hosts.map(({ name }) => name);
        if (!names.includes(policy)) throw new InputError([problem(context.at(policy), `unknown host "${policy}"`, oneOf(names), nearest(policy, names))]);
        context.say(policyText(plan, policy, catalogue).trimEnd());
        context.tell(`Next: put it on ${policy} as /etc/tandem/policy.yaml, owned by root, 0644 or less; the agent needs no restart.`);
        return;
      }
      context.say((json === true ? planJson(plan) : planText(plan, Math.min(process.stdout.columns || 120, 200))).trimEnd());
      context.tell(`Kept as ${kept}.\nNext: tandem check shows what would change on the hosts; tandem run carries it out.`);
    });
}
