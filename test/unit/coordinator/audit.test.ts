import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../../coordinator/plan-format.ts';
import { auditText } from '../../../coordinator/audit/words.ts';
import type { RunRecord } from '../../../coordinator/store/runstore.ts';
import { asTold } from '../../../proto/wire.ts';
import { signHead } from '../../../proto/heads.ts';
import { audited, broken, Lines, NOW, pkiOf, plan, Recorded, signer, type Pki } from './recorded-audit.ts';

let pki: Pki, stranger: Pki, whole: Recorded;
beforeAll(async () => {
  pki = await pkiOf();
  stranger = await pkiOf();
  whole = new Recorded(pki).whole();
});

const edited = (bytes: Buffer, edit: (lines: string[]) => string[]): Buffer => Buffer.from(edit(bytes.toString('utf8').split('\n').slice(0, -1)).map((line) => `${line}\n`).join(''));
/** The coordinator's journal written anew with other records, every hash of it right. */
const rewritten = (edit: (record: RunRecord, at: number) => RunRecord[]): Buffer => Lines.of(whole.coordinator.records.flatMap(edit)).bytes;

test('a record that nobody touched is proven to its end, with the hosts\' journals at hand or without', () => {
  expect(audited(whole)).toMatchObject({ verdict: 'proven', findings: [], coordinator: { lines: 26, provenTo: 24, witnessedBy: ['h1', 'h2'] }, hosts: [{ host: 'h1', lines: 9, provenTo: 9, journalAtHand: true }, { host: 'h2', lines: 9, provenTo: 9 }] });
  expect(audited(whole, { journals: 'none' })).toMatchObject({ verdict: 'proven', findings: [] });
  expect(auditText(audited(whole))).toBe("Record of run r1: PROVEN\n\nCoordinator's journal: 26 lines, proven as far as line 24 (heads kept by h1, h2)\nh1: 9 lines on record, signed by it as far as line 9; held against its own journal\nh2: 9 lines on record, signed by it as far as line 9; held against its own journal");
  expect(auditText(audited(whole, { journals: 'none' }))).toContain('its own journal is not at hand\n\nWithout the hosts');
});

test('any single byte that was flipped, in any of the journals, is found (property)', () => {
  const files = { coordinator: whole.coordinator.bytes, h1: whole.agents.h1.bytes, h2: whole.agents.h2.bytes };
  fc.assert(fc.property(fc.constantFrom('coordinator', 'h1', 'h2' as const), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.integer({ min: 1, max: 255 }), (file, part, flip) => {
    const bytes = Buffer.from(files[file]), at = Math.floor(part * bytes.length);
    bytes[at] = (bytes[at] as number) ^ flip;
    const audit = audited(whole, { [file]: bytes }), torn = audit.findings.some(({ what }) => what.startsWith('the last line is torn'));
    expect(audit.verdict === 'broken' || torn).toBe(true);
    expect(audit.verdict).not.toBe('proven');
  }), { numRuns: 600 });
});

test.each(['coordinator', 'h1'] as const)('a line of the journal of %s that was changed, taken away, moved or doubled is named', (file) => {
  const bytes = file === 'h1' ? whole.agents.h1.bytes : whole.coordinator.bytes, name = file === 'h1' ? 'h1.jsonl' : 'journal.jsonl';
  const [changed, missing, moved, doubled] = [
    edited(bytes, (lines) => lines.map((line, at) => (at === 2 ? line.replace('"timeMs":', '"timeMs":1') : line))), edited(bytes, (lines) => lines.filter((_, at) => at !== 2 && at !== 3)),
    edited(bytes, ([a, b, c, ...rest]) => [a, c, b, ...rest].map(String)), edited(bytes, ([a, b, ...rest]) => [a, b, b, ...rest].map(String)),
  ].map((content) => broken(audited(whole, { [file]: content })));
  expect(changed).toContain(`${name}:3: the line was changed: its hash does not hold`);
  expect(missing).toContain(`${name}:3: lines 3 to 4 are missing before it`);
  expect(moved).toContain(`${name}:2: the lines were reordered: line 3 stands where line 2 was written`);
  expect(doubled).toContain(`${name}:3: line 2 stands here a second time`);
});

test('a line that was changed with its own hash put right breaks the chain behind it', () => {
  const bytes = edited(whole.coordinator.bytes, (lines) => [...Lines.of(whole.coordinator.records.map((record, at) => (at === 3 && record.type === 'event' ? { ...record, host: 'h2' } : record))).texts.map((text) => text.trimEnd()).slice(0, 4), ...lines.slice(4)]);
  expect(broken(audited(whole, { coordinator: bytes }))).toContain('journal.jsonl:5: the line does not follow the one before it, which was replaced');
});

test("the coordinator's journal, cut anywhere before its end, is not proven; what a host has witnessed is known to be missing", () => {
  const texts = whole.coordinator.texts;
  for (let left = 0; left < texts.length; left += 1) {
    const cut = Buffer.from(texts.slice(0, left).join('')), withHosts = audited(whole, { coordinator: cut }), alone = audited(whole, { coordinator: cut, journals: 'none' });
    // What is left behind the end is the last exchange itself.
    expect(alone.verdict === 'proven', String(left)).toBe(left >= 23);
    expect(withHosts.verdict, String(left)).toBe(left < 24 ? 'broken' : 'proven');
  }
  const cut = Buffer.from(texts.slice(0, 20).join(''));
  expect(broken(audited(whole, { coordinator: cut }))).toContain("journal.jsonl:21: the coordinator's journal was cut: it had 22 lines when h1 witnessed it (h1.jsonl:9), 20 are left");
  expect(broken(audited(whole, { coordinator: cut, journals: 'none' }))).toEqual([]);
  expect(auditText(audited(whole, { coordinator: cut, journals: 'none' }))).toContain('the run has no end on record');
});

test("a host's journal, cut behind any line, is known to be cut", () => {
  for (let left = 0; left < 9; left += 1) expect(broken(audited(whole, { h1: Buffer.from(whole.agents.h1.texts.slice(0, left).join('')) }))[0], String(left)).toContain(`h1's journal ends with line ${String(left)}, and it told of line 9`);
});

test('a torn last line counts for nothing, and is told', () => {
  const { findings, verdict } = audited(whole, { coordinator: whole.coordinator.bytes.subarray(0, -5) });
  expect(verdict).toBe('unproven');
  expect(findings[0]).toMatchObject({ kind: 'unproven', where: 'journal.jsonl:26', what: expect.stringContaining('the last line is torn') as string });
});

test("a coordinator's journal that was written anew is found by the heads that hosts keep, with its copies of them alone", () => {
  const forged = rewritten((record) => [record.type === 'begun' ? { ...record, by: 'eve' } : record]);
  for (const journals of ['all', 'none'] as const) expect(broken(audited(whole, { coordinator: forged, journals }))[0]).toMatch(/^journal\.jsonl:7: the coordinator's journal up to here is not the one that h1 witnessed \(journal\.jsonl:8\): it was written anew/);
});

test('one without any head proves nothing by itself, and is broken beside a host\'s journal', () => {
  const forged = rewritten((record) => (record.type === 'witness' || (record.type === 'event' && record.event.kind === 'witnessed') ? [] : [record.type === 'begun' ? { ...record, by: 'eve' } : record]));
  expect(audited(whole, { coordinator: forged, journals: 'none' }).verdict).toBe('unproven');
  expect(auditText(audited(whole, { coordinator: forged, journals: 'none' }))).toContain('no signed head of h1 is on record: nothing that it told is proven');
  expect(audited(whole, { coordinator: forged }).verdict).toBe('broken');
});

test('a result that was changed in the coordinator\'s copy is another than the host signed; its own journal says which', () => {
  const forged = rewritten((record, at) => [at === 3 && record.type === 'event' ? { ...record, event: { ...record.event, kind: 'finished', result: 'failed', code: '', reason: '', failure: null, durationMs: 1 } as typeof record.event } : record]);
  expect(broken(audited(whole, { coordinator: forged, journals: 'none' }))).toContain('journal.jsonl:9: h1 signed another journal than what stands here as told by it, up to its line 4');
  expect(broken(audited(whole, { coordinator: forged }))).toContain("h1.jsonl:3: h1's line 3 is not what it told the coordinator (journal.jsonl:4)");
});

test("a host's journal that was written anew is neither what it told nor what it signed", () => {
  const forged = Lines.of(whole.agents.h1.records.map((event) => (event.kind === 'finished' ? asTold({ ...event, result: 'unchanged' }) : event))).bytes;
  const found = broken(audited(whole, { h1: forged }));
  expect(found).toContain("h1.jsonl:3: h1's line 3 is not what it told the coordinator (journal.jsonl:4)");
  expect(found).toContain("h1.jsonl:4: h1's journal up to here is not the one that it signed (journal.jsonl:9): it was written anew");
});

test('events that were taken away, or told a second time and otherwise, are found', () => {
  const gone = rewritten((record, at) => (at === 2 ? [] : [record])), [, , , second] = whole.coordinator.records;
  expect(broken(audited(whole, { coordinator: gone, journals: 'none' }))).toContain('journal.jsonl:8: h1 signed 4 lines, and its line 2 is not on record: events were taken away');
  if (second?.type !== 'event') throw new Error('no event');
  const twice = rewritten((record, at) => (at === 5 ? [record, { ...second, event: asTold({ ...second.event, timeMs: 1 }) }] : [record]));
  expect(broken(audited(whole, { coordinator: twice, journals: 'none' }))).toContain('journal.jsonl:7: it is another event than the one with its number at journal.jsonl:4');
});

test('a head that does not hold, of another site, or of another host proves nothing', () => {
  const withHead = (head: (n: number, hash: string) => ReturnType<typeof signHead>): string => broken(audited(whole, { journals: 'none', coordinator: rewritten((record) => [record.type === 'witness' && record.host === 'h1' ? { ...record, head: head(record.head.n, record.head.hash) } : record]) })).join('\n');
  const signed = (n: number, hash: string, by = pki.h1): ReturnType<typeof signHead> => signHead('r1', { n, hash }, signer(by));
  expect(withHead((n, hash) => ({ ...signed(n, hash), signature: signed(n + 1, hash).signature }))).toContain("h1's head of its line 4 proves nothing: its signature does not hold");
  expect(withHead((n, hash) => signed(n, hash, stranger.h1))).toContain("proves nothing: its certificate is not of this site: the site's authority has not signed it");
  expect(withHead((n, hash) => signed(n, hash, pki.h2))).toContain('proves nothing: it is signed by h2, expected h1');
  expect(withHead((n, hash) => signHead('r2', { n, hash }, signer(pki.h1)))).toContain('its signature does not hold');
  expect(withHead((n, hash) => signed(n, hash))).not.toContain('proves nothing'); // the same heads again: what breaks is the chain that hosts witnessed
  expect(broken(audited(whole, { ca: stranger.ca.certificatePem })).filter((what) => what.includes('not of this site'))).toHaveLength(12);
});

test('a plan that was changed, or is another one, is found by its digest, by the beginning and by every command', () => {
  const changed = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, maxFailures: 9 })) }, { digest: _, ...content } = changed;
  expect(broken(audited(whole, { planText: JSON.stringify(changed) }))).toEqual(['plan.json: the plan was changed after it was made: its digest does not hold']);
  const another = broken(audited(whole, { planText: JSON.stringify({ ...content, digest: digestOf(content) }) }));
  expect(another).toContain('plan.json: the plan is not the one that was begun (journal.jsonl:1)');
  expect(another).toContain('journal.jsonl:2: the command of step A1 was made for another plan, run, host or attempt');
  for (const planText of ['', 'null', '{}', '{"hosts":[null],"stages":[]}']) expect(broken(audited(whole, { planText }))).toContain('plan.json: the file holds no plan');
});

test('a step that was sent with other arguments than the plan has is found', () => {
  const other = new Recorded(pki).begin();
  other.tell('h1', 'A1', { kind: 'accepted', operation: 'a.b', args: { of: 'A9' }, mode: 'apply', batch: 'b', timeoutS: 5, attempt: 1, needsSecrets: false, fence: 1 });
  other.end().exchangeAll();
  expect(broken(audited(other))).toEqual(['journal.jsonl:2: step A1 was sent with other arguments than the plan has']);
});

test('what is behind the last signed head is said to be unproven: a host not reached at the end, an end that nobody witnessed', () => {
  const unreached = new Recorded(pki).begin().stage('A1').exchangeAll().stage('A2').end();
  unreached.exchange('h2');
  const audit = audited(unreached);
  expect(audit).toMatchObject({ verdict: 'unproven', coordinator: { provenTo: 18 }, hosts: [{ host: 'h1', provenTo: 4 }, { host: 'h2', provenTo: 8 }] });
  expect(audit.findings.map(({ what }) => what)).toEqual(['what h1 told behind its line 4 is not signed by it']);
  expect(audited(new Recorded(pki).begin().stage('A1').exchangeAll().end()).findings.map(({ what }) => what)).toEqual(["the end of the run is not witnessed by any host; the coordinator's own words are proven as far as line 9"]);
  expect(audited(new Recorded(pki).begin().stage('A1').exchangeAll()).findings.map(({ what }) => what)).toEqual(['the run has no end on record: it goes on still, its coordinator died, or the end was cut off']);
});

test('lines that hold and are no record of a coordinator, or no event, break the record and not the audit (property)', () => {
  fc.assert(fc.property(fc.oneof(fc.jsonValue(), fc.record({ type: fc.constantFrom('event', 'witness', 'begun', 'ended', 'note'), host: fc.string(), event: fc.jsonValue(), head: fc.jsonValue(), timeMs: fc.double() })), (odd) => {
    const { verdict } = audited(whole, { coordinator: rewritten((record, at) => (at === 4 ? [odd as RunRecord, record] : [record])), h1: Lines.of([odd]).bytes });
    expect(verdict).toBe('broken');
  }), { numRuns: 200 });
});

test('a head of an operator whose certificate had lapsed by then is none', () => {
  const late = new Recorded(pki).begin();
  late.tell('h1', '', { kind: 'witnessed', head: signHead('r1', late.coordinator.head, signer(pki.operator)) });
  const records = late.coordinator.records.map((record) => (record.type === 'event' ? { ...record, event: { ...record.event, timeMs: NOW + 4 * 365 * 86_400_000 } } : record));
  expect(broken(audited(late, { coordinator: Lines.of(records).bytes, journals: 'none' }))[0]).toContain('its certificate was not valid then');
});
