import { expect, test } from 'vitest';
import { commandId, type Command } from '../../../proto/command.ts';
import type { Event, EventKind } from '../../../proto/events.ts';
import { agentService, commandFromWire, commandToWire, eventFromWire, eventToWire } from '../../../proto/wire.ts';

const key = { run: 'r1', planDigest: 'd', step: 'C27', host: 'controller', mode: 'apply' as const, attempt: 1 };
const { host: _host, ...sent } = key;
const command: Command = {
  ...sent, id: commandId(key), batch: 'controller/keystone/1', operation: 'database.synced', args: { from: [44], deep: { a: null, b: [true, 'ü'] } },
  timeoutS: 600, fence: 7, secrets: { 'coordinator-file:/x': 'value' },
};

const KINDS: EventKind[] = [
  { kind: 'accepted', operation: 'a.b', args: { x: 1 }, mode: 'check', batch: 'p/s/1', timeoutS: 5, attempt: 2, needsSecrets: true, fence: 3 },
  { kind: 'checked', satisfied: false, found: { units: [{ a: 1 }] }, differences: [{ what: 'w', found: 'f', wanted: 'g' }], reason: 'because' },
  { kind: 'spawned', argv: ['a', 'b c'], pid: 12, startTicks: 345678, bootId: 'boot', outputFile: '/x' },
  { kind: 'output', stream: 'stderr', text: 'line\n' }, { kind: 'progress', text: 'half' }, { kind: 'applied' },
  { kind: 'verified', satisfied: true, found: null, differences: [] },
  { kind: 'finished', result: 'failed', code: 'command_failed', reason: 'r', failure: { argv: ['x'], exitCode: -1, signal: 'SIGTERM', stderrTail: 't' }, durationMs: 4 },
  { kind: 'finished', result: 'changed', code: '', reason: '', failure: null, durationMs: 0 },
  { kind: 'stopped', reason: 'asked for', attempt: 1, fence: 2 },
];

function overTheWire(method: 'request' | 'response', message: object): Record<string, unknown> {
  const execute = agentService['Execute'];
  if (execute === undefined) throw new Error('no Execute in the contract');
  return (method === 'request' ? execute.requestDeserialize(execute.requestSerialize(message)) : execute.responseDeserialize(execute.responseSerialize(message)));
}

test('a command crosses the wire unchanged', () => {
  expect(commandFromWire(overTheWire('request', { command: commandToWire(command) })['command'] as Record<string, unknown>)).toEqual(command);
});

test.each(KINDS.map((kind) => [kind.kind, kind] as const))('an event %s crosses the wire unchanged', (_name, kind) => {
  const event: Event = { seq: 9, timeMs: 1_795_519_688_332, run: 'r1', command: 'c', step: 'C1', ...kind };
  expect(eventFromWire(overTheWire('response', { event: eventToWire(event) })['event'] as Record<string, unknown>)).toEqual(event);
});

test('a mode that is none is refused', () => {
  expect(() => commandFromWire({ ...commandToWire(command), mode: 'MODE_UNSPECIFIED' })).toThrow('mode MODE_UNSPECIFIED is not one of check, apply, revert');
});

test('JSON is taken up to a depth that nothing of ours has, and refused beyond: it could not be written again', () => {
  const nested = (levels: number): string => `${'{"a":['.repeat(levels / 2)}${']}'.repeat(levels / 2)}`;
  const read = (argsJson: string): Command => commandFromWire({ ...commandToWire(command), argsJson });
  expect(JSON.stringify(read(nested(100)).args)).toBe(nested(100));
  expect(() => read(nested(102))).toThrow('JSON nested deeper than 100 levels');
  expect(() => read(nested(200_000))).toThrow('JSON nested deeper than 100 levels');
});

test('the id depends on every part of its key', () => {
  const others = [{ run: 'r2' }, { planDigest: 'e' }, { step: 'C28' }, { host: 'h2' }, { mode: 'check' as const }, { attempt: 2 }];
  expect(new Set(others.map((other) => commandId({ ...key, ...other }))).size).toBe(others.length);
  expect(others.map((other) => commandId({ ...key, ...other }))).not.toContain(command.id);
});
