import { Gatekeeper } from './gatekeeper.ts';
import { HostWork, type StageEnd } from './host-work.ts';
import { Hosts, type HostWatcher, type RunSettings } from './hosts.ts';
import type { Link } from './link.ts';
import { partOf } from './part.ts';
import type { Plan, PlanStage } from './plan-format.ts';
import type { RunRecord, RunWriter } from './store/runstore.ts';
import { Turns } from './turns.ts';
import { HostEnds, withinBudget } from './verdict.ts';

export interface RunWatcher extends Omit<HostWatcher, 'onStopped'> { onStage(stage: PlanStage): void }

/** Carries a plan out, from its beginning or from where an earlier attempt got to: order across hosts is decided here, all else by the agents. */
export class Run {
  readonly #plan: Plan;
  readonly #hosts: Hosts;
  readonly #work: HostWork;
  readonly #watcher: RunWatcher;
  readonly #ends = new HostEnds();
  readonly #turns = new Turns();
  #stopReason: string | undefined;

  /** `records`: what this run has on record from earlier attempts. */
  constructor(plan: Plan, settings: RunSettings, links: Map<string, Link>, store: RunWriter, watcher: RunWatcher, records: readonly RunRecord[] = []) {
    this.#plan = plan;
    this.#watcher = watcher;
    this.#hosts = new Hosts(plan, settings, links, store, {
      onEvent: (host, event) => { watcher.onEvent(host, event); }, onNote: (host, text) => { watcher.onNote(host, text); },
      onStopped: (reason) => { this.#halt(reason); },
    }, records);
    this.#work = new HostWork(plan, this.#hosts, new Gatekeeper(plan, settings, (approval) => { this.#hosts.record(approval); }), this.#ends);
  }

  /** Resolves with the exit code; every result is in the store by then. Throws Locked, Unreachable, AgentRefused before any work. */
  async carryOut(): Promise<number> {
    const { until, only } = this.#hosts.settings;
    return await this.#hosts.hold(async (known) => {
      this.#work.begin(known);
      for (const stage of this.#plan.stages) {
        if (until !== undefined && stage.checkpoint === until) break;
        if (this.#stopReason !== undefined || (this.#applies && this.#ends.failed > 0 && !withinBudget(stage, this.#ends.failed))) break;
        const hosts = partOf(stage, only);
        if (hosts.length === 0 || this.#turns.bars(stage)) continue;
        this.#watcher.onStage(stage);
        this.#turns.note(stage, await this.#stage(stage, hosts));
        await this.#hosts.witness(hosts.map(({ host }) => host).filter((host) => !this.#ends.hasFailed(host)));
      }
      return this.#ends.verdict(this.#stopReason, [...until === undefined ? [] : [`until ${until}`], ...only === undefined ? [] : [`only ${only.join(', ')}`]]);
    });
  }

  async stop(reason: string): Promise<void> {
    this.#halt(reason);
    await this.#hosts.stop(reason);
  }

  detach(): void {
    this.#work.halt();
    this.#hosts.detach();
  }

  #halt(reason: string): void {
    this.#stopReason ??= reason;
    this.#work.halt();
  }

  get #applies(): boolean { return this.#hosts.settings.mode === 'apply'; }

  /** Answers how its hosts came out of it. */
  async #stage(stage: PlanStage, hosts: PlanStage['hosts']): Promise<StageEnd[]> {
    const queue = [...hosts], waits: string[] = [], ends: StageEnd[] = [];
    const workers = stage.strategy === 'serial' ? 1 : stage.limit ?? hosts.length;
    let failed = 0;
    await Promise.all(Array.from({ length: Math.min(workers, queue.length) }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const end = this.#stopReason !== undefined || (this.#applies && !withinBudget(stage, failed)) ? undefined : await this.#work.carryOut(stage, next.host, next.steps);
        if (end === undefined) { queue.unshift(next); return; }
        ends.push(end);
        if (end === 'failed') failed += 1;
        if (end === 'waits') { waits.push(next.host); return; }
      }
    }));
    for (const { host } of queue) {
      this.#work.hold(host);
      if (waits.length > 0) this.#hosts.note(host, `${stage.stage} not begun: ${waits.join(', ')} waits and keeps its place`);
    }
    return queue.length > 0 ? [...ends, 'held'] : ends;
  }
}
