import { oneLine } from '../printable.ts';
import type { Counts, RunReport, StepReport } from './schema.ts';

const ORDER = ['changed', 'would_change', 'unchanged', 'reverted', 'failed', 'interrupted', 'unknown', 'skipped', 'waiting'] as const;
const WORDS: Record<StepReport['result'], string> = {
  changed: 'changed', would_change: 'would change', unchanged: 'unchanged', reverted: 'reverted', failed: 'FAILED',
  interrupted: 'INTERRUPTED', unknown: 'UNKNOWN', skipped: 'skipped', waiting: 'waiting',
};

/** A dry run cannot tell what rests on steps before it: that is no fault. */
export const resultWord = (result: StepReport['result'], mode: RunReport['mode']): string => (mode === 'check' && result === 'unknown' ? "can't tell" : WORDS[result]);

/** "12 changed, 3 unchanged, 1 FAILED". */
export function countsText(counts: Counts, mode: RunReport['mode']): string {
  const parts = ORDER.flatMap((result) => (counts[result] === undefined ? [] : [`${counts[result]} ${resultWord(result, mode)}`]));
  return parts.length === 0 ? 'no steps' : parts.join(', ');
}

/** "0.3 s", "42 s", "3 min 20 s". */
export function durationText(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** What a run came to, in words, by its exit code; null is a run without an end. */
export function verdictText({ exitCode, reason: said, mode }: Pick<RunReport, 'exitCode' | 'reason' | 'mode'>): string {
  const reason = oneLine(said);
  switch (exitCode) {
    case null: return 'not ended';
    case 0: return mode === 'check' ? 'dry run done, nothing was changed' : reason === '' ? 'done' : `done as far as was asked (${reason})`;
    case 3: return `failed (${reason})`;
    case 5: return `a host could not be reached (${reason})`;
    case 6: return mode === 'revert' ? `rolled back (${reason})` : `undone by the hosts themselves (${reason})`;
    case 7: return mode === 'revert' ? `not all the way back (${reason})` : `going back failed (${reason})`;
    case 8: return `waits for a person (${reason})`;
    case 130: return reason;
    default: return `ended with exit code ${exitCode} (${reason})`;
  }
}

/** What to do next, one sentence a line. */
export function nextSteps(report: Pick<RunReport, 'exitCode' | 'mode' | 'to' | 'run' | 'runbook' | 'hosts' | 'until' | 'only'>): string[] {
  const { exitCode, mode, run, runbook } = report;
  if (mode === 'revert') return nextOnTheWayBack(report);
  if (exitCode === null) return [`tandem status ${run} asks the hosts how far they are; tandem stop ${run} lets each finish its step and go no further.`, ...mode === 'check' ? [] : [`Where its coordinator has gone: tandem resume ${run} goes on with it.`]];
  if (runbook === 'op' && exitCode !== 8) return exitCode !== 0 ? ['Mend the cause named above, then the same command again.'] : mode === 'check' ? ['The same command without --check does it.'] : [];
  if (exitCode === 0 && mode === 'apply' && (report.until !== null || report.only !== null)) return [`tandem resume ${run} goes on with what is left (--until CHECKPOINT, --hosts NAMES: with a part of it).`];
  if (exitCode === 0) return [mode === 'check' ? 'tandem run carries the plan out.' : `tandem report ${run} --format junit --out FILE keeps this for others; tandem health shows the hosts.`];
  const again = mode === 'check' ? 'tandem check' : `tandem resume ${run}`, rest = mode === 'check' ? '' : ' What is done stays as it is.';
  if (exitCode === 5) return [`Make the host reachable (tandem hosts shows which is not), then: ${again}.${rest}`];
  if (exitCode === 6) return [`The host is as it was before that step. Mend the cause named above, then: ${again}.${rest}`];
  if (exitCode === 7) return ['The host may be cut off: go to its console and look. The state it had before is in the report, the saved copies are in the run\'s folder under /var/lib/tandem/runs.'];
  if (exitCode === 8) return questions(report);
  if (exitCode === 130) return [`tandem status ${run} shows what is done; ${again} goes on from there.${rest}`];
  return [`Mend the cause named above, then: ${again}.${rest}`];
}

function nextOnTheWayBack({ exitCode, run, to }: Pick<RunReport, 'exitCode' | 'run' | 'to'>): string[] {
  const on = `tandem revert ${run} --to ${to ?? 'CHECKPOINT'} goes on with the way back`, forward = `tandem resume ${run} --forward carries out again what was undone.`;
  switch (exitCode) {
    case 6: return [`The hosts are back at the checkpoint. tandem resume ${run} goes forward again from there.`];
    case null: return [`tandem status ${run} asks the hosts how far they are. Where its coordinator has gone: ${on}; ${forward}`];
    case 130: return [`${on}; ${forward}`];
    default: return [`Mend the cause named above, then: ${on} where it stopped.`];
  }
}

/** What a person must say before the run can go on, and how to find it out. */
function questions({ run, hosts }: Pick<RunReport, 'run' | 'hosts'>): string[] {
  const waiting = hosts.flatMap(({ host, steps }) => steps.filter(({ result }) => result === 'waiting').map((step) => ({ host, ...step })));
  const gates = waiting.filter(({ gate, reason }) => gate !== null && reason.startsWith('waits for approval')), acts = waiting.filter((step) => !gates.includes(step) && step.reason !== '');
  const unknown = hosts.some(({ steps }) => steps.some(({ result }) => result === 'unknown'));
  return [
    ...gates.map(({ id, host }) => `tandem approve ${run} ${id} --by NAME --reason TEXT${gates.some((other) => other.id === id && other.host !== host) ? ` --host ${host}` : ''} lets ${host} go on.`),
    ...acts.map(({ id, host, reason }) => `${id} on ${host} ${oneLine(reason)}. Then: tandem resume ${run}`),
    ...hosts.flatMap(({ host, steps }) => steps.filter(({ result, resolved }) => result === 'unknown' && resolved === null).flatMap(({ id, sentence, failure }) => [
      `Is this so on ${host}: ${oneLine(sentence)}? A look could not tell${failure === null || failure.argv.length === 0 ? '' : ` (it failed at: ${oneLine(failure.argv.join(' '))})`}; look there yourself.`,
      `Then: tandem resolve ${run} ${id} done|not-done --host ${host} --by NAME --reason TEXT`,
    ])),
    ...!unknown ? gates.length + acts.length > 0 ? [] : [`tandem resume ${run} goes on, with the hosts that the notes name.`] : [`When a look can tell again (say, once the service it asks is back): tandem resume ${run}`],
  ];
}
