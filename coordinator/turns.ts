import type { StageEnd } from './host-work.ts';
import type { PlanStage } from './plan-format.ts';

/** The turns of phases that are gone through once for each host: one that is not ended keeps the phase, since its host may be out of service. */
export class Turns {
  /** By phase: the host whose turn did not come to its end; and the phases in which no further turn begins. */
  readonly #cut = new Map<string, Set<string>>();
  readonly #taken = new Set<string>();

  /** Whether this stage does not begin: its own turn was cut short, or another one keeps the phase. */
  bars({ phase, target }: PlanStage): boolean { return target !== undefined && (this.#cut.get(phase)?.has(target) === true || this.#taken.has(phase)); }

  /** After a failure the next turn begins all the same, as far as the budget of failures lets it. */
  note({ phase, target }: PlanStage, ends: readonly StageEnd[]): void {
    if (target === undefined || ends.every((end) => end === 'done')) return;
    this.#cut.set(phase, (this.#cut.get(phase) ?? new Set()).add(target));
    if (ends.some((end) => end === 'waits' || end === 'held')) this.#taken.add(phase);
  }
}
