import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunLog } from '../../../agent/runlog.ts';
import { canonical } from '../../../proto/canonical.ts';
import type { Event, EventKind, Json } from '../../../proto/events.ts';
import { GENESIS, lineOf } from '../../../proto/journal.ts';
import { agentService, asTold, eventFromWire, eventToWire } from '../../../proto/wire.ts';

function overTheWire(event: Event): Event {
  const attach = agentService['Attach'];
  if (attach === undefined) throw new Error('no Attach in the contract');
  return eventFromWire((attach.responseDeserialize(attach.responseSerialize({ event: eventToWire(event) })) as { event: Record<string, unknown> }).event);
}

// Anything that can come out of a program's output: lone surrogates, controls, what is not in any plane's letters.
const text = fc.string({ unit: fc.oneof(fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }), fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code)), fc.constant('"\\\u2028')), maxLength: 12 });
const json = fc.jsonValue({ stringUnit: 'binary' }).chain((value) => fc.oneof(fc.constant(value as Json), text.map((key) => ({ [key]: value as Json, __proto__: -0, deep: [1e21, 5e-324, -0, Number.NaN, Infinity] }))));
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 }), uint64 = fc.maxSafeNat();
const differences = fc.array(fc.record({ what: text, found: text, wanted: text }), { maxLength: 2 });
const failure = fc.option(fc.record({ argv: fc.array(text, { maxLength: 3 }), exitCode: fc.integer(), signal: text, stderrTail: text }));
const mode = fc.constantFrom('check', 'apply', 'revert' as const), code = fc.constantFrom('timed_out', 'internal' as const), satisfied = fc.boolean();
const KINDS: { [K in EventKind['kind']]: fc.Arbitrary<Extract<EventKind, { kind: K }>> } = {
  accepted: fc.record({ kind: fc.constant('accepted'), operation: text, args: json, mode, batch: text, timeoutS: uint32, attempt: uint32, needsSecrets: fc.boolean(), fence: uint64 }),
  checked: fc.record({ kind: fc.constant('checked'), satisfied, found: json, differences, reason: text }),
  spawned: fc.record({ kind: fc.constant('spawned'), argv: fc.array(text, { maxLength: 3 }), pid: uint32, startTicks: uint64, bootId: text, outputFile: text }),
  output: fc.record({ kind: fc.constant('output'), stream: fc.constantFrom('stdout', 'stderr'), text }),
  progress: fc.record({ kind: fc.constant('progress'), text }),
  applied: fc.record({ kind: fc.constant('applied') }),
  armed: fc.record({ kind: fc.constant('armed'), confirmWithinS: uint32, untilMonotonicMs: uint64, boot: text }),
  awaiting: fc.record({ kind: fc.constant('awaiting'), remainingMs: uint32 }),
  confirmed: fc.record({ kind: fc.constant('confirmed'), by: text, peer: text }),
  reverting: fc.record({ kind: fc.constant('reverting'), code, reason: text, failure }),
  verified: fc.record({ kind: fc.constant('verified'), satisfied, found: json, differences }),
  finished: fc.record({ kind: fc.constant('finished'), result: fc.constantFrom('changed', 'failed'), code: fc.constantFrom('', 'internal'), reason: text, failure, durationMs: uint32 }),
  stopped: fc.record({ kind: fc.constant('stopped'), reason: text, attempt: uint32, fence: uint64 }),
  witnessed: fc.record({ kind: fc.constant('witnessed'), head: fc.record({ of: text, n: uint64, hash: text, certificatePem: text, signature: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')) }) }),
};

let state: string;
beforeEach(() => { state = mkdtempSync(join(tmpdir(), 'told-')); });
afterEach(() => { rmSync(state, { recursive: true }); });

test.each(Object.entries(KINDS))('%s: what is journaled is what comes out of the wire, byte for byte (property)', (_name, kinds) => {
  const log = new RunLog(state, 'r1');
  fc.assert(fc.property(text, text, kinds as fc.Arbitrary<EventKind>, (command, step, kind) => {
    const journaled = log.record(command, step, kind);
    expect(canonical(overTheWire(journaled))).toBe(canonical(journaled));
    log.settle();
    expect(log.stored(journaled.seq)[0]).toEqual(JSON.parse(canonical(journaled)));
  }), { numRuns: 200 });
  log.close();
});

test('whoever has all events computes the chain of the journal that they stand in', () => {
  const log = new RunLog(state, 'r1'), told: Event[] = [];
  log.follow((event) => { told.push(overTheWire(event)); });
  for (const kind of fc.sample(fc.oneof(...Object.values(KINDS)), { numRuns: 100, seed: 7 })) log.record('c', 'C1', kind);
  log.settle();
  let prev = GENESIS;
  told.forEach((event, at) => { prev = lineOf(at + 1, prev, event).hash; });
  expect(told).toHaveLength(100);
  expect(prev).toBe(log.head);
  log.close();
});

const finished = { kind: 'finished', result: 'changed', code: '', reason: '', failure: null, durationMs: 1 } as const;
test.each<[string, EventKind]>([
  ['a fraction', { ...finished, durationMs: 1.5 }], ['a negative number', { kind: 'awaiting', remainingMs: -1 }],
  ['more than a field holds', { ...finished, durationMs: 2 ** 32 }], ['more than a number holds', { kind: 'armed', confirmWithinS: 1, untilMonotonicMs: 2 ** 53, boot: '' }],
  ['no number', { kind: 'spawned', argv: [], pid: Number.NaN, startTicks: 0, bootId: '', outputFile: '' }],
  ['an exit code out of range', { ...finished, failure: { argv: [], exitCode: 2 ** 31, signal: '', stderrTail: '' } }],
])('%s, which the wire would make another number of, is refused before it is on record', (_name, kind) => {
  const log = new RunLog(state, 'r1');
  expect(() => log.record('c', 'C1', kind)).toThrow(RangeError);
  expect(log.lastSeq).toBe(0);
  log.close();
});

test('fields that the contract does not have are left out of the journal too', () => {
  const extra = { kind: 'checked', satisfied: true, found: null, differences: [{ what: 'w', found: 'f', wanted: 'g', more: 1 }], reason: '', more: 1 } as unknown as EventKind;
  expect(asTold({ seq: 1, timeMs: 1, run: 'r', command: 'c', step: 's', ...extra })).toEqual({ seq: 1, timeMs: 1, run: 'r', command: 'c', step: 's', kind: 'checked', satisfied: true, found: null, differences: [{ what: 'w', found: 'f', wanted: 'g' }], reason: '' });
});
