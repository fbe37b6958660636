import { FAULTS, TURNS } from './generator.ts';
import type { Finding } from './oracle.ts';

/** One trial's end, a line of `--out`. */
export interface Outcome { seed: number; number: number; fault: string; /** Absent: of a lab trial. */ turn?: string; /** Of the sources; with a plus when they differ from it. */ commit: string; /** Whether all of its fault came about. */ struck: boolean; ms: number; findings: Finding[]; /** Of a change that must be confirmed: how often it went back. */ wentBack?: number }

/** By fault, then the line that scripts/test counts. */
export function summarize(outcomes: readonly Outcome[], seconds: number, part: { seed: number; from: number; to: number } | undefined): string {
  const rows = [...FAULTS, 'lab'].map((fault): [string, Outcome[]] => [fault, outcomes.filter((one) => one.fault === fault || (fault === 'lab' && one.fault.startsWith('lab')))]).filter(([, own]) => own.length > 0);
  for (const turn of TURNS) {
    const own = outcomes.filter((one) => one.turn === turn);
    if (own.length > 0) rows.push([`of all: ${turn}`, own]);
  }
  rows.push(['of all: the fault came about', outcomes.filter(({ struck }) => struck)]);
  const confirmed = outcomes.filter((one) => one.wentBack !== undefined), wentBack = confirmed.filter((one) => one.wentBack! > 0);
  if (confirmed.length > 0) rows.push(['of all: to be confirmed', confirmed], ['of these: went back first', wentBack]);
  const table = rows.map(([fault, own]) => {
    const bad = own.filter(({ findings }) => findings.length > 0).length, mean = own.reduce((sum, { ms }) => sum + ms, 0) / Math.max(1, own.length) / 1000;
    return `${fault.padEnd(30)} ${String(own.length).padStart(6)} trials ${String(bad).padStart(5)} failed   ${mean.toFixed(2)} s each`;
  });
  const failed = outcomes.filter(({ findings }) => findings.length > 0).length;
  return [...table, `${part === undefined ? 'trials kept as they were' : `seed ${String(part.seed)}, trials ${String(part.from)} to ${String(part.to - 1)}`}, ${seconds.toFixed(0)} s`, `${String(outcomes.length - failed)} passed, ${String(failed)} failed`].join('\n');
}
