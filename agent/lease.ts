import { LeaseFile } from './lease-file.ts';

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
  readonly #file: LeaseFile<Lease>;
  #lease: Lease;

  constructor(stateDir: string) {
    this.#file = new LeaseFile<Lease>(stateDir);
    this.#lease = this.#file.read() ?? NONE;
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

  isOf(run: string, owner: string): boolean { return this.#lease.run === run && this.#lease.owner === owner; }

  /** Also on a full disk. `fence` 0: whatever number this run of this owner has, from a coordinator that knows the run to be done (and has no work left here: the caller's to know). */
  release(run: string, fence: number, owner: string = ''): boolean {
    const held = this.#lease;
    if (held.run !== run || (fence === 0 ? held.owner !== owner : held.fence !== fence)) return false;
    this.#keep({ ...NONE, fence: held.fence });
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
    this.#file.replace(lease);
    this.#lease = lease;
  }
}
