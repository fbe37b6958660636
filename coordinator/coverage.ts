import Table from 'cli-table3';
import { isWord } from './gates.ts';
import type { Plan, PlanStep } from './plan-format.ts';
import { rowsOf } from './procedure.ts';
import type { Runbook } from './runbook.ts';

/** What carries a row: `acts`, `asserts`, a `human`, a `condition` under which it is left out here, a `note` that a step heeds, or nothing: `missing`. */
export interface CoveredRow { row: string; title: string; kind: 'acts' | 'asserts' | 'human' | 'condition' | 'note' | 'missing'; /** A condition's reason. */ reason: string; steps: string[]; hosts: string[] }

/** Each row of the procedure with what carries it in this plan. Undefined for a runbook that does not list the rows of its procedure. */
export function coverageOf(runbook: Runbook, plan: Plan): CoveredRow[] | undefined {
  const { procedure } = runbook;
  if (procedure === undefined) return undefined;
  const planned = plan.stages.flatMap(({ hosts }) => hosts.flatMap(({ host, steps }) => steps.map((step) => ({ host, step }))));
  return rowsOf(procedure).map(({ row, title }) => {
    const here = planned.filter(({ step }) => step.rows.includes(row)), steps = [...new Set(here.map(({ step }) => step.id))], hosts = [...new Set(here.map(({ host }) => host))];
    const found = here.length === 0 ? unplanned(runbook, row) : kindOf(here.map(({ step }) => step));
    return { row, title: title === '' ? here[0]?.step.title ?? '' : title, steps, hosts, ...found.kind !== 'missing' && procedure.notes.includes(row) ? { kind: 'note', reason: '' } : found };
  });
}

function kindOf(steps: readonly PlanStep[]): Pick<CoveredRow, 'kind' | 'reason'> {
  const done = steps.filter(({ skip }) => skip === undefined);
  if (done.length === 0) return { kind: 'condition', reason: [...new Set(steps.map(({ skip }) => skip?.reason ?? ''))].join('; ') };
  if (done.some((step) => step.human !== undefined || isWord(step))) return { kind: 'human', reason: '' };
  return { kind: done.some(({ changes }) => changes) ? 'acts' : 'asserts', reason: '' };
}

/** No step of the plan carries the row: the site has no host of that role, or the runbook no step. */
function unplanned({ stages }: Runbook, row: string): Pick<CoveredRow, 'kind' | 'reason'> {
  const roles = stages.filter(({ steps }) => steps.some((step) => step.id.split('.')[0] === row || step.rows.includes(row))).map(({ on }) => on);
  return roles.length === 0 ? { kind: 'missing', reason: '' } : { kind: 'condition', reason: `no host of role ${[...new Set(roles)].join(', ')}` };
}

const WORDS = { acts: 'acts', asserts: 'asserts', human: 'human', condition: 'condition', note: 'note', missing: 'MISSING' } as const;

export function coverageText(rows: readonly CoveredRow[], widthColumns = 120): string {
  const widest = (texts: string[], least: number, most: number): number => Math.min(most, Math.max(least, ...texts.map((text) => text.length))) + 2;
  const row = widest(rows.map((each) => each.row), 3, 6), step = widest(rows.map(({ steps }) => steps.join(' ')), 4, 26), host = widest(rows.map(({ hosts }) => hosts.join(' ')), 4, 22);
  const table = new Table({ head: ['Row', 'Step', 'Host', 'Kind', 'What'], style: { head: [], border: [], compact: true }, colWidths: [row, step, host, 32, Math.max(24, widthColumns - row - step - host - 38)], wordWrap: true });
  for (const each of rows) {
    const kind = each.kind === 'condition' ? `condition: ${each.reason}` : each.kind === 'note' ? `note carried by ${each.steps.join(', ')}` : WORDS[each.kind];
    table.push([each.row, each.steps.join(' '), each.hosts.length > 3 ? `${each.hosts.slice(0, 2).join(' ')} and ${String(each.hosts.length - 2)} more` : each.hosts.join(' '), kind, each.title]);
  }
  const count = (kind: CoveredRow['kind']): number => rows.filter((each) => each.kind === kind).length;
  const missing = rows.filter(({ kind }) => kind === 'missing').map((each) => each.row);
  return `${table.toString()}\n${String(rows.length)} rows: ${(['acts', 'asserts', 'human', 'condition', 'note', 'missing'] as const).filter((kind) => count(kind) > 0).map((kind) => `${String(count(kind))} ${WORDS[kind]}`).join(', ')}${missing.length === 0 ? '' : ` (${missing.join(', ')})`}`;
}
