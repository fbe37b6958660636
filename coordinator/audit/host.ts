import { canonical } from '../../proto/canonical.ts';
import type { Event } from '../../proto/events.ts';
import { headTrouble, type SignedHead } from '../../proto/heads.ts';
import { GENESIS, lineOf } from '../../proto/journal.ts';
import type { Finding, ReadFile } from './lines.ts';
import { eventOf, type Placed, type Records } from './records.ts';

/** What heads are held against. `site` is undefined where the plan does not tell it. */
export interface Against { run: string; site: string | undefined; ca: string }

/** One host's part of the record. */
export interface HostAudit {
  host: string;
  /** How many lines of its journal are on record at the coordinator, without a gap. */
  lines: number;
  /** Number of the last line that a signed head of this host covers. */
  provenTo: number;
  /** Number of the last line in which something was told of a step, or of a stop. */
  tells: number;
  journalAtHand: boolean;
  /** Heads of the coordinator's journal that this host keeps. */
  kept: Placed<{ timeMs: number; head: SignedHead }>[];
  findings: Finding[];
}

/** Holds the coordinator's copy of a host's journal against the heads that the host signed, and against its own journal where that is at hand. */
export function auditHost(host: string, told: Placed<{ event: Event }>[], witnesses: Records['witnesses'], journal: ReadFile | undefined, against: Against): HostAudit {
  const findings: Finding[] = [...journal?.findings ?? []];
  const broken = (where: string, what: string): void => { findings.push({ kind: 'broken', where, what }); };
  const copies = onceEach(told, broken), hashes = chainOf(copies), lines = hashes.length - 1;
  const agreeTo = journal === undefined ? 0 : compare(host, copies, journal, against.run, findings);
  let provenTo = 0, before = 0;
  for (const { where, timeMs, head } of witnesses) {
    const trouble = headTrouble(head, { ...against, role: 'agent', of: host, atMs: timeMs });
    if (trouble !== undefined) { broken(where, `${host}'s head of its line ${String(head.n)} proves nothing: ${trouble}`); continue; }
    if (head.n < before) broken(where, `${host} signed line ${String(head.n)} after line ${String(before)}: its journal was cut in between, or these lines were moved`);
    before = head.n;
    const own = journal === undefined ? undefined : head.n === 0 ? GENESIS : journal.lines.get(head.n)?.hash;
    if (journal !== undefined && own !== undefined && own !== head.hash) broken(`${journal.file}:${String(journal.lines.get(head.n)?.line ?? 1)}`, `${host}'s journal up to here is not the one that it signed (${where}): it was written anew`);
    // Lines of an earlier version are no canonical JSON: then the host's own journal alone shows that they are the signed ones.
    if (hashes[head.n] === head.hash || (own === head.hash && agreeTo >= head.n && lines >= head.n)) provenTo = Math.max(provenTo, head.n);
    else if (lines < head.n) broken(where, `${host} signed ${String(head.n)} lines, and its line ${String(lines + 1)} is not on record: events were taken away`);
    else broken(where, `${host} signed another journal than what stands here as told by it, up to its line ${String(head.n)}`);
  }
  const beyond = [...copies.keys()].filter((seq) => seq > lines);
  if (beyond.length > 0 && lines >= provenTo) findings.push({ kind: 'unproven', where: copies.get(Math.min(...beyond))?.where ?? '', what: `${host}'s line ${String(lines + 1)} is not on record, later ones are` });
  const known = new Map([...ownEvents(journal, against.run), ...copies]);
  const kept = [...known.values()].flatMap(({ where, event }) => (event.kind === 'witnessed' ? [{ where, timeMs: event.timeMs, head: event.head }] : []));
  const tells = Math.max(0, ...[...known.values()].filter(({ event }) => event.kind !== 'witnessed').map(({ event }) => event.seq));
  return { host, lines, provenTo, tells, journalAtHand: journal !== undefined, kept, findings };
}

type Copies = Map<number, Placed<{ event: Event }>>;

/** The same event may be on record more than once: a broken link brings it again. */
function onceEach(told: Placed<{ event: Event }>[], broken: (where: string, what: string) => void): Copies {
  const copies: Copies = new Map();
  for (const one of told) {
    const before = copies.get(one.event.seq);
    if (before === undefined) copies.set(one.event.seq, one);
    else if (canonical(before.event) !== canonical(one.event)) broken(one.where, `it is another event than the one with its number at ${before.where}`);
  }
  return copies;
}

/** The hash of each line, computed; the first is that before any. Ends at a gap. */
function chainOf(copies: Copies): string[] {
  const hashes = [GENESIS];
  for (let one = copies.get(1); one !== undefined; one = copies.get(hashes.length)) hashes.push(lineOf(hashes.length, hashes.at(-1) ?? '', one.event).hash);
  return hashes;
}

const ownEvents = (journal: ReadFile | undefined, run: string): Copies =>
  new Map([...journal?.lines.values() ?? []].flatMap(({ line, n, at }) => { const event = eventOf(at, run); return event === undefined || journal === undefined ? [] : [[n, { where: `${journal.file}:${String(line)}`, event }] as const]; }));

/** Line by line. Answers up to which line both agree without a gap. */
function compare(host: string, copies: Copies, journal: ReadFile, run: string, findings: Finding[]): number {
  const { file, lines, last } = journal;
  let agreeTo = 0;
  for (const { line, n, at } of lines.values()) {
    const where = `${file}:${String(line)}`, event = eventOf(at, run), copy = copies.get(n);
    if (event?.seq !== n) findings.push({ kind: 'broken', where, what: `the line holds no event of run ${run} with its own number` });
    else if (copy !== undefined && canonical(copy.event) !== canonical(event)) findings.push({ kind: 'broken', where, what: `${host}'s line ${String(n)} is not what it told the coordinator (${copy.where})` });
    else if (copy !== undefined && agreeTo === n - 1) agreeTo = n;
  }
  const known = Math.max(0, ...copies.keys());
  if (known > last) findings.push({ kind: 'broken', where: `${file}:${String(lines.size + 1)}`, what: `${host}'s journal ends with line ${String(last)}, and it told of line ${String(known)} (${copies.get(known)?.where ?? ''}): it was cut` });
  // Heads that the host keeps say nothing of the run: the last exchange may have been cut off.
  const untold = [...lines.values()].filter(({ n, at }) => n > known && eventOf(at, run)?.kind !== 'witnessed');
  if (untold[0] !== undefined) findings.push({ kind: 'unproven', where: `${file}:${String(untold[0].line)}`, what: `${host}'s journal goes on for ${String(last - known)} lines that are not on record at the coordinator` });
  return agreeTo;
}
