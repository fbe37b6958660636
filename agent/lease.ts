import { existsSync, mkdirSync, readFileSync, renameSync, openSync, writeSync, fsyncSync, closeSync } from 'node:fs';
import { join } from 'node:path';

export interface Lease { run: string; owner: string; fence: number; expiresMs: number }
/** `fence` 0 asks for a new number; any other renews under it. */
export interface Wish { run: string; owner: string; ttlS: number; takeOver: boolean; fence: number }
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

  /**
   * A free lease is granted, and a lapsed one of another run or owner with takeOver. The holder renews it under its number;
   * without one (`fence` 0: it begins, or goes on after a crash) it gets a new number, which fences an earlier self out.
   */
  acquire({ run, owner, ttlS, takeOver, fence }: Wish, nowMs: number = Date.now()): Grant {
    const held = this.#lease, own = held.run === run && held.owner === owner;
    const granted = fence === 0 ? held.run === '' || own || (takeOver && held.expiresMs <= nowMs) : own && fence === held.fence;
    if (granted) this.#keep({ run, owner, fence: fence === 0 ? held.fence + 1 : fence, expiresMs: nowMs + ttlS * 1000 });
    return { granted, lease: this.#lease };
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
