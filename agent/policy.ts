import { readFileSync, statSync } from 'node:fs';
import type { HealthItem } from './health/health.ts';
import type { Touches } from './operations/operation.ts';

/** Why an operation must not be carried out with what it touches; undefined when it may. */
export type Refuses = (operation: string, touches: Touches) => string | undefined;
export type PolicyItem = HealthItem & { values: { file: string; state: 'none' | 'in force' | 'broken' } };
/** A policy as it is now: what it refuses, and itself as a part of the host's health. */
export interface Policy { refuses: Refuses; item: PolicyItem }

export const POLICY_FILE = '/etc/tandem/policy.yaml';

/** What this host's agent may do (docs/policy.md). The file is read again when it has changed; one that cannot be understood allows nothing. */
export class PolicyKeeper {
  readonly #file: string;
  /** A file that was named, or that this agent has read, must stay: its loss does not open the host until the agent is started anew. */
  #required: boolean;
  #stamp: string | undefined;
  #policy: Promise<Policy> | undefined;

  constructor(file: string | undefined) {
    this.#file = file ?? POLICY_FILE;
    this.#required = file !== undefined;
  }

  /** The policy in force; a look at the file's inode is all it costs while the file is as it was. */
  async current(): Promise<Policy> {
    const stamp = this.#stampNow();
    if (this.#policy === undefined || stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.#policy = this.#read(stamp === '');
    }
    return await this.#policy;
  }

  /** '' when there is no file. */
  #stampNow(): string {
    try {
      const s = statSync(this.#file, { bigint: true, throwIfNoEntry: false });
      return s === undefined ? '' : [s.dev, s.ino, s.size, s.mtimeNs, s.ctimeNs].join(' ');
    } catch (error) {
      return `unreadable: ${(error as Error).message}`;
    }
  }

  async #read(absent: boolean): Promise<Policy> {
    if (absent && !this.#required) return { refuses: () => undefined, item: this.#item('none', `there is no ${this.#file}: every operation is allowed`) };
    this.#required = true;
    if (absent) return this.#broken(`${this.#file} is not there; put it back, or start the agent anew without one`);
    // An agent without a policy need not hold the YAML parser in memory.
    const [{ parsePolicy, PolicyBroken }, { refusalOf }] = await Promise.all([import('./policy-file.ts'), import('./policy-rules.ts')]);
    try {
      const { mode, uid } = statSync(this.#file);
      if ((mode & 0o022) !== 0 || ![0, process.geteuid?.()].includes(uid)) return this.#broken(`${this.#file}: others than root may write it (mode 0${(mode & 0o7777).toString(8)}, owner ${String(uid)})`);
      const rules = parsePolicy(this.#file, readFileSync(this.#file, 'utf8'));
      const { operations } = rules.lists;
      return { refuses: (operation, touches) => refusalOf(rules, operation, touches), item: this.#item('in force', `${this.#file} allows ${String(operations.allowed.length)} operations`) };
    } catch (error) {
      if (!(error instanceof PolicyBroken) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
      return this.#broken((error as Error).message);
    }
  }

  #broken(why: string): Policy {
    return { refuses: () => `the policy cannot be relied on, so nothing is allowed: ${why}`, item: this.#item('broken', why) };
  }

  #item(state: PolicyItem['values']['state'], reason: string): PolicyItem {
    return { subsystem: 'policy', grade: state === 'broken' ? 'critical' : 'ok', reason, values: { file: this.#file, state } };
  }
}
