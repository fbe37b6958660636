import type { Event } from '../proto/events.ts';
import { AgentRefused, Unreachable, type Link } from './link.ts';
import { eventsByHost } from './standing.ts';
import type { RunRecord } from './store/runstore.ts';

/**
 * The events of one host that are not on record, in order, until it has ended what it holds. The last one that is on record is
 * asked for again: a host that no longer has it, or another in its place, has lost this run. Throws Unreachable, AgentRefused.
 */
export async function catchUp(host: string, link: Link, { run, patienceS }: { run: string; patienceS: number }, records: readonly RunRecord[], hear: (event: Event) => void): Promise<void> {
  const held = eventsByHost(records).get(host) ?? [], known = new Map(held.map((event) => [event.seq, event]));
  const gap = held.findIndex((event, at) => event.seq !== at + 1);
  let from = Math.max(1, gap < 0 ? held.length : gap + 1), brokenSinceMs: number | undefined;
  const last = held.at(-1);
  let lastSeen = last === undefined;
  for (;;) {
    try {
      await link.attach(run, from, (event) => {
        brokenSinceMs = undefined;
        from = event.seq; // once more after a broken link, and then known
        const before = known.get(event.seq);
        if (before !== undefined && (before.command !== event.command || before.kind !== event.kind || before.timeMs !== event.timeMs)) throw lost(host, run, `its line ${String(event.seq)} is another than the one it told`);
        if (event.seq === last?.seq) lastSeen = true;
        if (before !== undefined) return;
        known.set(event.seq, event);
        hear(event);
      });
      break;
    } catch (error) {
      if (error instanceof AgentRefused && error.code === 'NOT_FOUND') break;
      brokenSinceMs ??= performance.now();
      if (!(error instanceof Unreachable) || performance.now() - brokenSinceMs > patienceS * 1000) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 300); });
    }
  }
  if (!lastSeen) throw lost(host, run, `it told of ${String(last?.seq ?? 0)} events and no longer has them`);
}

const lost = (host: string, run: string, why: string): AgentRefused => new AgentRefused(host, 'DATA_LOSS', `its journal of run ${run} is not the one this run knows: ${why}. Was the host installed anew, or its disk lost? This run cannot go on; tandem run makes a new one, which looks at everything.`);
