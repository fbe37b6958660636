/** Calls that one address may make in a second, nonces that it may have open, and addresses that are remembered. */
const CALLS_A_SECOND = 20, MAX_OPEN = 8, MAX_ADDRESSES = 64;

interface Caller { second: number; calls: number; open: Map<string, number> }

/** Who calls an agent that is not enrolled, by address: so that a flood from one leaves the others their turn. */
export class Callers {
  readonly #goodMs: number;
  readonly #callers = new Map<string, Caller>();

  /** `goodMs`: how long a nonce is good. */
  constructor(goodMs: number) { this.#goodMs = goodMs; }

  /** Counts a call; false where there were too many in this second. */
  admits(address: string, nowMs: number): boolean {
    const caller = this.#caller(address), second = Math.floor(nowMs / 1000);
    if (caller.second !== second) Object.assign(caller, { second, calls: 0 });
    caller.calls += 1;
    return caller.calls <= CALLS_A_SECOND;
  }

  /** Remembers a nonce; the oldest of this address is forgotten when there are too many. */
  open(address: string, nonce: string, nowMs: number): void {
    const { open } = this.#caller(address);
    if (open.size >= MAX_OPEN) for (const oldest of open.keys()) { open.delete(oldest); break; }
    open.set(nonce, nowMs + this.#goodMs);
  }

  /** Until when this nonce of this address is good, and forgets it; undefined for any other. */
  take(address: string, nonce: string, nowMs: number): number | undefined {
    const { open } = this.#caller(address), untilMs = open.get(nonce);
    open.delete(nonce);
    return untilMs !== undefined && untilMs > nowMs ? untilMs : undefined;
  }

  #caller(address: string): Caller {
    const found = this.#callers.get(address) ?? { second: 0, calls: 0, open: new Map<string, number>() };
    this.#callers.delete(address); // who called last stands last
    this.#callers.set(address, found);
    if (this.#callers.size > MAX_ADDRESSES) for (const oldest of this.#callers.keys()) { this.#callers.delete(oldest); break; }
    return found;
  }
}
