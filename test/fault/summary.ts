import { FAULTS } from './generator.ts';
import type { Finding } from './oracle.ts';

/** One trial's end, a line of `--out`. */
export interface Outcome { seed: number; number: number; fault: string; ms: number; findings: Finding[] }

/** By fault, then the line that scripts/test counts. */
export function summarize(outcomes: readonly Outcome[], seconds: number, { seed, from, to }: { seed: number; from: number; to: number }): string {
  const rows = [...FAULTS, 'lab'].map((fault) => [fault, outcomes.filter((one) => one.fault === fault || (fault === 'lab' && one.fault.startsWith('lab')))] as const).filter(([, own]) => own.length > 0);
  const table = rows.map(([fault, own]) => {
    const bad = own.filter(({ findings }) => findings.length > 0).length, mean = own.reduce((sum, { ms }) => sum + ms, 0) / own.length / 1000;
    return `${fault.padEnd(30)} ${String(own.length).padStart(6)} trials ${String(bad).padStart(5)} failed   ${mean.toFixed(2)} s each`;
  });
  const failed = outcomes.filter(({ findings }) => findings.length > 0).length;
  return [...table, `seed ${String(seed)}, trials ${String(from)} to ${String(to - 1)}, ${seconds.toFixed(0)} s`, `${String(outcomes.length - failed)} passed, ${String(failed)} failed`].join('\n');
}
