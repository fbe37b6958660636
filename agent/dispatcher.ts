import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { commandId, RUN_ID, STEP_ID, type Command } from '../proto/command.ts';
import { StepError } from '../proto/errors.ts';
import type { EventKind } from '../proto/events.ts';
import { JournalCorrupt, JournalFull } from '../proto/journal.ts';
import { createScrubber } from './host/scrub.ts';
import { Confirmations } from './confirmations.ts';
import type { Holder } from './lease.ts';
import { Outage } from './outage.ts';
import type { Emit } from './outcome.ts';
import { checkRunId, Refused } from './refused.ts';
import { RunLog, type Trace } from './runlog.ts';
import { closeSuperseded, skipReason } from './skip.ts';
import { foldersOf, type Worker } from './task.ts';
import { closedRun, DAMAGED, listRuns, markClosed, removeFolder, runIds, type RunInfo } from './runs.ts';

/** Commands of a batch that a worker is shown beyond its own: what it reads ahead is less, and a long plan costs each step no more than a short one. */
const MOST_BEHIND = 400;

const NONE: ReadonlySet<string> = new Set();
interface Queued { log: RunLog; command: Command }

/**
 * The agent's one worker. Commands are journaled as accepted, run one at a time in order, and a batch stops at its
 * first failure. A command id is carried out at most once: a finished one keeps its stored result.
 */
export class Dispatcher {
  readonly host: string;
  readonly stateDir: string;
  readonly #worker: Worker;
  readonly #holder: Holder;
  readonly #runs = new Map<string, RunLog>();
  readonly #queue: Queued[] = [];
  #inHand: Queued | undefined;
  #working = false; // true also between two commands, when none is in hand
  /** Commands of each run that wait or are in hand, by their ids: a plan may have ten thousand. */
  readonly #held = new Map<string, Set<string>>();
  readonly confirmations = new Confirmations((id) => this.known(id));
  /** While the journal cannot be written: no new work. */
  #outage: Outage | undefined;

  constructor(host: string, stateDir: string, worker: Worker, holder: Holder = { lease: () => undefined, isAnother: () => Promise.resolve(false) }) {
    this.host = host;
    this.stateDir = stateDir;
    this.#worker = worker;
    this.#holder = holder;
    for (const run of runIds(stateDir)) this.#reopen(run);
    this.#startArmedFirst();
  }

  /** At a start: a run with work left is taken up, another one stays on disk until it is asked for, unread where it is marked as closed; a damaged one is told and left alone. */
  #reopen(run: string): void {
    if (closedRun(this.stateDir, run) !== undefined) return;
    try {
      const log = this.run(run);
      if (log.damaged) console.error(`run ${run}: ${DAMAGED}`);
      if (log.unfinished) { this.#takeUp(log); return; }
      this.#putAway(log);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      console.error(error.message);
    }
  }

  get busy(): boolean { return this.#working || this.#queue.length > 0; }

  run(id: string): RunLog {
    checkRunId(id);
    let log = this.#runs.get(id);
    if (log === undefined) {
      try {
        log = new RunLog(this.stateDir, id);
      } catch (error) {
        if (error instanceof JournalCorrupt || error instanceof JournalFull) throw new Refused(error.message);
        throw error;
      }
      for (const other of this.#runs.values()) if (this.#isIdle(other)) this.#putAway(other);
      this.#runs.set(id, log);
    }
    return log;
  }

  /** A run this host has a journal of. Throws Refused when the journal cannot be trusted. */
  known(id: string): RunLog | undefined {
    return this.#runs.get(id) ?? (RUN_ID.test(id) && existsSync(RunLog.path(this.stateDir, id)) ? this.run(id) : undefined);
  }

  /** Whether commands of this run are still waiting or in hand. */
  pending(run: string): boolean { return this.#held.has(run); }

  /** Every run here, oldest first. */
  list(): RunInfo[] { return listRuns(this.stateDir, this.#runs); }

  /** Takes an ended run off this host, with its saved copies; `holder` is the run that has the lease. */
  remove(id: string, holder: string): { removed: boolean; reason: string } {
    const no = (reason: string): { removed: boolean; reason: string } => ({ removed: false, reason });
    if (id === holder) return no(`run ${id} holds this host`);
    let log: RunLog | undefined;
    try { log = this.known(id); } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return no(`whether it ended cannot be told: ${error.message}`);
    }
    if (log === undefined) return no(`this host has no run ${id}`);
    if (log.unfinished) return no(`run ${id} is not finished`);
    if (!this.#isIdle(log)) return no(`run ${id} is being read`);
    this.#putAway(log);
    removeFolder(this.stateDir, id);
    return { removed: true, reason: '' };
  }

  /** Nothing of it waits, nothing has no result, nobody listens. */
  #isIdle(log: RunLog): boolean { return !log.unfinished && !this.pending(log.run) && !log.followed; }

  /** An idle run stays on disk until it is asked for: a long life must not end with every run there was in memory. */
  #putAway(log: RunLog): void {
    markClosed(this.stateDir, log);
    log.close();
    this.#runs.delete(log.run);
  }

  /** Takes a command into its run's journal and the queue. Throws Refused, JournalFull. */
  submit(command: Command): Trace {
    this.goOn();
    if (this.#outage !== undefined) throw new Refused(this.#outage.why);
    if (!STEP_ID.test(command.step)) throw new Refused(`step id ${JSON.stringify(command.step)} is not of the form ${STEP_ID.source}`);
    if (command.id !== commandId({ ...command, host: this.host })) throw new Refused(`command ${command.id} of step ${command.step} was not made for host ${this.host}`);
    const log = this.run(command.run), trace = log.commands.get(command.id);
    if (trace === undefined) {
      const { operation, args, mode, batch, timeoutS, attempt, fence } = command;
      log.record(command.id, command.step, { kind: 'accepted', operation, args, mode, batch, timeoutS, attempt, needsSecrets: Object.keys(command.secrets).length > 0, fence });
      const held = this.#held.get(command.run) ?? NONE;
      if (log.openCount > held.size + 1) closeSuperseded(log, command, held);
      this.#push({ log, command });
    } else if (trace.finished === undefined && this.#held.get(command.run)?.has(command.id) !== true) {
      this.#push({ log, command });
    }
    this.#start();
    const now = log.commands.get(command.id);
    if (now === undefined) throw new Error('a command that was just accepted is not in the index');
    return now;
  }

  /** Lets the step in hand finish and skips all else that was, or will be, sent under the run's present lease. */
  stop(run: string, reason: string): { stepInHand: string; skipped: number } {
    const lease = this.#holder.lease(), log = this.known(run) ?? (lease?.run === run ? this.run(run) : undefined);
    if (log === undefined) return { stepInHand: '', skipped: 0 };
    const all = [...log.commands.values()].map(({ accepted }) => accepted), highest = (of: number[]): number => of.reduce((one, other) => Math.max(one, other), 0);
    log.record('', '', { kind: 'stopped', reason, attempt: Math.max(1, highest(all.map(({ attempt }) => attempt))), fence: lease?.run === run ? lease.fence : highest(all.map(({ fence }) => fence)) });
    const skipped = this.#queue.filter((entry) => entry.log === log).length;
    return { stepInHand: this.#inHand?.log === log ? this.#inHand.command.step : '', skipped };
  }

  #push(entry: Queued): void {
    const { run } = entry.log, held = this.#held.get(run);
    this.#queue.push(entry);
    if (held === undefined) this.#held.set(run, new Set([entry.command.id]));
    else held.add(entry.command.id);
  }

  #letGo({ log, command }: Queued): void {
    const held = this.#held.get(log.run);
    held?.delete(command.id);
    if (held?.size !== 0) return;
    this.#held.delete(log.run);
    if (!log.unfinished) markClosed(this.stateDir, log);
  }

  #isArmed({ log, command }: Queued): boolean { return log.commands.get(command.id)?.armed !== undefined; }

  /** A host that may be cut off is seen to before any other run goes on. */
  #startArmedFirst(): void {
    this.#queue.sort((a, b) => Number(this.#isArmed(b)) - Number(this.#isArmed(a)));
    this.#start();
  }

  #start(): void {
    if (this.#working || this.#queue.length === 0) return;
    this.#working = true;
    this.#work().catch((error: unknown) => { console.error('the worker fell over:', error); process.exit(1); });
  }

  /** After a restart: what was accepted and has no result goes on, in order; a command that needs secrets waits for them, and all of a damaged journal for its coordinator. */
  #takeUp(log: RunLog): void {
    if (log.damaged) return;
    for (const [id, { accepted, finished, armed }] of log.commands) {
      if (finished !== undefined) continue;
      if (accepted.needsSecrets && armed === undefined) break;
      const { run, step, operation, args, mode, batch, timeoutS, attempt, fence } = accepted;
      this.#push({ log, command: { id, run, step, operation, args, mode, batch, timeoutS, attempt, fence, planDigest: '', secrets: {} } });
    }
  }

  async #work(): Promise<void> {
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      this.#inHand = entry;
      try {
        await this.#carryOut(entry);
      } catch (error) {
        this.#halt(error as Error);
      }
      this.#inHand = undefined;
      this.#letGo(entry);
      await nextTurn(); // commands that fail at once would leave no turn to those who ask
    }
    this.#working = false;
  }

  /** Nothing that cannot be put on record is done. */
  #halt(error: Error): void {
    this.#outage = new Outage(error, this.stateDir, () => { this.goOn(); });
    console.error(this.#outage.why);
    this.#queue.length = 0;
    this.#held.clear();
    for (const log of this.#runs.values()) log.halt(new Refused(this.#outage.why));
  }

  /**
   * Where room was missing: what was accepted is taken up again, as after a restart. Whoever asks what this host holds, or has
   * more for it, is not to be told of a disk that was emptied since, nor of an idle host because all waits for room.
   */
  goOn(): void {
    if (this.#outage?.end() !== true) return;
    this.#outage = undefined;
    for (const log of this.#runs.values()) this.#takeUp(log);
    this.#startArmedFirst();
  }

  async #carryOut({ log, command }: Queued): Promise<void> {
    const started = performance.now(), scrubber = createScrubber();
    Object.values(command.secrets).forEach((secret) => { scrubber.add(secret); });
    const emit: Emit = (event: EventKind) => { log.record(command.id, command.step, scrubber.deep(event)); };
    const finish = (outcome: Omit<Extract<EventKind, { kind: 'finished' }>, 'kind' | 'durationMs'>): void => {
      emit({ kind: 'finished', ...outcome, durationMs: Math.round(performance.now() - started) });
    };
    const skip = skipReason(log, command, this.#holder.lease(), await this.#holder.isAnother(log.run));
    if (skip !== undefined) { finish({ result: 'skipped', code: '', reason: skip, failure: null }); return; }
    try {
      const [folder = '', ...laterFolders] = foldersOf(command, log).map((name) => join(this.stateDir, 'runs', log.run, 'steps', name));
      const outcome = await this.#worker({ log, command, folder, laterFolders, scrubber, emit, behind: () => this.#queue.slice(0, MOST_BEHIND).map((entry) => entry.command).filter(({ batch, run }) => batch === command.batch && run === command.run), confirmation: (forMs) => this.confirmations.wait(command, forMs) });
      finish({ code: '', failure: null, ...outcome });
    } catch (error) {
      if (error instanceof JournalFull) throw error; // it says nothing of the step
      const known = error instanceof StepError ? error : new StepError('internal', (error as Error).message);
      const undecided = command.mode === 'check' && known.code === 'precondition_failed';
      finish({ result: undecided ? 'unknown' : 'failed', code: known.code, reason: known.message, failure: known.failure ?? null });
    }
  }
}
