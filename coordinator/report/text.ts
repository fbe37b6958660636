import { styleText } from 'node:util';
import type { HostReport, RunReport, StepReport } from './model.ts';
import { countsText, durationText, nextSteps, resultWord, verdictText } from './words.ts';

type Style = Parameters<typeof styleText>[0];
const STYLES: Record<StepReport['result'], Style> = {
  changed: 'yellow', would_change: 'yellow', unchanged: 'green', reverted: 'yellow', failed: ['red', 'bold'],
  interrupted: ['red', 'bold'], unknown: ['magenta', 'bold'], skipped: 'dim', waiting: 'dim',
};

/** The word for a result, coloured where the terminal takes colours. */
export const styledResult = (result: StepReport['result'], width: number = 0): string => styleText(STYLES[result], resultWord(result).padEnd(width));

/** A run for people: every host, every step, what differed, why not, what cannot be undone. */
export function reportText(report: RunReport): string {
  const { run, site, runbook, planDigest, mode, by, beganMs, endedMs } = report;
  const time = endedMs === null ? `begun ${clock(beganMs)}` : `${clock(beganMs)} to ${clock(endedMs)} (${durationText(endedMs - beganMs)})`;
  const lines = [
    `Run ${run} of site ${site}: ${verdictText(report)}`, report.title,
    `${mode === 'check' ? 'dry run' : 'applied'} by ${by}, ${time}; runbook ${runbook}, plan ${planDigest.slice(0, 12)}`,
    ...report.notes.map((note) => `Note: ${note}`),
    ...report.hosts.flatMap(hostLines),
    '', `All hosts: ${countsText(report.counts)}`, ...nextSteps(report).map((line) => `Next: ${line}`),
  ];
  return lines.join('\n');
}

function hostLines({ host, role, steps, counts, notes }: HostReport): string[] {
  const width = Math.max(4, ...steps.map(({ id }) => id.length));
  return ['', `${styleText('bold', host)} (${role}): ${countsText(counts)}`, ...notes.map((note) => `  note: ${note}`), ...steps.flatMap((step) => stepLines(step, width))];
}

function stepLines(step: StepReport, width: number): string[] {
  const time = step.endedMs === null ? '' : durationText(step.durationMs);
  const undone = step.changes && !step.canBeUndone && step.result !== 'skipped' ? ' (cannot be undone)' : '';
  const indent = ' '.repeat(width + 4);
  return [
    `  ${step.id.padEnd(width)}  ${styledResult(step.result, 12)} ${time.padStart(9)}  ${step.sentence}${undone}`,
    ...detailLines(step).map((line) => indent + line),
  ];
}

/** What stands below a step: its differences, or why it was not done, or all that is known of a failure. */
export function detailLines(step: Pick<StepReport, 'result' | 'reason' | 'differences' | 'failure' | 'code'>): string[] {
  const lines = step.result === 'changed' || step.result === 'would_change' || step.result === 'failed'
    ? step.differences.map(({ what, found, wanted }) => `${what}: ${found} -> ${wanted}`) : [];
  if (step.reason !== '') lines.push(`${step.code === '' ? '' : `${step.code}: `}${step.reason}`);
  const { failure } = step;
  if (failure === null) return lines;
  if (failure.argv.length > 0) lines.push(`command: ${failure.argv.map(quoted).join(' ')}`, `ended by ${failure.signal === '' ? `exit code ${failure.exitCode}` : `signal ${failure.signal}`}`);
  const tail = failure.stderrTail.trimEnd();
  return tail === '' ? lines : [...lines, 'stderr:', ...tail.split('\n').slice(-15).map((line) => `| ${line}`)];
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`);
const clock = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ') + ' UTC';
