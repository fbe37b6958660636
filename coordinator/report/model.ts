import type { Code } from '../../proto/errors.ts';
import type { Event, Json, Mode, Result } from '../../proto/events.ts';
import { approvalsOf, awaitsPerson, isWord, waitingSteps, type Approval } from '../gates.ts';
import { stepKey, type Plan, type PlanStep } from '../plan-format.ts';
import { standingOf, type Standing } from '../standing.ts';
import type { RunRecord } from '../store/runstore.ts';
import type { Counts, HostReport, RunReport, StepReport } from './schema.ts';

/** Whether nothing is left to go on with: an end may be good and yet only of what was asked for (`--until`, `--hosts`). */
export const isWhole = ({ exitCode, mode, hosts }: RunReport): boolean => exitCode === 0 && mode === 'apply' && hosts.every(({ steps }) => steps.every(({ result, skippedBy }) => result !== 'waiting' && skippedBy !== 'run'));

interface Trace { last: Event; /** A look in a run that changes: an answer only where it could tell. */ look: boolean; checked?: Extract<Event, { kind: 'checked' }>; beganMs: number; finished?: Extract<Event, { kind: 'finished' }> }

/** A run from its plan and its journal alone. Throws when the journal does not begin a run. */
export function reportOf(run: string, plan: Plan, records: readonly RunRecord[]): RunReport {
  const begun = records.findLast((record) => record.type === 'begun');
  if (begun === undefined) throw new Error(`the journal of run ${run} has no beginning`);
  const since = records.slice(records.indexOf(begun));
  const ended = since.find((record) => record.type === 'ended');
  const notes = (host: string): string[] => since.flatMap((record) => (record.type === 'note' && record.host === host ? [record.text] : []));
  const traces = tracesOf(records, begun.mode === 'check');
  const standings = standingOf(records), words = new Map<string, Extract<RunRecord, { type: 'resolved' }>>(records.flatMap((record) => (record.type === 'resolved' ? [[`${record.step}@${record.host}`, record] as const] : [])));
  const approvals = approvalsOf(plan, records), atGate = new Set(ended === undefined || begun.mode !== 'apply' ? [] : waitingSteps(plan, records).map(({ host, step }) => stepKey(step.id, host)));
  const hosts = plan.hosts.map(({ name, role }): HostReport => {
    const own = notes(name);
    const steps = plan.stages.flatMap((stage) => stage.hosts.filter((on) => on.host === name).flatMap((on) => on.steps.map((step) => {
      const key = stepKey(step.id, name), told = withChange(stepReport(step, stage, traces.get(key), own, ended?.reason), standings.get(key));
      return withWord(withApproval(begun.mode === 'apply' ? withPerson(told, step) : told, step, approvals.get(key), atGate.has(key), begun.mode), words.get(key));
    })));
    return { host: name, role, steps, counts: countsOf(steps), notes: own };
  });
  return {
    format: 1, run, site: plan.site, runbook: plan.runbook.name, title: plan.runbook.title, planDigest: plan.digest,
    mode: begun.mode, to: begun.to ?? null, until: begun.until ?? null, only: begun.only ?? null, attempt: begun.attempt, by: begun.by, beganMs: records.find((record) => record.type === 'begun')?.timeMs ?? begun.timeMs,
    endedMs: ended?.timeMs ?? null, exitCode: ended?.exitCode ?? null, reason: ended?.reason ?? '',
    counts: countsOf(hosts.flatMap((host) => host.steps)), hosts, notes: notes(''),
  };
}

/** By step and host: a later attempt's events replace those of an earlier one; a look that could not tell replaces nothing. */
function tracesOf(records: readonly RunRecord[], dryRun: boolean): Map<string, Trace> {
  const traces = new Map<string, Trace>(), commands = new Map<string, Trace>();
  for (const record of records) {
    if (record.type !== 'event' || record.event.step === '') continue;
    const { host, event } = record;
    const trace = commands.get(event.command) ?? { last: event, beganMs: event.timeMs, look: !dryRun && event.kind === 'accepted' && event.mode === 'check' };
    commands.set(event.command, trace);
    trace.last = event;
    if (event.kind === 'checked') { trace.checked = event; trace.beganMs = event.timeMs; }
    if (event.kind === 'finished') trace.finished = event;
    if (!trace.look || trace.finished?.result === 'unchanged') traces.set(`${event.step}@${host}`, trace);
  }
  return traces;
}

/** What an assertion was shown, kept beside its verdict (agent/cloud/tables.ts). */
function tableIn(found: Json | undefined): string[] {
  const table = typeof found === 'object' && found !== null && !Array.isArray(found) ? found['table'] : undefined;
  return Array.isArray(table) ? table.filter((line) => typeof line === 'string') : [];
}

/** `endReason` is set once the run has ended. */
function stepReport(step: PlanStep, { phase, stage }: { phase: string; stage: string }, trace: Trace | undefined, notes: string[], endReason: string | undefined): StepReport {
  const { id, rows, title, sentence, operation, reverts, changes } = step;
  const base = { resolved: null, gate: step.gate ?? null, approved: null, id, rows, phase, stage, title, sentence, operation, canBeUndone: reverts, changes, skippedBy: null, code: '', failure: null, differences: trace?.checked?.differences ?? [], evidence: tableIn(trace?.checked?.found), beganMs: null, endedMs: null, durationMs: 0 };
  if (step.skip !== undefined) return { ...base, result: 'skipped', skippedBy: 'plan', reason: step.skip.reason };
  if (trace?.finished !== undefined) {
    const { result, reason, code, failure, durationMs, timeMs } = trace.finished;
    return { ...base, result, skippedBy: result === 'skipped' ? 'run' : null, reason, code, failure, durationMs, beganMs: timeMs - durationMs, endedMs: timeMs };
  }
  if (trace !== undefined && trace.last.kind !== 'accepted') {
    return { ...base, result: endReason === undefined ? 'waiting' : 'unknown', reason: 'begun, and no result has come back', beganMs: trace.beganMs };
  }
  if (endReason === undefined) return { ...base, result: 'waiting', reason: '' };
  const own = notes.find((text) => text.startsWith(`${id} `));
  if (trace !== undefined) return { ...base, result: 'unknown', reason: `sent to the host, and no result has come back (${endReason})` };
  // A host that has not joined the run: nothing was sent, and a person has to act.
  if (own?.startsWith(`${id} waits for a person: `) === true) return { ...base, result: 'waiting', reason: own.slice(id.length + 1) };
  return { ...base, result: 'skipped', skippedBy: 'run', reason: own ?? `the run ended before it: ${endReason === '' ? 'done' : endReason}` };
}

/** What an earlier attempt changed, and a later one only found done, this run has changed all the same. */
function withChange(step: StepReport, standing: Standing | undefined): StepReport {
  if (step.result !== 'unchanged' || standing?.changed !== true) return step;
  return { ...step, result: 'changed', reason: 'changed by an earlier attempt that had no good end; found done since' };
}

/** A person has not done what the facts were to show: nothing failed. */
function withPerson(step: StepReport, planned: PlanStep): StepReport {
  if (step.code === '' || !awaitsPerson(planned, { result: step.result as Result, code: step.code as Code })) return step;
  return { ...step, result: 'waiting', reason: `waits for a person: ${planned.human ?? ''} (${step.reason})`, code: '', beganMs: null };
}

/** A gate: the word that opened it, or that the run stands before it. A step that is a word has no other result. */
function withApproval(step: StepReport, planned: PlanStep, word: Approval | undefined, atGate: boolean, mode: Mode): StepReport {
  if (planned.skip !== undefined) return step;
  if (word !== undefined) {
    const { by, subject, reason, timeMs } = word, approved = { by, subject, reason, timeMs };
    return isWord(planned) ? { ...step, approved, result: 'unchanged', skippedBy: null, reason: '', endedMs: timeMs } : { ...step, approved };
  }
  if (atGate) return { ...step, result: 'waiting', skippedBy: null, reason: `waits for approval: ${planned.gate ?? ''}`, beganMs: null };
  return isWord(planned) && mode === 'check' ? { ...step, reason: 'a person says it when the run gets there' } : step;
}

/** A person's word stands beside the result that nobody could tell. */
function withWord(step: StepReport, word: Extract<RunRecord, { type: 'resolved' }> | undefined): StepReport {
  if (word === undefined || step.result !== 'unknown') return step;
  const { answer, by, subject, reason } = word;
  return { ...step, resolved: { answer, by, subject, reason } };
}

function countsOf(steps: readonly StepReport[]): Counts {
  const counts: Counts = {};
  for (const { result } of steps) counts[result] = (counts[result] ?? 0) + 1;
  return counts;
}
