import { availableParallelism } from 'node:os';
import type { AgentFigures } from './agent.ts';
import type { Competitor, Turn } from './competitors.ts';
import { median, quantile } from './measure.ts';
import { CHECKS, type Kind } from './stage.ts';

export interface Result { hosts: number; turns: Record<Competitor, (Turn & { load: number })[]> }

const KINDS: Kind[] = ['package', 'service', 'ini'];

function table(title: string, head: string[], rows: string[][]): string {
  const all = [head, ...rows], widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: string[]): string => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd();
  return [title, line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

const wall = (turns: Turn[]): number => median(turns.map(({ wallMs }) => wallMs));
const fixed = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : '-');

export function stageTable(results: Result[]): string {
  const row = (hosts: number, name: string, wallsMs: number[], script: Turn[], own: Result['turns'][Competitor]): string[] => {
    const perStep = (values: number[]): string => fixed(median(values) / (CHECKS.length * hosts), 1);
    return [`${String(hosts)} ${name}`, String(own.length), fixed(median(wallsMs) / 1000, 2), wallsMs.slice(0, 5).map((ms) => fixed(ms / 1000, 2)).join(' '), fixed(median(wallsMs) / wall(script), 2),
      perStep(own.map(({ hostCpuMs }) => hostCpuMs)), perStep(own.map(({ coordinatorCpuMs }) => coordinatorCpuMs)), fixed(median(own.map(({ load }) => load)), 1)];
  };
  const rows = results.flatMap(({ hosts, turns }) => (Object.keys(turns) as Competitor[]).filter((name) => turns[name].length > 0).flatMap((name) => [
    row(hosts, name, turns[name].map(({ wallMs }) => wallMs), turns.script, turns[name]),
    ...(name === 'tandem' ? [row(hosts, 'tandem, run only', turns.tandem.map(({ runMs }) => runMs ?? NaN), turns.script, turns.tandem)] : []),
  ]));
  return table(`${String(CHECKS.length)} steps with nothing to do, the whole command, ${String(availableParallelism())} cores shared by all hosts and the coordinator; "run only": Tandem's own first to last record, without the start of its process`,
    ['hosts, by', 'runs', 'median s', 'each s', 'x script', 'host CPU ms/step', 'coord. CPU ms/step', 'load'], rows);
}

/** Milliseconds that a step of Tandem takes beyond the same check of the script on the same host in the same turn. */
export function added({ turns }: Result, kind?: Kind): number[] {
  return turns.tandem.flatMap((turn, at) => turn.steps.flatMap(({ host, stepMs }) => {
    const script = turns.script[at]?.steps.find((each) => each.host === host)?.stepMs ?? [];
    return stepMs.flatMap((ms, step) => (kind === undefined || CHECKS[step]?.kind === kind ? [ms - (script[step] ?? NaN)] : []));
  }));
}

const stepsOf = (turns: Turn[], kind?: Kind): number[] => turns.flatMap(({ steps }) => steps.flatMap(({ stepMs }) => stepMs.filter((_, step) => kind === undefined || CHECKS[step]?.kind === kind)));

export function stepTable(results: Result[]): string {
  const rows = results.flatMap((result) => [undefined, ...KINDS].map((kind) => {
    const extra = added(result, kind), script = stepsOf(result.turns.script, kind), tandem = stepsOf(result.turns.tandem, kind);
    return [`${String(result.hosts)} ${kind ?? 'all'}`, ...[script, tandem, extra].flatMap((values) => [0.5, 0.99].map((share) => fixed(quantile(values, share), 1)))];
  }));
  return table('One step on the host, ms: the script by its own clock, Tandem by its agent\'s journal (fdatasync included), and what Tandem adds to the same check of the same turn',
    ['hosts, steps', 'script p50', 'p99', 'tandem p50', 'p99', 'added p50', 'p99'], rows);
}

export function agentTable(agent: AgentFigures): string {
  return table('The agent', ['figure', 'value'], [
    ['resident after 10 s idle', `${fixed(agent.residentMB, 1)} MB`], ['of it its own share (PSS)', `${fixed(agent.proportionalMB, 1)} MB`],
    ['start to listening, median', `${fixed(agent.startMs, 0)} ms`], ['each', agent.startsMs.map((ms) => fixed(ms, 0)).join(' ')],
  ]);
}

/** The budgets of the design that these figures can judge. */
export function budgetTable(results: Result[], agent: AgentFigures): string {
  const rows: string[][] = [];
  const atMost = (what: string, budget: number, value: number, unit: string): void => {
    judge(what, `at most ${String(budget)} ${unit}`, value, unit, value <= budget, value / budget - 1);
  };
  const judge = (what: string, budget: string, value: number, unit: string, met: boolean, off: number): void => {
    rows.push([what, budget, `${fixed(value, 2)} ${unit}`, !Number.isFinite(value) ? 'not measured' : met ? 'met' : `MISSED by ${fixed(Math.abs(off) * 100, 0)} %`]);
  };
  for (const result of results) {
    atMost(`added per step, p50, ${String(result.hosts)} hosts`, 5, quantile(added(result), 0.5), 'ms');
    atMost(`added per step, p99, ${String(result.hosts)} hosts`, 20, quantile(added(result), 0.99), 'ms');
  }
  for (const { hosts, turns } of results) {
    const tandem = wall(turns.tandem);
    atMost(`wall over the bare script, ${String(hosts)} hosts`, 1.2, tandem / wall(turns.script), 'x');
    atMost(`wall over pdsh, ${String(hosts)} hosts`, 1, tandem / wall(turns.pdsh), 'x');
    const faster = wall(turns.ansible) / tandem;
    judge(`faster than ansible, ${String(hosts)} hosts`, 'at least 40 x', faster, 'x', faster >= 40, faster / 40 - 1);
  }
  atMost('agent resident when idle', 70, agent.residentMB, 'MB');
  atMost('agent start to listening, warm', 0.5, agent.startMs / 1000, 's');
  return table('Budgets', ['what', 'budget', 'measured', 'verdict'], rows);
}
