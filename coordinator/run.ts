import { isGood, type Finished } from '../proto/events.ts';
import { Hosts, type HostWatcher, type RunSettings } from './hosts.ts';
import { AgentRefused, Unreachable, type Link } from './link.ts';
import { stepKey, type Plan, type PlanStage, type PlanStep } from './plan-format.ts';
import { standingOf, type Standing } from './standing.ts';
import type { RunRecord, RunWriter } from './store/runstore.ts';
import { HostEnds, withinBudget } from './verdict.ts';

export interface RunWatcher extends Omit<HostWatcher, 'onStopped'> { onStage(stage: PlanStage): void }

/** Carries a plan out, from its beginning or from where an earlier attempt got to: order across hosts is decided here, all else by the agents. */
export class Run {
  readonly #plan: Plan;
  readonly #hosts: Hosts;
  readonly #watcher: RunWatcher;
  readonly #good = new Set<string>();
  readonly #ends = new HostEnds();
  readonly #skipped: ReadonlySet<string>;
  #standing = new Map<string, Standing>();
  #stopReason: string | undefined;

  /** `records`: what this run has on record from earlier attempts. */
  constructor(plan: Plan, settings: RunSettings, links: Map<string, Link>, store: RunWriter, watcher: RunWatcher, records: readonly RunRecord[] = []) {
    this.#plan = plan;
    this.#watcher = watcher;
    this.#skipped = new Set(plan.stages.flatMap((stage) => stage.hosts.flatMap(({ host, steps }) => steps.filter(({ skip }) => skip !== undefined).map(({ id }) => stepKey(id, host)))));
    this.#hosts = new Hosts(plan, settings, links, store, {
      onEvent: (host, event) => { watcher.onEvent(host, event); }, onNote: (host, text) => { watcher.onNote(host, text); },
      onStopped: (reason) => { this.#stopReason ??= reason; },
    }, records);
  }

  /** Resolves with the exit code; every result is in the store by then. Throws Locked, Unreachable, AgentRefused before any work. */
  async carryOut(): Promise<number> {
    return await this.#hosts.hold(async (known) => {
      // What is done is never sent again.
      this.#standing = standingOf(known);
      for (const [key, { good }] of this.#standing) if (good) this.#good.add(key);
      for (const stage of this.#plan.stages) {
        if (this.#stopReason !== undefined || (this.#applies && this.#ends.size > 0 && !withinBudget(stage, this.#ends.size))) break;
        this.#watcher.onStage(stage);
        await this.#stage(stage);
        await this.#hosts.witness(stage.hosts.map(({ host }) => host).filter((host) => !this.#ends.has(host)));
      }
      return this.#ends.verdict(this.#stopReason);
    });
  }

  async stop(reason: string): Promise<void> {
    this.#stopReason ??= reason;
    await this.#hosts.stop(reason);
  }

  detach(): void { this.#hosts.detach(); }

  get #applies(): boolean { return this.#hosts.settings.mode === 'apply'; }

  async #stage(stage: PlanStage): Promise<void> {
    const waiting = [...stage.hosts];
    const workers = stage.strategy === 'serial' ? 1 : stage.limit ?? stage.hosts.length;
    let failed = 0;
    await Promise.all(Array.from({ length: Math.min(workers, waiting.length) }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (this.#stopReason !== undefined || (this.#applies && !withinBudget(stage, failed))) return;
        if (!await this.#onHost(stage, next.host, next.steps)) failed += 1;
      }
    }));
  }

  /** All steps of one host in one stage, streamed ahead. False when the host did not end well. */
  async #onHost(stage: PlanStage, host: string, steps: PlanStep[]): Promise<boolean> {
    if (this.#ends.has(host)) return false;
    // Rows of one host follow one another: what comes after a step that cannot be started is not started either.
    const own = new Set(steps.map(({ id }) => stepKey(id, host)));
    const unmet = steps.findIndex((step) => step.skip === undefined && !this.#isGood(host, step) && !this.#needsMet(host, step, own));
    const work = (unmet < 0 ? steps : steps.slice(0, unmet)).filter((step) => step.skip === undefined && !this.#isGood(host, step));
    try {
      if (!await this.#endBegun(stage, host, work) || !await this.#settle(stage, host, work)) return false;
      if (this.#stopReason !== undefined) return false;
      const left = work.filter((step) => !this.#isGood(host, step)), { attempt, settings: { mode } } = this.#hosts;
      return await this.#sent(host, left, left.map((step) => this.#hosts.command(host, step, mode, attempt, `${stage.phase}/${stage.stage}`))) && unmet < 0;
    } catch (error) {
      if (this.#hosts.detached || !(error instanceof Unreachable || error instanceof AgentRefused)) throw error;
      this.#ends.note(host, error instanceof Unreachable ? 'unreachable' : 'failed');
      this.#hosts.note(host, error.message);
      return false;
    }
  }

  #isGood(host: string, step: PlanStep): boolean { return this.#good.has(stepKey(step.id, host)); }

  /** What was accepted in an earlier attempt and has no result keeps its id, so that it is done once; nothing else is sent before it has one. */
  async #endBegun(stage: PlanStage, host: string, work: PlanStep[]): Promise<boolean> {
    const begun = work.flatMap((step) => {
      const standing = this.#standing.get(stepKey(step.id, host));
      return standing === undefined || standing.finished !== undefined || standing.mode === 'revert' ? [] : [{ step, attempt: standing.attempt }];
    });
    const commands = begun.map(({ step, attempt }) => this.#hosts.command(host, step, 'apply', attempt, `${stage.phase}/${stage.stage}`));
    return await this.#sent(host, begun.map(({ step }) => step), commands, true);
  }

  /** What nobody can tell is looked at again. Where the look cannot tell either, a person's word counts; without one the host stops there. */
  async #settle(stage: PlanStage, host: string, work: PlanStep[]): Promise<boolean> {
    for (const step of work) {
      const key = stepKey(step.id, host), standing = this.#standing.get(key);
      if (standing?.unknown !== true) continue;
      const [look] = await this.#hosts.send(host, [{ step, command: this.#hosts.command(host, step, 'check', this.#hosts.attempt, `${stage.phase}/${stage.stage}/look`) }]);
      const told = look?.result === 'unchanged' ? 'done' : look?.result === 'would_change' ? 'not-done' : undefined;
      if (standing.word === 'done' && told === 'not-done') {
        this.#hosts.note(host, `${step.id} is not done, whatever was said: a look finds that it would change something; tandem resolve ... not-done carries it out`);
      } else if ((told ?? standing.word) !== undefined) {
        if ((told ?? standing.word) === 'done') this.#good.add(key);
        continue;
      } else {
        this.#hosts.note(host, `${step.id}: nobody can tell whether it is done: ${look?.reason ?? 'no answer'}`);
      }
      this.#ends.note(host, 'unknown');
      return false;
    }
    return true;
  }

  /** False when not all ended well. `again`: those that a stop has skipped are still to be done. */
  async #sent(host: string, steps: PlanStep[], commands: ReturnType<Hosts['command']>[], again = false): Promise<boolean> {
    const { mode } = this.#hosts.settings;
    const results = await this.#hosts.send(host, commands.flatMap((command, at) => { const step = steps[at]; return step === undefined ? [] : [{ command, step }]; }));
    for (const { step, result } of results) if (isGood(result, mode)) this.#good.add(stepKey(step, host));
    if (again) return this.#wentWell(host, results.filter(({ result }) => result !== 'skipped'));
    return this.#wentWell(host, results);
  }

  #wentWell(host: string, results: Finished[]): boolean {
    const { mode } = this.#hosts.settings;
    if (mode === 'check') {
      if (results.some(({ result }) => result === 'failed')) this.#ends.noteLook(host);
      return true;
    }
    if (results.every(({ result }) => isGood(result, mode))) return true;
    this.#ends.noteResults(host, results);
    return false;
  }

  /** A step whose need on another host did not end well is left out and said so; needs on its own host the agent keeps by order. */
  #needsMet(host: string, step: PlanStep, own: ReadonlySet<string>): boolean {
    if (!this.#applies) return true;
    const unmet = step.needs.filter((need) => !own.has(need) && !this.#skipped.has(need) && !this.#good.has(need));
    if (unmet.length > 0) {
      this.#hosts.note(host, `${step.id} not started: it needs ${unmet.join(', ')}`);
      this.#ends.note(host, 'failed');
    }
    return unmet.length === 0;
  }
}
