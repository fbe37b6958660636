import type { Event } from '../proto/events.ts';
import { headTrouble, signHead, type SignedHead } from '../proto/heads.ts';
import { GENESIS, lineOf } from '../proto/journal.ts';
import { headFromWire, headToWire } from '../proto/wire.ts';
import { AgentRefused, Unreachable, type Identity, type Link } from './link.ts';
import type { RunRecord, RunWriter } from './store/runstore.ts';

/** The chain of one host's journal, computed from the events it told. */
class HostChain {
  /** Of the lines so far, without a gap. */
  readonly #hashes: string[] = [];
  /** Told, and one before it is not known yet. */
  readonly #ahead = new Map<number, Event>();

  /** How many lines there are without a gap. */
  get n(): number { return this.#hashes.length; }
  hashAt(n: number): string | undefined { return n === 0 ? GENESIS : this.#hashes[n - 1]; }

  hear(event: Event): void {
    if (event.seq > this.n) this.#ahead.set(event.seq, event);
    for (let next = this.#ahead.get(this.n + 1); next !== undefined; next = this.#ahead.get(this.n + 1)) {
      this.#ahead.delete(next.seq);
      this.#hashes.push(lineOf(next.seq, this.hashAt(this.n) ?? GENESIS, next).hash);
    }
  }
}

/** Thrown to end a stream that goes on and is needed no longer. */
class Enough extends Error {}

/** Exchanges signed chain heads with the hosts of one run: docs/decisions/0013-resume-and-audit.md, docs/audit.md. */
export class Witness {
  readonly #run: string;
  readonly #own: Identity;
  readonly #store: RunWriter;
  readonly #chains = new Map<string, HostChain>();

  /** `records`: what this run has on record from earlier attempts. */
  constructor(run: string, own: Identity, store: RunWriter, records: readonly RunRecord[] = []) {
    this.#run = run;
    this.#own = own;
    this.#store = store;
    for (const record of records) if (record.type === 'event') this.hear(record.host, record.event);
  }

  /** To be told of every event that goes on record, in any order. */
  hear(host: string, event: Event): void { this.#chain(host).hear(event); }

  #chain(host: string): HostChain {
    const chain = this.#chains.get(host) ?? new HostChain();
    this.#chains.set(host, chain);
    return chain;
  }

  /**
   * Each side keeps the other's signed head; the host's is on record when it resolves. Events that are not on record yet are fetched
   * and given to `tell`, which puts them there and lets `hear` know. Resolves with what is wrong, in words fit for a note, or undefined.
   */
  async exchange(host: string, link: Link, tell: (event: Event) => void): Promise<string | undefined> {
    try {
      const answer = await link.call('ExchangeHeads', { runId: this.#run, head: headToWire(signHead(this.#run, this.#store.head(), this.#own)) });
      return await this.#keep(host, headFromWire(answer['head']), link, tell);
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof AgentRefused || error instanceof RangeError)) throw error;
      if (error instanceof AgentRefused && error.code === 'NOT_FOUND' && this.#chain(host).n === 0) return undefined; // it has no line of this run, and told none
      return `the record up to here is not witnessed: ${error.message}`;
    }
  }

  async #keep(host: string, head: SignedHead, link: Link, tell: (event: Event) => void): Promise<string | undefined> {
    const chain = this.#chain(host), trouble = headTrouble(head, { run: this.#run, role: 'agent', of: host, ca: this.#own.ca, atMs: Date.now() });
    if (trouble !== undefined) return `the head that ${host} gave is not taken: ${trouble}`;
    if (chain.n < head.n) await this.#fetch(chain, head.n, link, tell);
    this.#store.append({ type: 'witness', timeMs: Date.now(), host, head });
    return chain.hashAt(head.n) === head.hash ? undefined : `${host}'s journal is not what it told: its line ${String(head.n)} has the hash ${head.hash.slice(0, 12)}, what it told gives ${chain.hashAt(head.n)?.slice(0, 12) ?? 'none'}`;
  }

  /** All events up to the n-th are heard when it resolves, or the host does not have them. Throws Unreachable, AgentRefused. */
  async #fetch(chain: HostChain, n: number, link: Link, tell: (event: Event) => void): Promise<void> {
    try {
      await link.attach(this.#run, chain.n + 1, (event) => {
        if (event.seq <= n) tell(event);
        if (chain.n >= n) throw new Enough();
      });
    } catch (error) {
      if (!(error instanceof Enough)) throw error;
    }
  }
}
