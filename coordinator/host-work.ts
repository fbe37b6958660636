import { isGood, type Finished } from '../proto/events.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import { awaitsPerson, isWord } from './gates.ts';
import type { Hosts } from './hosts.ts';
import { AgentRefused, Unreachable } from './link.ts';
import { stepKey, type Plan, type PlanStage, type PlanStep } from './plan-format.ts';
import { standingOf, type Standing } from './standing.ts';
import type { RunRecord } from './store/runstore.ts';
import type { HostEnds } from './verdict.ts';

/** How a host came out of a stage; `waits`: it keeps its place there until a person has acted; `held`: it does not go on, and that is no fault of its own. */
export type StageEnd = 'done' | 'failed' | 'waits' | 'held';

/** What one host does of one stage: from where an earlier attempt got to, as far as a gate, a need or a failure lets it. */
export class HostWork {
  readonly #hosts: Hosts;
  readonly #gates: Gatekeeper;
  readonly #ends: HostEnds;
  readonly #good = new Set<string>();
  readonly #skipped: ReadonlySet<string>;
  /** Hosts that take up no further stage in this attempt: they have not ended an earlier one. */
  readonly #held = new Set<string>();
  #standing = new Map<string, Standing>();
  #halted = false;

  constructor(plan: Plan, hosts: Hosts, gates: Gatekeeper, ends: HostEnds) {
    this.#hosts = hosts;
    this.#gates = gates;
    this.#ends = ends;
    this.#skipped = new Set(plan.stages.flatMap((stage) => stage.hosts.flatMap(({ host, steps }) => steps.filter(({ skip }) => skip !== undefined).map(({ id }) => stepKey(id, host)))));
  }

  /** Takes what is on record of earlier attempts: what is done is never sent again. */
  begin(known: readonly RunRecord[]): void {
    this.#standing = standingOf(known);
    for (const [key, { good }] of this.#standing) if (good) this.#good.add(key);
    for (const key of this.#gates.read(known)) this.#good.add(key);
  }

  /** This host takes up no further stage. */
  hold(host: string): void { this.#held.add(host); }

  /** Nothing more is begun. */
  halt(): void {
    this.#halted = true;
    this.#gates.letGo();
  }

  get #applies(): boolean { return this.#hosts.settings.mode === 'apply'; }

  /** All steps of one host in one stage, streamed ahead as far as the next gate. */
  async carryOut(stage: PlanStage, host: string, steps: PlanStep[]): Promise<StageEnd> {
    if (this.#ends.has(host) || this.#held.has(host)) return this.#ends.hasFailed(host) ? 'failed' : 'held';
    // Rows of one host follow one another: what comes after a step that cannot be started is not started either.
    const own = new Set(steps.map(({ id }) => stepKey(id, host)));
    const unmet = steps.findIndex((step) => step.skip === undefined && !this.#isGood(host, step) && !this.#needsMet(host, step, own));
    const work = (unmet < 0 ? steps : steps.slice(0, unmet)).filter((step) => step.skip === undefined && !this.#isGood(host, step));
    try {
      const [first] = work, hinders = first === undefined ? undefined : await this.#hosts.arrive(host);
      if (first !== undefined && hinders !== undefined) return this.#absent(host, first, hinders);
      const begun = await this.#endBegun(stage, host, work);
      if (begun !== 'done') return begun;
      if (!await this.#settle(stage, host, work)) return 'failed';
      const end = await this.#partByPart(stage, host, work.filter((step) => !this.#isGood(host, step)));
      return end !== 'done' || unmet < 0 ? end : this.#ends.hasFailed(host) ? 'failed' : 'held';
    } catch (error) {
      if (this.#hosts.detached || !(error instanceof Unreachable || error instanceof AgentRefused)) throw error;
      this.#ends.note(host, error instanceof Unreachable ? 'unreachable' : 'failed');
      this.#hosts.note(host, error.message);
      return 'failed';
    }
  }

  /** What lies before a gate has ended before its question is asked. */
  async #partByPart(stage: PlanStage, host: string, left: PlanStep[]): Promise<StageEnd> {
    const { attempt, settings: { mode } } = this.#hosts, gated = (step: PlanStep): boolean => this.#applies && this.#gates.wants(host, step);
    while (left[0] !== undefined) {
      if (this.#halted) return 'failed';
      const [first] = left;
      if (gated(first) && !await this.#gates.pass(host, first)) return this.#wait(host, first, `waits for approval: ${first.gate ?? ''}`);
      const next = left.findIndex((step, at) => at > 0 && gated(step)), part = left.splice(0, next < 0 ? left.length : next);
      for (const step of part) if (isWord(step)) this.#good.add(stepKey(step.id, host));
      const sent = part.filter((step) => !isWord(step));
      const end = await this.#sent(host, sent, sent.map((step) => this.#hosts.command(host, step, mode, attempt, `${stage.phase}/${stage.stage}`)));
      if (end !== 'done') return end;
    }
    return 'done';
  }

  /** It has not joined the run: a person has to act there first. A dry run passes it over. */
  #absent(host: string, first: PlanStep, why: string): StageEnd {
    if (this.#applies) return this.#wait(host, first, `waits for a person: ${first.human ?? ''} (${why})`);
    this.#hosts.note(host, `not looked at, it joins the run at ${first.id}: ${why}`);
    this.#held.add(host);
    return 'held';
  }

  #wait(host: string, step: PlanStep, why: string): StageEnd {
    if (this.#halted) return 'failed';
    this.#hosts.note(host, `${step.id} ${why}`);
    this.#ends.wait(host, `waits at ${step.id}`);
    return 'waits';
  }

  #isGood(host: string, step: PlanStep): boolean { return this.#good.has(stepKey(step.id, host)); }

  /** What was accepted in an earlier attempt and has no result keeps its id, so that it is done once; nothing else is sent before it has one. */
  async #endBegun(stage: PlanStage, host: string, work: PlanStep[]): Promise<StageEnd> {
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
      if (look?.code === 'verify_failed' && standing.word !== 'not-done') {
        this.#hosts.note(host, `${step.id} cannot be called done, its proof fails: ${look.reason}; mend it, then tandem resume. tandem resolve ... not-done takes it as failed`);
      } else if (standing.word === 'done' && told === 'not-done') {
        this.#hosts.note(host, `${step.id} is not done, whatever was said: a look finds that it would change something; tandem resume carries it out`);
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

  /** `again`: those that a stop has skipped are still to be done. */
  async #sent(host: string, steps: PlanStep[], commands: ReturnType<Hosts['command']>[], again = false): Promise<StageEnd> {
    const { mode } = this.#hosts.settings;
    const results = await this.#hosts.send(host, commands.flatMap((command, at) => { const step = steps[at]; return step === undefined ? [] : [{ command, step }]; }));
    for (const { step, result } of results) if (isGood(result, mode)) this.#good.add(stepKey(step, host));
    return this.#endOf(host, steps, again ? results.filter(({ result }) => result !== 'skipped') : results);
  }

  #endOf(host: string, steps: PlanStep[], results: Finished[]): StageEnd {
    const { mode } = this.#hosts.settings;
    if (mode === 'check') {
      if (results.some(({ result }) => result === 'failed')) this.#ends.noteLook(host);
      return 'done';
    }
    const bad = results.find(({ result }) => !isGood(result, mode));
    if (bad === undefined) return 'done';
    const step = steps.find(({ id }) => id === bad.step);
    if (step !== undefined && awaitsPerson(step, bad)) return this.#wait(host, step, `waits for a person: ${step.human ?? ''}`);
    this.#ends.noteResults(host, results);
    return 'failed';
  }

  /** A step whose need on another host is not met is left out and said so; needs on its own host the agent keeps by order. */
  #needsMet(host: string, step: PlanStep, own: ReadonlySet<string>): boolean {
    if (!this.#applies) return true;
    const unmet = [...new Set([...step.needs, ...step.after ?? []])].filter((need) => !own.has(need) && !this.#skipped.has(need) && !this.#good.has(need));
    if (unmet.length === 0) return true;
    this.#hosts.note(host, `${step.id} not started: it needs ${unmet.length > 5 ? `${unmet.slice(0, 5).join(', ')} and ${String(unmet.length - 5)} more` : unmet.join(', ')}`);
    this.#held.add(host);
    if (unmet.some((need) => this.#ends.hasFailed(need.slice(need.indexOf('@') + 1)))) this.#ends.note(host, 'failed');
    else this.#ends.wait(host, `held before ${step.id}`);
    return false;
  }
}
