import { styleText } from 'node:util';
import { oneLine } from '../printable.ts';
import type { HostReport, RunReport, StepReport } from './schema.ts';
import { countsText, durationText, nextSteps, resultWord, verdictText } from './words.ts';

type Style = Parameters<typeof styleText>[0];
const STYLES: Record<StepReport['result'], Style> = {
  changed: 'yellow', would_change: 'yellow', unchanged: 'green', reverted: 'yellow', failed: ['red', 'bold'],
  interrupted: ['red', 'bold'], unknown: ['magenta', 'bold'], skipped: 'dim', waiting: 'dim',
};

/** The word for a result, coloured where the terminal takes colours. */
export const styledResult = (result: StepReport['result'], mode: RunReport['mode'], width: number = 0): string => styleText(STYLES[result], resultWord(result, mode).padEnd(width));

/** A run for people: every host, every step, what differed, why not, what cannot be undone. */
export function reportText(report: RunReport): string {
  const { run, site, runbook, planDigest, mode, by, beganMs, endedMs } = report;
  const time = endedMs === null ? `begun ${clock(beganMs)}` : `${clock(beganMs)} to ${clock(endedMs)} (${durationText(endedMs - beganMs)})`;
  const lines = [
    `Run ${run} of site ${site}: ${verdictText(report)}`, report.title,
    `${{ check: 'dry run', apply: 'applied', revert: 'taken back' }[mode]} by ${by}, ${time}; runbook ${runbook}, plan ${planDigest.slice(0, 12)}`,
    ...report.notes.map((note) => `Note: ${oneLine(note)}`),
    ...report.hosts.flatMap((host) => hostLines(host, mode)),
    '', `All hosts: ${countsText(report.counts, mode)}`, ...nextSteps(report).map((line) => `Next: ${line}`),
  ];
  return lines.join('\n');
}

function hostLines({ host, role, steps, counts, notes }: HostReport, mode: RunReport['mode']): string[] {
  const width = Math.max(4, ...steps.map(({ id }) => id.length));
  return ['', `${styleText('bold', host)} (${role}): ${countsText(counts, mode)}`, ...notes.map((note) => `  note: ${oneLine(note)}`), ...steps.flatMap((step, n) => stepLines(step, mode, width, steps[n - 1]))];
}

function stepLines(step: StepReport, mode: RunReport['mode'], width: number, before: StepReport | undefined): string[] {
  const time = step.endedMs === null ? '' : durationText(step.durationMs);
  const undone = step.changes && !step.canBeUndone && step.result !== 'skipped' ? ' (cannot be undone)' : '';
  // The one reason why a run went no further is said once, not below each of forty steps.
  const again = step.skippedBy === 'run' && before?.skippedBy === 'run' && before.reason === step.reason;
  const indent = ' '.repeat(width + 4);
  return [
    `  ${step.id.padEnd(width)}  ${styledResult(step.result, mode, 12)} ${time.padStart(9)}  ${step.sentence}${undone}`,
    ...(again ? [] : detailLines(step)).map((line) => indent + line),
  ];
}

const MOST_DIFFERENCES = 8;

/** What stands below a step: its differences, or why it was not done, or all that is known of a failure. */
export function detailLines(step: Pick<StepReport, 'result' | 'skippedBy' | 'reason' | 'differences' | 'failure' | 'code'> & Partial<Pick<StepReport, 'resolved' | 'approved'>>): string[] {
  const shown = ['changed', 'would_change', 'failed'].includes(step.result) ? step.differences : [];
  const lines = shown.slice(0, MOST_DIFFERENCES).map(({ what, found, wanted }) => `${what}: ${found} -> ${wanted}`);
  if (shown.length > MOST_DIFFERENCES) lines.push(`and ${shown.length - MOST_DIFFERENCES} more (--format json shows them all)`);
  const before = step.skippedBy === 'plan' ? 'by the plan: ' : step.code === '' ? '' : `${step.code}: `;
  if (step.reason !== '') lines.push(...(before + step.reason).split('\n'));
  const { failure, resolved, approved } = step;
  if (approved !== undefined && approved !== null) lines.push(`approved by ${approved.by} (certificate of ${approved.subject}), ${clock(approved.timeMs)}: ${approved.reason}`);
  if (resolved !== undefined && resolved !== null) lines.push(`taken as ${resolved.answer}, said ${resolved.by} (certificate of ${resolved.subject}): ${resolved.reason}`);
  if (failure === null) return lines.map(oneLine);
  if (failure.argv.length > 0) lines.push(`command: ${failure.argv.map(quoted).join(' ')}`, `ended by ${failure.signal === '' ? `exit code ${failure.exitCode}` : `signal ${failure.signal}`}`);
  const tail = failure.stderrTail.trimEnd();
  if (tail !== '') lines.push('stderr:', ...tail.split('\n').slice(-15).map((line) => `| ${line}`));
  return lines.map(oneLine);
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`);
const clock = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ') + ' UTC';
