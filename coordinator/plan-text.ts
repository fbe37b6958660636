import Table from 'cli-table3';
import { isWord } from './gates.ts';
import type { Plan, PlanStep } from './plan-format.ts';

/** The plan for people: every step, host and sentence, what is decided already, what cannot be undone, where a person comes first. */
export function planText(plan: Plan, widthColumns = 120): string {
  const lines = [plan.runbook.title, `Plan ${plan.digest.slice(0, 12)} of site ${plan.site}, runbook ${plan.runbook.name} ${plan.runbook.digest.slice(0, 12)}`, ''];
  for (const host of plan.hosts) lines.push(`  ${host.name}  ${host.role}  ${host.address}:${host.port}  ${host.fqdn}`);
  for (const { id, host, says, by, reason } of plan.waived ?? []) lines.push('', `WAIVED by ${by} (${reason}): ${host}: ${says} [${id}]`);
  for (const stage of plan.stages) {
    const limit = stage.limit === undefined ? [] : [`at most ${stage.limit} at once`];
    const stop = stage.maxFailures === 0 ? 'stops at the first host that fails' : `stops when more than ${stage.maxFailures} of the hosts fail`;
    lines.push(...stage.checkpoint === undefined ? [] : ['', `checkpoint ${stage.checkpoint}: tandem revert RUN --to ${stage.checkpoint} comes back here`], ...stage.noReturn === undefined ? [] : ['', `POINT OF NO RETURN: ${stage.noReturn}`]);
    lines.push('', `${stage.phase} / ${stage.stage} (${[stage.strategy, ...limit, stop].join(', ')})`,
      table(stage.hosts.flatMap(({ host, steps }) => steps.map((step) => ({ host, step }))), widthColumns));
  }
  return [...lines, '', summary(plan), `Digest: ${plan.digest}`, ''].join('\n');
}

export const planJson = (plan: Plan): string => `${JSON.stringify(plan, null, 2)}\n`;

/** What a person must know of a step beyond its sentence. */
export function notes(step: PlanStep): string[] {
  if (step.skip !== undefined) return [`skipped: ${step.skip.reason}`];
  return [
    ...(step.rows.length > 1 ? [`carries ${step.rows.slice(1).join(', ')} too`] : []),
    ...(step.human === undefined ? [] : [`a person first: ${step.human}`]),
    ...(step.gate === undefined ? [] : [isWord(step) ? 'waits for a word' : `waits for a word: ${step.gate}`]),
    ...(step.spent === undefined ? [] : [`left out by a new run once ${step.spent.after.join(', ')} is done: ${step.spent.why}`]),
    ...(step.changes || isWord(step) ? [] : ['only looks']),
    ...(step.changes && !step.reverts ? ['cannot be undone'] : []),
    ...(step.changes && !step.mayKill ? ['is never cut short'] : []),
  ];
}

function table(rows: { host: string; step: PlanStep }[], widthColumns: number): string {
  const widest = (of: (row: { host: string; step: PlanStep }) => string) => Math.max(4, ...rows.map((row) => of(row).length)) + 2;
  const [id, host] = [widest(({ step }) => step.id), widest((row) => row.host)];
  const rest = Math.max(40, widthColumns - id - host - 5);
  const noteWidth = Math.floor(rest * 0.35);
  const out = new Table({
    head: ['Step', 'Host', 'What is done', 'Note'], style: { head: [], border: [], compact: true },
    colWidths: [id, host, rest - noteWidth, noteWidth], wordWrap: true,
  });
  for (const row of rows) out.push([row.step.id, row.host, row.step.skip === undefined ? row.step.sentence : row.step.title, notes(row.step).join('; ')]);
  return out.toString();
}

function summary(plan: Plan): string {
  const steps = plan.stages.flatMap((stage) => stage.hosts.flatMap((host) => host.steps));
  const done = steps.filter((step) => step.skip === undefined);
  const count = (test: (step: PlanStep) => boolean) => done.filter(test).length;
  return `${done.length} steps on ${plan.hosts.length} hosts, ${steps.length - done.length} more skipped; `
    + `${count((s) => s.changes && !s.reverts)} cannot be undone, ${count((s) => s.human !== undefined)} need a person first${count((s) => s.gate !== undefined) === 0 ? '' : `, ${count((s) => s.gate !== undefined)} a person's word`}.`;
}
