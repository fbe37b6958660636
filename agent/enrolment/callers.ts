/** Calls that one address may make in a second, nonces that it may have open, and addresses that are remembered. */
const CALLS_A_SECOND = 20, MAX_OPEN = 8, MAX_ADDRESSES = 256;

interface Caller { second: number; calls: number; open: Map<string, number> }

/** Who calls an agent that is not enrolled, by address: so that a flood from one leaves the others their turn. */
export class Callers {
  readonly #goodMs: number;
  readonly #callers = new Map<string, Caller>();

  /** `goodMs`: how long a nonce is good. */
  constructor(goodMs: number) { this.#goodMs = goodMs; }

  /** Counts a call; false where there were too many in this second, or too many others have begun an enrolment. */
  admits(address: string, nowMs: number): boolean {
    const caller = this.#caller(address, nowMs), second = Math.floor(nowMs / 1000);
    if (caller === undefined) return false;
    if (caller.second !== second) Object.assign(caller, { second, calls: 0 });
    caller.calls += 1;
    return caller.calls <= CALLS_A_SECOND;
  }

  /** Remembers a nonce of an address that was admitted; its oldest is forgotten when there are too many. */
  open(address: string, nonce: string, nowMs: number): void {
    const open = this.#caller(address, nowMs)?.open;
    if (open === undefined) return;
    if (open.size >= MAX_OPEN) for (const oldest of open.keys()) { open.delete(oldest); break; }
    open.set(nonce, nowMs + this.#goodMs);
  }

  /** Until when this nonce of this address is good, and forgets it; undefined for any other. */
  take(address: string, nonce: string, nowMs: number): number | undefined {
    const open = this.#callers.get(address)?.open, untilMs = open?.get(nonce);
    open?.delete(nonce);
    return untilMs !== undefined && untilMs > nowMs ? untilMs : undefined;
  }

  /** An address with an open nonce is in the midst of an enrolment: it is not forgotten for another's sake. */
  #caller(address: string, nowMs: number): Caller | undefined {
    const found = this.#callers.get(address);
    if (found === undefined && this.#callers.size >= MAX_ADDRESSES) {
      const [idle] = [...this.#callers].find(([, { open }]) => [...open.values()].every((untilMs) => untilMs <= nowMs)) ?? [];
      if (idle === undefined) return undefined;
      this.#callers.delete(idle);
    }
    const caller = found ?? { second: 0, calls: 0, open: new Map<string, number>() };
    this.#callers.delete(address); // who called last stands last
    this.#callers.set(address, caller);
    return caller;
  }
}
