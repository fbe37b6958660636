import { approvalsOf, isWord, type Approval } from './gates.ts';
import { stepKey, type Plan, type PlanStep } from './plan-format.ts';
import type { RunRecord } from './store/runstore.ts';

export interface Question { host: string; step: PlanStep }
/** Asks whoever sits at this terminal; undefined where they do not approve, or `letGo` says that nobody waits for it any more. */
export type Ask = (question: Question, letGo: AbortSignal) => Promise<{ by: string; reason: string } | undefined>;

/** The gates of one attempt: which steps want a word still, and the words that were given. */
export class Gatekeeper {
  readonly #plan: Plan;
  readonly #subject: string;
  readonly #ask: Ask | undefined;
  readonly #record: (approval: Approval) => void;
  readonly #letGo = new AbortController();
  #approvals = new Map<string, Approval>();
  /** One question at a time, however many hosts have come to a gate. */
  #asked: Promise<unknown> = Promise.resolve();

  /** `subject`: the name in the certificate under which a word is given; `record` puts it on disk. */
  constructor(plan: Plan, { subject, ask }: { subject: string; ask?: Ask }, record: (approval: Approval) => void) {
    this.#plan = plan;
    this.#subject = subject;
    this.#ask = ask;
    this.#record = record;
  }

  /** Takes the words that this run has on record; answers with the keys of the steps that these words are. */
  read(records: readonly RunRecord[]): string[] {
    this.#approvals = approvalsOf(this.#plan, records);
    return this.#plan.stages.flatMap(({ hosts }) => hosts.flatMap(({ host, steps }) => steps.filter(isWord).map(({ id }) => stepKey(id, host)))).filter((key) => this.#approvals.has(key));
  }

  wants(host: string, step: PlanStep): boolean { return step.gate !== undefined && !this.#approvals.has(stepKey(step.id, host)); }

  /** Whether the step may start now. */
  async pass(host: string, step: PlanStep): Promise<boolean> {
    const ask = this.#ask;
    if (ask === undefined) return false;
    const answer = this.#asked.then(async () => (this.#letGo.signal.aborted ? undefined : await ask({ host, step }, this.#letGo.signal)));
    this.#asked = answer.catch(() => undefined); // whoever asked is told of it
    const word = await answer;
    if (word === undefined) return false;
    const approval: Approval = { type: 'approved', timeMs: Date.now(), host, step: step.id, subject: this.#subject, ...word };
    this.#record(approval);
    this.#approvals.set(stepKey(step.id, host), approval);
    return true;
  }

  /** Nobody waits for an answer any more. */
  letGo(): void { this.#letGo.abort(); }
}
