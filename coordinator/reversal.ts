import { Hosts, type RunSettings } from './hosts.ts';
import { AgentRefused, Unreachable, type Link } from './link.ts';
import { stepKey, type Plan, type PlanStage, type PlanStep } from './plan-format.ts';
import type { RunWatcher } from './run.ts';
import { standingOf, type Standing } from './standing.ts';
import type { RunRecord, RunWriter } from './store/runstore.ts';
import { EXIT } from './verdict.ts';

/** A step of one host that was changed, or begun, and has not been undone. */
export interface Changed { stage: PlanStage; host: string; step: PlanStep }

/** What would have to be undone, the last first; what of it cannot be; and why the checkpoint is out of reach, if it is. */
export function wayBack(plan: Plan, to: number, standings: ReadonlyMap<string, Standing>): { undo: Changed[]; left: Changed[]; barred: string | undefined } {
  const stages = plan.stages.slice(to).reverse();
  const changed = stages.flatMap((stage) => [...stage.hosts].reverse().flatMap(({ host, steps }) => [...steps].reverse().flatMap((step) => (standings.get(stepKey(step.id, host))?.changed === true ? [{ stage, host, step }] : []))));
  const bar = changed.find(({ stage }) => stage.noReturn !== undefined);
  return {
    undo: changed.filter(({ step }) => step.reverts), left: changed.filter(({ step }) => !step.reverts),
    barred: bar === undefined ? undefined : `${bar.step.id} on ${bar.host} is behind a point of no return: ${bar.stage.noReturn ?? ''}`,
  };
}

/** Takes the stages after a checkpoint back, the last first; each host's steps the last first. Stops at the first that fails: what lies before it rests on it. */
export class Reversal {
  readonly #plan: Plan;
  readonly #to: number;
  readonly #hosts: Hosts;
  readonly #watcher: RunWatcher;
  #stopReason: string | undefined;

  constructor(plan: Plan, to: number, settings: RunSettings, links: Map<string, Link>, store: RunWriter, watcher: RunWatcher, records: readonly RunRecord[]) {
    this.#plan = plan;
    this.#to = to;
    this.#watcher = watcher;
    this.#hosts = new Hosts(plan, settings, links, store, {
      onEvent: (host, event) => { watcher.onEvent(host, event); }, onNote: (host, text) => { watcher.onNote(host, text); },
      onStopped: (reason) => { this.#stopReason ??= reason; },
    }, records);
  }

  /** Resolves with the exit code: rolled back, or not all the way. Throws Locked, Unreachable, AgentRefused before any work. */
  async carryOut(): Promise<number> {
    return await this.#hosts.hold(async (known) => {
      const { undo, left, barred } = wayBack(this.#plan, this.#to, standingOf(known));
      if (barred !== undefined) return { code: EXIT.failed, reason: `nothing was undone: ${barred}` };
      for (const { host, step } of left) this.#hosts.note(host, `${step.id} cannot be undone and is left as it is: ${step.sentence}`);
      for (const stage of this.#plan.stages.slice(this.#to).reverse()) {
        const ofStage = undo.filter((each) => each.stage === stage);
        if (ofStage.length === 0) continue;
        const stopped = this.#stopped();
        if (stopped !== undefined) return stopped;
        this.#watcher.onStage(stage);
        const failed = await this.#stage(stage, ofStage);
        if (failed.length > 0) return this.#stopped() ?? { code: EXIT.rollBackFailed, reason: failed.join(', ') };
      }
      return { code: EXIT.rolledBack, reason: left.length === 0 ? 'all that was changed is undone' : `all but ${left.map(({ host, step }) => stepKey(step.id, host)).join(', ')} is undone` };
    });
  }

  #stopped(): { code: number; reason: string } | undefined { return this.#stopReason === undefined ? undefined : { code: EXIT.interrupted, reason: `stopped: ${this.#stopReason}` }; }

  /** The hosts of a serial stage one after another, the last first. Answers what went wrong. */
  async #stage(stage: PlanStage, undo: Changed[]): Promise<string[]> {
    const hosts = [...new Set(undo.map(({ host }) => host))];
    const one = async (host: string): Promise<string[]> => await this.#onHost(stage, host, undo.filter((each) => each.host === host).map(({ step }) => step));
    if (stage.strategy === 'parallel') return (await Promise.all(hosts.map(one))).flat();
    for (const host of hosts) {
      const failed = await one(host);
      if (failed.length > 0) return failed;
    }
    return [];
  }

  async #onHost(stage: PlanStage, host: string, steps: PlanStep[]): Promise<string[]> {
    try {
      const { attempt } = this.#hosts;
      const results = await this.#hosts.send(host, steps.map((step) => ({ step, command: this.#hosts.command(host, step, 'revert', attempt, `${stage.phase}/${stage.stage}/back`) })));
      return results.filter(({ result }) => result !== 'reverted').map(({ step, result }) => `${stepKey(step, host)} ${result}`);
    } catch (error) {
      if (this.#hosts.detached || !(error instanceof Unreachable || error instanceof AgentRefused)) throw error;
      this.#hosts.note(host, error.message);
      return [`${host} ${error instanceof Unreachable ? 'unreachable' : 'refused'}`];
    }
  }

  async stop(reason: string): Promise<void> {
    this.#stopReason ??= reason;
    await this.#hosts.stop(reason);
  }

  detach(): void { this.#hosts.detach(); }
}
