import type { Finished } from '../proto/events.ts';
import type { PlanStage } from './plan-format.ts';

/** The command line's contract; see `tandem --help`. */
export const EXIT = { done: 0, internal: 1, usage: 2, failed: 3, inhibited: 4, unreachable: 5, rolledBack: 6, rollBackFailed: 7, waiting: 8, locked: 9, interrupted: 130 } as const;

export type BadEnd = 'failed' | 'unreachable' | 'unknown' | 'rolled back' | 'cut off';

/** How a host ended on which not all went well. */
function endOf(results: readonly Finished[]): BadEnd {
  if (results.some(({ code }) => code === 'revert_failed')) return 'cut off';
  if (results.some(({ result }) => result === 'unknown' || result === 'interrupted')) return 'unknown';
  return results.some(({ result }) => result === 'reverted') ? 'rolled back' : 'failed';
}

/** Whether a stage with this many failed hosts may go on; maxFailures is a count or a percentage of its hosts. */
export function withinBudget(stage: PlanStage, failed: number): boolean {
  const { maxFailures } = stage;
  const allowed = typeof maxFailures === 'number' ? maxFailures : Math.floor((stage.hosts.length * Number.parseFloat(maxFailures)) / 100);
  return failed <= allowed;
}

/** The hosts that did not end well, and what that makes of the run. */
export class HostEnds {
  readonly #bad = new Map<string, BadEnd>();
  /** Hosts on which a look of the dry run failed; it goes on there all the same. */
  readonly #failedLooks = new Set<string>();

  /** Hosts that wait for a person, or for another host that does; where, in words. */
  readonly #waits = new Map<string, string>();

  get failed(): number { return this.#bad.size; }
  hasFailed(host: string): boolean { return this.#bad.has(host); }
  has(host: string): boolean { return this.#bad.has(host) || this.#waits.has(host); }
  wait(host: string, where: string): void { this.#waits.set(host, where); }
  note(host: string, end: BadEnd): void { this.#bad.set(host, end); }
  noteResults(host: string, results: readonly Finished[]): void { this.#bad.set(host, endOf(results)); }
  noteLook(host: string): void { this.#failedLooks.add(host); }

  /** `asked`: what the run was told to end at, in words; nothing where it was to do all. */
  verdict(stopReason: string | undefined, asked: readonly string[] = []): { code: number; reason: string } {
    const ends = new Map([...this.#bad, ...[...this.#failedLooks].map((host) => [host, 'failed'] as const)]);
    const bad = [...ends, ...this.#waits].map(([host, why]) => `${host} ${why}`).join(', '), kinds = [...ends.values()];
    if (kinds.includes('cut off')) return { code: EXIT.rollBackFailed, reason: bad };
    if (stopReason !== undefined) return { code: EXIT.interrupted, reason: `stopped: ${stopReason}${bad === '' ? '' : ` (${bad})`}` };
    if (kinds.includes('failed')) return { code: EXIT.failed, reason: bad };
    if (kinds.includes('rolled back')) return { code: EXIT.rolledBack, reason: bad };
    if (kinds.includes('unknown')) return { code: EXIT.waiting, reason: bad };
    if (kinds.includes('unreachable')) return { code: EXIT.unreachable, reason: bad };
    if (this.#waits.size > 0) return { code: EXIT.waiting, reason: bad };
    return { code: EXIT.done, reason: asked.join(', ') };
  }
}
