import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Dispatcher } from '../../../agent/dispatcher.ts';
import { RunLog } from '../../../agent/runlog.ts';
import { commandId } from '../../../proto/command.ts';
import type { Event, EventKind } from '../../../proto/events.ts';
import { JournalFull } from '../../../proto/journal.ts';

const disk = vi.hoisted(() => ({ syncs: 0, fails: false, code: 'EIO' }));
vi.mock('node:fs', async (original) => ({
  ...await original<Record<string, unknown>>(),
  fdatasyncSync() { if (disk.fails) throw Object.assign(new Error('i/o error'), { code: disk.code }); disk.syncs += 1; },
}));

/** An event is told only once its line is on disk: seen by counting fdatasync, with the clock played. */
let state: string, log: RunLog, told: number[];
const progress: EventKind = { kind: 'progress', text: 'x' }, finished: EventKind = { kind: 'finished', result: 'changed', code: '', reason: '', failure: null, durationMs: 1 };
const record = (kind: EventKind): Event => log.record('c', 'A1', kind);

beforeEach(() => {
  vi.useFakeTimers();
  state = mkdtempSync(join(tmpdir(), 'tandem-runlog-'));
  log = new RunLog(state, 'r1');
  told = [];
  log.follow(({ seq }) => told.push(seq));
  Object.assign(disk, { syncs: 0, fails: false, code: 'EIO' });
});
afterEach(() => { vi.useRealTimers(); vi.restoreAllMocks(); rmSync(state, { recursive: true }); });

test('lines that are not synced one by one are told together, within 100 ms, after one sync', () => {
  for (let n = 0; n < 50; n += 1) record(progress);
  vi.advanceTimersByTime(99);
  expect([told, log.toldSeq, disk.syncs, log.stored(1)]).toEqual([[], 0, 0, []]);
  vi.advanceTimersByTime(1);
  expect([told.length, log.toldSeq, disk.syncs, log.stored(1).length]).toEqual([50, 50, 1, 50]);
  vi.advanceTimersByTime(10_000);
  expect(disk.syncs, 'nothing new, nothing to sync').toBe(1);
});

test('a result is told at once, with all before it, in order', () => {
  record(progress);
  record(progress);
  record(finished);
  expect([told, log.toldSeq, disk.syncs]).toEqual([[1, 2, 3], 3, 1]);
  vi.advanceTimersByTime(1000);
  expect(disk.syncs).toBe(1);
});

test('so much is told that what waits does not grow: a sync for each megabyte', () => {
  for (let n = 0; n < 100; n += 1) record({ kind: 'progress', text: 'x'.repeat(100_000) });
  expect(log.lastSeq - log.toldSeq).toBeLessThan(11);
  expect(disk.syncs).toBeGreaterThan(5);
  expect(disk.syncs).toBeLessThan(12);
});

test('what an agent that was killed had written is put on disk before anybody is told of it', () => {
  record(progress);
  log.close();
  disk.syncs = 0;
  log = new RunLog(state, 'r1');
  expect([disk.syncs, log.toldSeq]).toEqual([1, 1]);
});

test('a disk that fails: nobody is told, who listens hears why, and no line is taken any more', () => {
  const why: Error[] = [];
  log.follow(() => undefined, (error) => why.push(error));
  record(progress);
  disk.fails = true;
  vi.advanceTimersByTime(100);
  expect([told, why.map(({ message }) => message)]).toEqual([[], [expect.stringContaining('i/o error')]]);
  disk.fails = false; // the kernel forgets, the journal does not: what was lost then stays lost
  expect(() => record(finished)).toThrow(JournalFull);
  expect(told).toEqual([]);
});

test('where room was missing, whoever asks what is held or brings more is answered after another try, not after the pause', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const done: string[] = [], halted: string[] = [];
  const full = (): JournalFull => new JournalFull('journal.jsonl', Object.assign(new Error('no space left'), { code: 'ENOSPC' }));
  let room = false;
  const dispatcher = new Dispatcher('h1', state, ({ command: { step } }) => { if (!room) throw full(); done.push(step); return Promise.resolve({ result: 'changed', reason: '' }); });
  const submit = (step: string, attempt: number): unknown => {
    const key = { run: 'r2', planDigest: 'd', step, host: 'h1', mode: 'apply' as const, attempt };
    return dispatcher.submit({ ...key, id: commandId(key), batch: String(attempt), operation: 'x', args: {}, timeoutS: 1, fence: 1, secrets: {} });
  };
  dispatcher.run('r2').follow(() => undefined, ({ message }) => halted.push(message));
  const idle = async (): Promise<void> => { await vi.waitFor(() => { expect(dispatcher.busy).toBe(false); }); };
  submit('A1', 1);
  submit('A2', 1);
  await idle();
  expect([halted.length, dispatcher.pending('r2')]).toEqual([1, false]);
  dispatcher.goOn();
  expect(dispatcher.pending('r2'), 'it is held again while it is tried').toBe(true);
  await idle();
  expect([halted.length, done], 'still no room: told again').toEqual([2, []]);
  room = true;
  submit('A3', 2);
  await idle();
  expect(done, 'what waited, then what came').toEqual(['A1', 'A2', 'A3']);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(done, 'the pause that was cut short does not come as well').toHaveLength(3);
  room = false;
  submit('A4', 3);
  await idle();
  room = true;
  expect(done).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(5000);
  await idle();
  expect(done, 'nobody asked: by itself, after the pause').toEqual(['A1', 'A2', 'A3', 'A4']);
});

test('no room at a sync is lasting: the work is not taken up again by itself, and a restart is asked for', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  let tries = 0;
  const dispatcher = new Dispatcher('h1', state, () => { tries += 1; return Promise.resolve({ result: 'changed', reason: '' }); });
  const submit = (step: string): unknown => {
    const key = { run: 'r2', planDigest: 'd', step, host: 'h1', mode: 'apply' as const, attempt: 1 };
    return dispatcher.submit({ ...key, id: commandId(key), batch: 'b', operation: 'x', args: {}, timeoutS: 1, fence: 1, secrets: {} });
  };
  Object.assign(disk, { fails: true, code: 'ENOSPC' });
  submit('A1');
  await vi.waitFor(() => { expect(dispatcher.busy).toBe(false); });
  disk.fails = false;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(() => submit('A2')).toThrow(/free space on .*, then restart the agent$/);
  expect(tries).toBe(1);
});
