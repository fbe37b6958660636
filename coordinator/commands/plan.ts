import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { readPlanInput } from '../input/files.ts';
import { coverageOf, coverageText } from '../coverage.ts';
import { catalogue } from '../../agent/operations/catalogue.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { policyText } from '../plan-policy.ts';
import { compilePlan } from '../plan.ts';
import { planJson, planText } from '../plan-text.ts';
import { EXIT } from '../verdict.ts';
import { keepPlan } from '../store/plans.ts';
import { matching } from './values.ts';

interface Options { json?: true; out?: string; policy?: string; coverage?: true; waive?: string[]; by?: string; reason?: string }

export function planCommand(context: Context): Command {
  return new Command('plan').description('Decide every step of every host, show it and keep it; no host is asked.')
    .option('--json', 'print the plan as JSON')
    .option('--out <file>', 'write the plan as JSON to this file too')
    .option('--policy <host>', 'print, instead of the plan, the policy that lets the agent of this host do what the plan needs, and no more')
    .option('--coverage', 'print, instead of the plan, each row of the procedure with the step that carries it, its host and kind')
    .option('--waive <id>', 'pass over what holds the plan back under this name (repeat it); with --by and --reason', (id: string, before: string[] | undefined) => [...before ?? [], id])
    .option('--by <name>', 'who waives it', matching(/^[^\n]{1,80}$/, 'a name on one line'))
    .option('--reason <text>', 'why; both stand in the plan', matching(/^[^\n]{1,200}$/, 'at most 200 letters on one line'))
    .addHelpText('after', '\nExamples:\n  tandem plan\n  tandem --site mysite/site.yaml plan --out plan.json\n  tandem plan --policy controller >policy.yaml\n  tandem plan --waive data-on-root-disk --by "A. Operator" --reason "copied and verified, change 4711"\n  tandem plan --coverage\n\nExit codes: 0 done, 2 invalid input, 3 with --coverage: a row of the procedure is missing, 4 the captured facts hold the plan back.')
    .action(({ json, out, policy, coverage, waive = [], by, reason }: Options) => {
      const waivers = waive.map((id) => {
        if (by === undefined || reason === undefined) throw new InputError([problem(context.at(id), `--waive ${id} without ${by === undefined ? '--by' : '--reason'}`, 'who passes over it, and why: --by NAME --reason TEXT')]);
        return { id, by, reason };
      });
      const input = { ...readPlanInput(context.siteFile()), waivers }, plan = compilePlan(input);
      const kept = keepPlan(context.stateFolder(), plan);
      if (out !== undefined) writeFileSync(out, planJson(plan));
      if (policy !== undefined) {
        const names = plan.hosts.map(({ name }) => name);
        if (!names.includes(policy)) throw new InputError([problem(context.at(policy), `unknown host "${policy}"`, oneOf(names), nearest(policy, names))]);
        context.say(policyText(plan, policy, catalogue).trimEnd());
        context.tell(`Next: put it on ${policy} as /etc/tandem/policy.yaml, owned by root, 0644 or less; the agent needs no restart.`);
        return;
      }
      if (coverage === true) {
        const rows = coverageOf(input.runbook, plan);
        if (rows === undefined) throw new InputError([problem(input.runbook.source.place([]), 'no "procedure"', 'procedure: {rows: [...]}, all rows of the procedure')]);
        context.say(json === true ? JSON.stringify(rows, null, 2) : coverageText(rows, Math.min(process.stdout.columns || 120, 200)));
        if (rows.some(({ kind }) => kind === 'missing')) context.finish(EXIT.failed);
        return;
      }
      context.say((json === true ? planJson(plan) : planText(plan, Math.min(process.stdout.columns || 120, 200))).trimEnd());
      context.tell(`Kept as ${kept}.\nNext: tandem check shows what would change on the hosts; tandem run carries it out.`);
    });
}
