import type { Command } from '../proto/command.ts';
import type { RunLog } from './runlog.ts';

/** The longest that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;
/** So many peers are remembered; the oldest is forgotten first. */
const PEERS_KEPT = 10_000;

/**
 * Takes confirmations for the change in hand (docs/decisions/0009-commit-confirmed.md). Only a connection that was not
 * heard of before the wait began counts: an old one lives on under rules that let no new one in.
 */
export class Confirmations {
  readonly #known: (run: string) => RunLog | undefined;
  readonly #peers = new Set<string>();
  #waiting: { command: Command; oldPeers: Set<string>; take: () => void } | undefined;

  constructor(known: (run: string) => RunLog | undefined) { this.#known = known; }

  /** Called for each call that comes in, with its connection's address and port. */
  hear(peer: string): void {
    this.#peers.delete(peer);
    this.#peers.add(peer);
    if (this.#peers.size <= PEERS_KEPT) return;
    for (const oldest of this.#peers) { this.#peers.delete(oldest); break; }
  }

  /** One change at a time is in hand. Resolves with false when nobody confirmed it within the time. */
  wait(command: Command, forMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (answer: boolean): void => { clearTimeout(timer); this.#waiting = undefined; resolve(answer); };
      const timer = setTimeout(() => { end(false); }, Math.min(forMs, LONGEST_MS));
      this.#waiting = { command, oldPeers: new Set(this.#peers), take: () => { end(true); } };
    });
  }

  /** Puts the confirmation on record before it answers. One that was taken already is taken again. */
  confirm({ run, command: id, peer, by }: { run: string; command: string; peer: string; by: string }): { confirmed: boolean; reason: string } {
    const log = this.#known(run), trace = log?.commands.get(id);
    if (log === undefined || trace === undefined) return { confirmed: false, reason: 'this host knows no such command' };
    if (trace.confirmed !== undefined) return { confirmed: true, reason: '' };
    const waiting = this.#waiting;
    if (waiting?.command.id !== id) return { confirmed: false, reason: trace.finished === undefined ? 'it does not wait for a confirmation' : `it has ended as ${trace.finished.result}` };
    if (waiting.oldPeers.has(peer)) return { confirmed: false, reason: 'this connection is older than the change; only a new one proves that new ones get in' };
    log.record(id, trace.accepted.step, { kind: 'confirmed', by, peer });
    waiting.take();
    return { confirmed: true, reason: '' };
  }
}
