import { existsSync, mkdirSync, readFileSync, renameSync, openSync, writeSync, fsyncSync, closeSync } from 'node:fs';
import { join } from 'node:path';

export interface Lease { run: string; owner: string; fence: number; expiresMs: number }
export interface Grant { granted: boolean; lease: Lease }

const NONE: Lease = { run: '', owner: '', fence: 0, expiresMs: 0 };

/**
 * One run at a time holds a host. The fencing number rises with every grant to another holder and never falls, also
 * across restarts; commands that carry an older one are refused.
 */
export class LeaseKeeper {
  readonly #path: string;
  #lease: Lease;

  constructor(stateDir: string) {
    this.#path = join(stateDir, 'lease.json');
    this.#lease = existsSync(this.#path) ? (JSON.parse(readFileSync(this.#path, 'utf8')) as Lease) : NONE;
  }

  get current(): Lease { return this.#lease; }

  /** The same run and owner renews and keeps its number; a free lease is granted; a lapsed one of another run only with takeOver. */
  acquire(run: string, owner: string, ttlS: number, takeOver: boolean, nowMs: number = Date.now()): Grant {
    const { run: heldBy, owner: heldOwner, fence, expiresMs } = this.#lease;
    const renewing = heldBy === run && heldOwner === owner;
    const lapsed = expiresMs <= nowMs;
    if (heldBy !== '' && !renewing && !(lapsed && takeOver)) return { granted: false, lease: this.#lease };
    this.#keep({ run, owner, fence: renewing ? fence : fence + 1, expiresMs: nowMs + ttlS * 1000 });
    return { granted: true, lease: this.#lease };
  }

  release(run: string, fence: number): boolean {
    if (this.#lease.run !== run || this.#lease.fence !== fence) return false;
    this.#keep({ ...NONE, fence });
    return true;
  }

  /** Why a command may not run under this lease, or undefined. */
  refusal(run: string, fence: number): string | undefined {
    const { run: heldBy, owner, fence: kept } = this.#lease;
    if (heldBy === run && fence === kept) return undefined;
    if (heldBy === '') return `run ${run} holds no lease on this host`;
    if (heldBy !== run) return `this host is held by run ${heldBy} of ${owner}`;
    return `fencing number ${String(fence)} is not the one kept (${String(kept)})`;
  }

  #keep(lease: Lease): void {
    mkdirSync(join(this.#path, '..'), { recursive: true, mode: 0o700 });
    const fd = openSync(`${this.#path}.new`, 'w', 0o600);
    writeSync(fd, JSON.stringify(lease));
    fsyncSync(fd);
    closeSync(fd);
    renameSync(`${this.#path}.new`, this.#path);
    const folder = openSync(join(this.#path, '..'), 'r'); // the new name too, else a power cut brings an older number back
    fsyncSync(folder);
    closeSync(folder);
    this.#lease = lease;
  }
}
