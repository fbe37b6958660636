import { bootMark, monotonicMs } from './host/proc.ts';
import { LeaseFile } from './lease-file.ts';

export interface Lease {
  run: string; owner: string; fence: number; expiresMs: number;
  /** The same by the clock that nobody sets, in one life of the host: as long as that lasts, the time of day says nothing. Absent in a lease of 0.1.0. */
  boot?: string; untilMonotonicMs?: number;
  /** Name in the certificate of the coordinator that has it, and the digest of the catalogue with which it was granted. Absent in a lease of 0.1.0. */
  caller?: string; catalogue?: string;
  /** Runs that gave the host back with work unfinished here, and the catalogue of each; the last ones. */
  left?: [run: string, catalogue: string][];
}
/** Who holds this host, as far as is known, and whether this agent's catalogue is another than the one with which the run took the host. */
export interface Holder { lease(): Lease | undefined; isAnother(run: string): Promise<boolean> }
/** Milliseconds since the epoch, and on the clock that nobody sets in this life of the host. */
export interface Moment { ms: number; boot: string; monotonicMs: number }
/** `fence` 0 asks for a new number; any other renews under it. */
export interface Wish { run: string; owner: string; ttlS: number; takeOver: boolean; fence: number; caller?: string; catalogue?: string }
export interface Grant { granted: boolean; lease: Lease }

const NONE: Lease = { run: '', owner: '', fence: 0, expiresMs: 0 };
/** Runs of which it is kept that they left work behind: what fits a lease's size on disk. */
const MOST_LEFT = 16;
const now = (): Moment => ({ ms: Date.now(), boot: bootMark(), monotonicMs: monotonicMs() });

/** Whether its coordinator has not renewed it in time. A clock that is set, back or forth, changes that only over a restart of the host. */
export function hasLapsed({ expiresMs, boot, untilMonotonicMs }: Lease, at: Moment = now()): boolean {
  return boot === at.boot && untilMonotonicMs !== undefined ? untilMonotonicMs <= at.monotonicMs : expiresMs <= at.ms;
}

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
  acquire({ run, owner, ttlS, takeOver, fence, caller = '', catalogue = '' }: Wish, at: Moment = now()): Grant {
    const held = this.#lease, own = this.isOf(run, owner, caller);
    const granted = fence === 0 ? held.run === '' || own || (takeOver && hasLapsed(held, at)) : own && fence === held.fence;
    if (granted) {
      this.#keep({
        run, owner, caller, catalogue: fence === 0 ? catalogue : held.catalogue ?? '', fence: fence === 0 ? held.fence + 1 : fence,
        expiresMs: at.ms + ttlS * 1000, boot: at.boot, untilMonotonicMs: at.monotonicMs + ttlS * 1000, left: this.#left(run, held.run !== run),
      });
    }
    return { granted, lease: this.#lease };
  }

  /** The same name of run and owner under another certificate is somebody else: a copy of a coordinator's folder. */
  isOf(run: string, owner: string, caller: string): boolean {
    const { run: heldBy, owner: by, caller: kept = '' } = this.#lease;
    return heldBy === run && by === owner && (kept === '' || kept === caller);
  }

  /** Whether this run took the host with another catalogue than `catalogue`, and has it, or gave it back with work unfinished here. */
  hasOther(run: string, catalogue: string): boolean {
    const taken = this.#lease.run === run ? this.#lease.catalogue : this.#lease.left?.find(([of]) => of === run)?.[1];
    return (taken ?? '') !== '' && taken !== catalogue;
  }

  /** Who left work behind, but `run`, which takes the host; `holder`: so does the one that holds it. */
  #left(run: string, holder: boolean): [string, string][] {
    const { run: heldBy, catalogue = '', left = [] } = this.#lease;
    return [...left.filter(([of]) => of !== run && of !== heldBy), ...holder && heldBy !== '' ? [[heldBy, catalogue] as [string, string]] : []].slice(-MOST_LEFT);
  }

  /** Also on a full disk. `unfinished`: work of the run is left here. `fence` 0: whatever number this run of this owner has, from a coordinator that knows the run to be done (and has no work left here: the caller's to know). */
  release(run: string, fence: number, owner: string = '', caller: string = '', unfinished: boolean = false): boolean {
    const held = this.#lease;
    if (held.run !== run || (fence === 0 ? !this.isOf(run, owner, caller) : held.fence !== fence)) return false;
    this.#keep({ ...NONE, fence: held.fence, left: this.#left('', unfinished) });
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
