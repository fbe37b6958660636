import { headTrouble, signHead, type SignedHead } from '../proto/heads.ts';
import { headFromWire, headToWire } from '../proto/wire.ts';
import type { Dispatcher } from './dispatcher.ts';
import { NoJournal, Refused } from './refused.ts';
import type { RunLog } from './runlog.ts';

type Message = Record<string, unknown>;
/** PEM texts of the site's authority and of this host's certificate and key. */
interface Own { ca: Buffer; certificate: Buffer; key: Buffer }

/** Why the coordinator's head is not taken: not its own, or not that of the journal it had before. */
function refusal(log: RunLog, head: SignedHead, caller: string, ca: Buffer): string | undefined {
  const trouble = headTrouble(head, { run: log.run, role: 'operator', of: caller, ca, atMs: Date.now() });
  if (trouble !== undefined) return `the head of run ${log.run} is not taken: ${trouble}`;
  const last = log.witnessed;
  if (last === undefined || head.n > last.n || (head.n === last.n && head.hash === last.hash)) return undefined;
  const now = head.n < last.n ? `has ${String(head.n)}` : 'has another in place of the last';
  return `the coordinator's journal of run ${log.run} had ${String(last.n)} lines when ${last.of} showed it to this host, and ${now}: it was cut, written anew, or is another one`;
}

/** Keeps the coordinator's signed head, then answers this host's own, which covers it. ExchangeHeadsRequest to ExchangeHeadsResponse. Throws Refused, JournalFull. */
export function exchangeHeads(dispatcher: Dispatcher, own: Own, caller: string, request: Message): Message {
  const run = String(request['runId']), log = dispatcher.known(run);
  if (log === undefined) throw new NoJournal(run);
  const head = headFromWire(request['head']), trouble = refusal(log, head, caller, own.ca);
  if (trouble !== undefined) throw new Refused(trouble);
  log.record('', '', { kind: 'witnessed', head });
  return { head: headToWire(signHead(run, { n: log.lastSeq, hash: log.head }, own)) };
}
