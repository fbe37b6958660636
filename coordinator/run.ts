import { commandId, type Command } from '../proto/command.ts';
import { isGood, type Event, type Finished, type Json } from '../proto/events.ts';
import { confirmAnew, confirmWithinS } from './confirm.ts';
import { Leases } from './leases.ts';
import { AgentRefused, Unreachable, type Link } from './link.ts';
import type { Plan, PlanStage, PlanStep } from './plan-format.ts';
import type { RunWriter } from './store/runstore.ts';

/** The command line's contract; see `tandem --help`. */
export const EXIT = { done: 0, internal: 1, usage: 2, failed: 3, inhibited: 4, unreachable: 5, rolledBack: 6, rollBackFailed: 7, waiting: 8, locked: 9, interrupted: 130 } as const;

export interface RunSettings {
  run: string;
  mode: 'check' | 'apply';
  attempt: number;
  /** Name written into the lease and the journal. */
  by: string;
  /** Seconds for which a broken link is dialled again before its host counts as unreachable. */
  patienceS: number;
  /** Takes over a lease that has lapsed: its coordinator is gone. One that still holds is never taken. */
  takeOver: boolean;
  /** Value of a `coordinator-file:` reference; read when its step is sent and kept nowhere. */
  readSecret: (reference: string) => string;
}

export interface RunWatcher {
  onStage(stage: PlanStage): void;
  onEvent(host: string, event: Event): void;
  onNote(host: string, text: string): void;
}

type BadEnd = 'failed' | 'unreachable' | 'unknown' | 'rolled back' | 'cut off';

/** How a host ended on which not all went well. */
function endOf(results: Finished[]): BadEnd {
  if (results.some(({ code }) => code === 'revert_failed')) return 'cut off';
  if (results.some(({ result }) => result === 'unknown' || result === 'interrupted')) return 'unknown';
  return results.some(({ result }) => result === 'reverted') ? 'rolled back' : 'failed';
}

/** This coordinator let go of the run; the hosts go on with what they hold. */
export class Detached extends Error {}

/** Every `coordinator-file:` reference in a step's arguments. */
export function coordinatorSecrets(args: Json): string[] {
  if (typeof args === 'string') return args.startsWith('coordinator-file:') ? [args] : [];
  if (args === null || typeof args !== 'object') return [];
  return Object.values(args).flatMap(coordinatorSecrets);
}

/** Whether a stage with this many failed hosts may go on; maxFailures is a count or a percentage of its hosts. */
export function withinBudget(stage: PlanStage, failed: number): boolean {
  const { maxFailures } = stage;
  const allowed = typeof maxFailures === 'number' ? maxFailures : Math.floor((stage.hosts.length * Number.parseFloat(maxFailures)) / 100);
  return failed <= allowed;
}

/** Carries a plan out: order across hosts is decided here, all else by the agents. */
export class Run {
  readonly #plan: Plan;
  readonly #settings: RunSettings;
  readonly #links: Map<string, Link>;
  readonly #store: RunWriter;
  readonly #watcher: RunWatcher;
  readonly #leases: Leases;
  readonly #good = new Set<string>();
  readonly #badHosts = new Map<string, BadEnd>();
  /** Hosts on which a look of the dry run failed; it goes on there all the same. */
  readonly #failedLooks = new Set<string>();
  /** Confirmations under way; a note of theirs belongs into this run. */
  readonly #confirming: Promise<void>[] = [];
  readonly #ended = new Set<string>();
  #stopReason: string | undefined;
  #detached = false;

  constructor(plan: Plan, settings: RunSettings, links: Map<string, Link>, store: RunWriter, watcher: RunWatcher) {
    this.#plan = plan;
    this.#settings = settings;
    this.#links = links;
    this.#store = store;
    this.#watcher = watcher;
    this.#leases = new Leases(settings, plan.hosts.map(({ name }) => ({ host: name, link: this.#link(name) })), (host, text) => { this.#note(host, text); });
  }

  /** Resolves with the exit code; every result is in the store by then. Throws Locked, Unreachable, AgentRefused before any work. */
  async carryOut(): Promise<number> {
    await this.#prove();
    await this.#leases.take();
    const { run, mode, attempt, by } = this.#settings;
    this.#store.append({ type: 'begun', timeMs: Date.now(), run, planDigest: this.#plan.digest, mode, attempt, by });
    this.#leases.keep();
    try {
      for (const stage of this.#plan.stages) {
        if (this.#stopReason !== undefined || (mode === 'apply' && this.#badHosts.size > 0 && !withinBudget(stage, this.#badHosts.size))) break;
        this.#watcher.onStage(stage);
        await this.#stage(stage);
      }
    } catch (error) {
      throw this.#detached ? new Detached('detached') : error;
    } finally {
      this.#leases.let();
    }
    if (this.#detached) throw new Detached('detached');
    await Promise.all(this.#confirming);
    await this.#leases.release();
    const { code, reason } = this.#verdict();
    this.#store.append({ type: 'ended', timeMs: Date.now(), exitCode: code, reason });
    return code;
  }

  /** Each host finishes the step in hand; the rest is skipped with this reason. */
  async stop(reason: string): Promise<void> {
    this.#stopReason ??= reason;
    await Promise.all([...this.#links.entries()].map(async ([host, link]) => {
      try { await link.call('Stop', { runId: this.#settings.run, reason }); } catch (error) { this.#note(host, `not told to stop: ${(error as Error).message}`); }
    }));
  }

  /** Lets go at once: nothing more is sent or written, `carryOut` rejects with Detached, leases lapse by themselves. */
  detach(): void {
    this.#note('', 'the coordinator detached; the hosts went on with what they held');
    this.#detached = true;
    for (const link of this.#links.values()) link.close();
  }

  /** Every agent answers, is the host that the plan means, and has the catalogue the plan was made with. */
  async #prove(): Promise<void> {
    await Promise.all(this.#plan.hosts.map(async ({ name }) => {
      const answer = await this.#link(name).call('ListOperations', {});
      if (answer['catalogueDigest'] !== this.#plan.catalogueDigest) {
        throw new AgentRefused(name, 'FAILED_PRECONDITION', `agent ${String(answer['agentVersion'])} has another catalogue than this plan was made with; install this version there, then plan again`);
      }
    }));
  }

  async #stage(stage: PlanStage): Promise<void> {
    const waiting = [...stage.hosts];
    const workers = stage.strategy === 'serial' ? 1 : stage.limit ?? stage.hosts.length;
    let failed = 0;
    await Promise.all(Array.from({ length: Math.min(workers, waiting.length) }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (this.#stopReason !== undefined || (this.#settings.mode === 'apply' && !withinBudget(stage, failed))) return;
        if (!await this.#onHost(stage, next.host, next.steps)) failed += 1;
      }
    }));
  }

  /** All steps of one host in one stage, streamed ahead. False when the host did not end well. */
  async #onHost(stage: PlanStage, host: string, steps: PlanStep[]): Promise<boolean> {
    if (this.#badHosts.has(host)) return false;
    // Rows of one host follow one another: what comes after a step that cannot be started is not started either.
    const unmet = steps.findIndex((step) => step.skip === undefined && !this.#needsMet(host, step, steps));
    const work = (unmet < 0 ? steps : steps.slice(0, unmet)).filter((step) => step.skip === undefined);
    const commands = work.map((step) => this.#command(stage, host, step));
    if (commands.length === 0) return unmet < 0;
    let results: Map<string, Finished>;
    try {
      results = await this.#link(host).execute(commands, this.#patienceS(steps), (event) => {
        if (this.#detached) return;
        if (event.kind === 'awaiting') this.#confirm(host, event);
        if (event.kind === 'finished') this.#ended.add(event.command);
        this.#store.append({ type: 'event', host, event });
        this.#watcher.onEvent(host, event);
      });
    } catch (error) {
      if (this.#detached || !(error instanceof Unreachable || error instanceof AgentRefused)) throw error;
      this.#badHosts.set(host, error instanceof Unreachable ? 'unreachable' : 'failed');
      this.#note(host, error.message);
      return false;
    }
    const all = [...results.values()], { mode } = this.#settings;
    for (const { step, result } of all) if (isGood(result, mode)) this.#good.add(`${step}@${host}`);
    const stopped = all.find(({ result, reason }) => result === 'skipped' && reason.startsWith('stopped: '));
    if (stopped !== undefined) this.#stopReason ??= stopped.reason.slice('stopped: '.length);
    if (mode === 'check') {
      if (all.some(({ result }) => result === 'failed')) this.#failedLooks.add(host);
      return true;
    }
    if (all.every(({ result }) => isGood(result, mode))) return unmet < 0;
    this.#badHosts.set(host, endOf(all));
    return false;
  }

  /** A host that goes back by itself is cut off until then, and a little longer. */
  #patienceS(steps: PlanStep[]): number { return Math.max(this.#settings.patienceS, 30 + Math.max(0, ...steps.map(confirmWithinS))); }

  /** Beside the stream of work, which may hang by now. What comes of it is an event of the agent. */
  #confirm(host: string, { command, remainingMs }: Extract<Event, { kind: 'awaiting' }>): void {
    const request = { runId: this.#settings.run, commandId: command, fence: this.#leases.fence(host) };
    const asked = confirmAnew(this.#link(host), request, remainingMs, () => this.#detached || this.#ended.has(command)).catch((error: unknown) => { if (!this.#detached) this.#note(host, (error as Error).message); });
    this.#confirming.push(asked);
  }

  /** A step whose need on another host did not end well is left out and said so; needs on its own host the agent keeps by order. */
  #needsMet(host: string, step: PlanStep, sameBatch: PlanStep[]): boolean {
    if (this.#settings.mode === 'check') return true;
    const own = new Set(sameBatch.map(({ id }) => `${id}@${host}`));
    const skipped = new Set(this.#plan.stages.flatMap((s) => s.hosts.flatMap((h) => h.steps.filter((each) => each.skip !== undefined).map((each) => `${each.id}@${h.host}`))));
    const unmet = step.needs.filter((need) => !own.has(need) && !skipped.has(need) && !this.#good.has(need));
    if (unmet.length > 0) {
      this.#note(host, `${step.id} not started: it needs ${unmet.join(', ')}`);
      this.#badHosts.set(host, 'failed');
    }
    return unmet.length === 0;
  }

  #command(stage: PlanStage, host: string, step: PlanStep): Command {
    const { run, mode, attempt, readSecret } = this.#settings;
    const key = { run, planDigest: this.#plan.digest, step: step.id, host, mode, attempt };
    const secrets = Object.fromEntries(coordinatorSecrets(step.args).map((reference) => [reference, readSecret(reference)]));
    return { id: commandId(key), run, planDigest: this.#plan.digest, step: step.id, batch: `${stage.phase}/${stage.stage}/${String(attempt)}`, attempt, operation: step.operation, args: step.args, timeoutS: step.timeoutS, mode, fence: this.#leases.fence(host), secrets };
  }

  #verdict(): { code: number; reason: string } {
    for (const host of this.#failedLooks) this.#badHosts.set(host, 'failed');
    const bad = [...this.#badHosts.entries()].map(([host, why]) => `${host} ${why}`).join(', ');
    const kinds = [...this.#badHosts.values()];
    if (kinds.includes('cut off')) return { code: EXIT.rollBackFailed, reason: bad };
    if (this.#stopReason !== undefined) return { code: EXIT.interrupted, reason: `stopped: ${this.#stopReason}${bad === '' ? '' : ` (${bad})`}` };
    if (kinds.includes('failed')) return { code: EXIT.failed, reason: bad };
    if (kinds.includes('rolled back')) return { code: EXIT.rolledBack, reason: bad };
    if (kinds.includes('unknown')) return { code: EXIT.waiting, reason: bad };
    if (kinds.includes('unreachable')) return { code: EXIT.unreachable, reason: bad };
    return { code: EXIT.done, reason: '' };
  }

  #note(host: string, text: string): void {
    this.#store.append({ type: 'note', timeMs: Date.now(), host, text });
    this.#watcher.onNote(host, text);
  }

  #link(host: string): Link {
    const link = this.#links.get(host);
    if (link === undefined) throw new Error(`no link to ${host}`);
    return link;
  }
}
