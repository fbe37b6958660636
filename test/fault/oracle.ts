import { createHash } from 'node:crypto';
import type { Trial } from './generator.ts';
import { judgeConfirmed } from './oracle-confirmed.ts';
import type { TrialStep } from './steps.ts';

/**
 * Judges a trial from what can be seen from outside: the hosts' effect logs, the files of their journals, the exit codes and the
 * report. Imports nothing of Tandem: whatever it believes of journals and reports it reads with the few lines below.
 */
export interface Observed {
  hosts: {
    name: string;
    /** Lines `ACT OBJECT COMMAND` of the host's effect log, and those of transactions begun; calls that no stand-in knows. */
    effects: string[]; transactions: string[]; strays: string[];
    writes: Record<string, number>; files: Record<string, string>;
    /** The port of the firewall's rules that the next start loads. */
    lastingRules: string | undefined;
    /** Journal text by run. */
    journals: Record<string, string>;
    /** Ends of the agent that nobody caused. */
    ownEnds: string[];
    /** Run that holds the host, as its lease.json says; empty for none. */
    heldBy: string;
    /** How often all its processes died at once. */
    losses: number;
  }[];
  /** Calls of the coordinator, in order. `exit` is undefined when it had to be ended after its time. */
  calls: { argv: string[]; run: string; exit: number | 'killed' | undefined; err: string; out: string }[];
  /** The run that is the trial's. */
  run: string;
  /** Whether all of the trial's fault came about; else the run had ended before. Judged all the same, and counted apart. */
  struck: boolean;
}
export interface Finding { kind: 'double effect' | 'lost effect' | 'lost result' | 'contradiction' | 'effect nobody told' | 'no end' | 'broken record' | 'lock' | 'agent ended' | 'stand-in'; text: string }

export interface Line { n: number; prev: string; at: { kind?: string; mode?: string; type?: string; step?: string; command?: string; result?: string; satisfied?: boolean } }
interface ReportStep { id: string; result: string; reason: string; operation: string; resolved?: { answer: string } | null }
interface Report { run: string; exitCode: number | null; hosts: { host: string; steps: ReportStep[] }[] }

/** Lines of a journal whose chain holds: each names the hash of the one before, and its own is over what stands before it. */
function recordsOf(text: string, say: (text: string) => void): Line[] {
  const records: Line[] = [];
  let head = '0'.repeat(64);
  for (const [at, line] of text.split('\n').slice(0, -1).entries()) {
    const cut = line.lastIndexOf(',"hash":"'), hash = line.slice(cut + 9, -2);
    if (cut < 0 || createHash('sha256').update(`${line.slice(0, cut)}}`).digest('hex') !== hash) { say(`line ${String(at + 1)} does not match its hash`); return records; }
    const record = JSON.parse(line) as Line;
    if (record.prev !== head || record.n !== at + 1) say(`line ${String(at + 1)} does not follow the one before`);
    head = hash;
    records.push(record);
  }
  if (!text.endsWith('\n') && text !== '') say('the last line is torn');
  return records;
}

const count = (list: string[]): Map<string, number> => { const counts = new Map<string, number>(); for (const one of list) counts.set(one, (counts.get(one) ?? 0) + 1); return counts; };

/** What of a trial the oracle has to know. */
type Asked = Pick<Trial, 'stages' | 'hosts'> & Partial<Pick<Trial, 'turn' | 'to'>>;

export function judge(trial: Asked, seen: Observed): Finding[] {
  const findings: Finding[] = [], find = (kind: Finding['kind'], text: string): void => { findings.push({ kind, text }); };
  const last = seen.calls.findLast((call) => call.run === seen.run);
  for (const { argv, exit } of seen.calls) if (exit === undefined) find('no end', `tandem ${argv.join(' ')} did not end`);
  for (const { argv, exit, err } of seen.calls) if (exit === 1 && !/ENOSPC.*\n.*\nNext: free space/.test(err)) find('contradiction', `tandem ${argv.join(' ')} ended with 1, which is a mistake of its own: ${err.trim().split('\n').slice(-3).join(' | ')}`);
  const wanted = trial.turn === 'back' ? 6 : 0;
  if (last?.exit !== wanted) find('no end', `the run ended with ${String(last?.exit)} after ${String(seen.calls.length)} calls: ${last?.err.trim().split('\n').slice(-3).join(' | ') ?? ''}`);
  let report: Report | undefined;
  try { report = JSON.parse(last?.out ?? '') as Report; } catch { find('lost result', 'the last call printed no report'); }
  if (report !== undefined && (report.run !== seen.run || report.exitCode !== last?.exit)) find('contradiction', `the report is of run ${report.run} with exit code ${String(report.exitCode)}`);
  for (const host of seen.hosts) judgeHost(trial, host, seen.run, report?.hosts.find((one) => one.host === host.name)?.steps ?? [], last?.exit === wanted, (kind, text) => { find(kind, `${host.name}: ${text}`); });
  judgeLock(seen, find);
  return findings;
}

function judgeHost(trial: Asked, host: Observed['hosts'][number], run: string, reported: ReportStep[], complete: boolean, find: (kind: Finding['kind'], text: string) => void): void {
  const planned = trial.stages.flatMap((stage) => stage.steps[host.name] ?? []);
  const start = trial.hosts.find(({ name }) => name === host.name)!.start;
  const ofRules = (line: string): boolean => /^(rules|booted) /.test(line), since = host.effects.slice(start.effects.length);
  const effects = since.filter((line) => !ofRules(line)).map((line) => line.split(' ').slice(0, 2).join(' '));
  const events = recordsOf(host.journals[run] ?? '', (text) => { find('broken record', text); }).map(({ at }) => at);
  // Undone, the last first: what changed after the checkpoint and has a way back.
  const after = trial.turn !== 'back' ? [] : trial.stages.slice(trial.to === 'middle' ? 1 : 0).flatMap((stage) => stage.steps[host.name] ?? []);
  const undone = after.filter((step) => (step.acts.length > 0 || step.file !== undefined || step.rules !== undefined) && step.packages === undefined).reverse();
  const resultOf = new Map(reported.map((step) => [step.id, step]));
  if (complete && host.heldBy !== '') find('lock', `the run has ended, and ${host.heldBy} still holds the host`);
  for (const stray of host.strays) find('stand-in', stray);
  for (const said of host.ownEnds) find('agent ended', said.trim().split('\n').slice(-4).join(' | '));

  // What the report calls done has its effects, each once and in the plan's order; nothing else has any.
  const isDone = (step: TrialStep): boolean => complete || ['changed', 'unchanged'].includes(resultOf.get(step.id)?.result ?? '');
  const wanted = [...planned.filter(isDone).flatMap(({ acts }) => acts), ...complete ? undone.flatMap(({ undo }) => undo) : []];
  const possible = count([...planned.flatMap(({ acts }) => acts), ...undone.flatMap(({ undo }) => undo)]), counted = count(effects), owed = count(wanted);
  for (const [act, times] of counted) {
    if (!possible.has(act)) find('effect nobody told', `"${act}", which no step does`);
    else if (times > possible.get(act)!) find('double effect', `"${act}" ${String(times)} times, ${String(possible.get(act)!)} in the plan`);
  }
  for (const [act, times] of owed) if ((counted.get(act) ?? 0) < times) find('lost effect', `"${act}" ${String(counted.get(act) ?? 0)} times, ${String(times)} told`);
  if (complete && sameCounts(counted, owed) && effects.join() !== wanted.join()) find('contradiction', `acts in another order than planned: ${effects.join(', ')}`);
  for (const step of planned) {
    const result = resultOf.get(step.id), own = events.filter((event) => event.step === step.id);
    const changes = step.acts.length > 0 || step.file !== undefined || step.rules !== undefined;
    const intents = own.filter((event) => event.kind === 'checked' && event.satisfied === false);
    const told = undone.includes(step) ? 'reverted' : changes ? 'changed' : 'unchanged', said = trial.turn === 'unknown' && result?.result === 'unknown' && result.resolved?.answer === 'done';
    if (complete && !said && result?.result !== told) find(told === 'changed' && result?.result === 'unchanged' ? 'lost result' : 'contradiction', `${step.id}, which should be ${told}, is reported as ${String(result?.result)}: ${result?.reason ?? ''}`);
    if (step.acts.some((act) => counted.has(act)) && possible.get(step.acts[0]!) === 1 && intents.length === 0) find('effect nobody told', `${step.id} acted, and its journal has no intent`);
    if (step.packages !== undefined) {
      const begun = host.transactions.filter((line) => line.split(' ').some((word) => step.packages!.includes(word))).length;
      if (begun > 1 + host.losses) find('double effect', `${String(begun)} transactions for ${step.packages.join(' ')}, and the host was lost ${String(host.losses)} times`);
    }
    if (step.file !== undefined) {
      const name = step.file.slice(step.file.lastIndexOf('/') + 1), writes = host.writes[name] ?? 0;
      // What is put back is judged by what is there: the same content once more is no second effect.
      if (!undone.includes(step) && writes > 1) find('double effect', `${step.file} was put in place ${String(writes)} times`);
      if (complete && undone.includes(step) && host.files[name] !== trial.hosts.find((one) => one.name === host.name)!.start.files[step.file]) find('lost effect', `${step.file} is not as it was before the run`);
      if (isDone(step) && writes < 1) find('lost effect', `${step.file} was not put in place`);
    }
    if (step.rules !== undefined) judgeConfirmed(step, own, since.filter(ofRules), { complete, undone: undone.includes(step), lasting: host.lastingRules, losses: host.losses }, find);
    judgeResults(step, own, result, find);
  }
}

/** Whether both counts are the same: only then is their order worth a word. */
const sameCounts = (a: Map<string, number>, b: Map<string, number>): boolean => a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);

/** Each command of a step has one result at most, and the last is the one that the report tells. */
function judgeResults(step: TrialStep, own: Line['at'][], reported: ReportStep | undefined, find: (kind: Finding['kind'], text: string) => void): void {
  // A look beside the run counts where it could tell that nothing is left to do.
  const looks = new Set(own.filter((event) => event.kind === 'accepted' && event.mode === 'check').map((event) => event.command));
  const finished = own.filter((event) => event.kind === 'finished' && (!looks.has(event.command) || event.result === 'unchanged'));
  for (const [command, times] of count(finished.map((event) => event.command ?? ''))) if (times > 1) find('contradiction', `${step.id}: command ${command.slice(0, 12)} has ${String(times)} results`);
  const last = finished.at(-1);
  if (last !== undefined && reported === undefined) find('lost result', `${step.id} ended as ${String(last.result)}, and the report does not know it`);
  // A step that an attempt changed and a later one found done was changed by the run.
  const over = finished.length > 1 && last?.result === 'unchanged' && own.some((event) => event.kind === 'checked' && event.satisfied === false) ? 'changed' : last?.result;
  if (last !== undefined && reported !== undefined && over !== reported.result) find('contradiction', `${step.id} ended as ${String(over)} and is reported as ${reported.result}`);
  if (last === undefined && reported !== undefined && ['changed', 'unchanged', 'failed'].includes(reported.result)) find('contradiction', `${step.id} is reported as ${reported.result}, and its host knows of no result`);
}

/** A second coordinator gets exit code 9 and the holder's name while the first holds a host, and acts nowhere. */
function judgeLock(seen: Observed, find: (kind: Finding['kind'], text: string) => void): void {
  for (const call of seen.calls.filter(({ run }) => run !== seen.run)) {
    if (call.exit !== 9) find('lock', `the second coordinator ended with ${String(call.exit)}: ${call.err.trim()}`);
    else if (!new RegExp(`held by run ${seen.run} of \\S+@\\S+ \\(certificate of \\S+\\)`).test(call.err)) find('lock', `the second coordinator was not told who holds the hosts: ${call.err.trim()}`);
    for (const host of seen.hosts) if ((host.journals[call.run] ?? '') !== '') find('lock', `${host.name} has lines in a journal of the second coordinator's run`);
  }
}
