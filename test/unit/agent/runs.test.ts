import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Dispatcher } from '../../../agent/dispatcher.ts';
import { Refused } from '../../../agent/refused.ts';
import type { Worker } from '../../../agent/task.ts';
import { openProbe } from '../../../agent/host/probe.ts';
import { runsHere } from '../../../agent/idle.ts';
import { RunLog } from '../../../agent/runlog.ts';
import { commandId, type Command } from '../../../proto/command.ts';

let state: string, told: string[];
const done: string[] = [];
const worker: Worker = ({ command }) => { done.push(command.step); return Promise.resolve({ result: 'changed', reason: '' }); };
const marker = (run: string): string => join(state, 'runs', run, 'closed.json');

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'tandem-runs-'));
  told = [];
  vi.spyOn(console, 'error').mockImplementation((text: string) => { told.push(text); });
});
afterEach(() => { vi.restoreAllMocks(); rmSync(state, { recursive: true }); });

function command(run: string, step: string): Command {
  const key = { run, planDigest: 'd', step, host: 'h1', mode: 'apply' as const, attempt: 1 };
  return { id: commandId(key), run, planDigest: 'd', step, batch: 'b', attempt: 1, operation: 'x', args: {}, timeoutS: 1, mode: 'apply', fence: 1, secrets: {} };
}
async function carryOut(dispatcher: Dispatcher, run: string, ...steps: string[]): Promise<void> {
  steps.forEach((step) => { dispatcher.submit(command(run, step)); });
  await expect.poll(() => dispatcher.busy).toBe(false);
}
/** Other bytes, the same size. */
const corrupt = (run: string): void => { const path = RunLog.path(state, run); writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"operation":"x"', '"operation":"y"')); };
const openJournals = (): string[] => readdirSync('/proc/self/fd').flatMap((fd) => { try { return [readlinkSync(`/proc/self/fd/${fd}`)]; } catch { return []; } }).filter((path) => path.startsWith(state) && path.endsWith('journal.jsonl'));

test('one command at a time, in order, also when the next comes in between two', async () => {
  let atWork = 0, most = 0;
  const order: string[] = [], dispatcher: Dispatcher = new Dispatcher('h1', state, async ({ command: { step } }) => {
    most = Math.max(most, atWork += 1);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
    if (step === 'A1') setImmediate(() => { dispatcher.submit(command('r1', 'A3')); }); // its turn comes when A1 has ended and A2 has not begun
    order.push(step);
    atWork -= 1;
    return { result: 'changed', reason: '' };
  });
  await carryOut(dispatcher, 'r1', 'A1', 'A2');
  expect(order).toEqual(['A1', 'A2', 'A3']);
  expect(most).toBe(1);
});

test('a closed run is not read at a start: what was damaged behind its marker shows when it is asked for', async () => {
  await carryOut(new Dispatcher('h1', state, worker), 'r1', 'A1', 'A2');
  corrupt('r1');
  const next = new Dispatcher('h1', state, worker);
  expect(told).toEqual([]);
  expect(next.list()).toMatchObject([{ runId: 'r1', lastSeq: 4, unfinished: false, trouble: '' }]);
  expect(() => next.known('r1')).toThrow(Refused);
  rmSync(marker('r1'));
  const without = new Dispatcher('h1', state, worker);
  expect(told, 'the same journal without its marker is read').toEqual([expect.stringContaining('does not match its own hash')]);
  expect(without.list()).toMatchObject([{ runId: 'r1', trouble: expect.stringContaining('does not match its own hash') as string }]);
});

test('a journal that has grown since, a torn marker and none at all: the journal is read, and marked again', async () => {
  await carryOut(new Dispatcher('h1', state, worker), 'r1', 'A1');
  const log = new RunLog(state, 'r1'), { id } = command('r1', 'A2');
  log.record(id, 'A2', { kind: 'accepted', operation: 'x', args: {}, mode: 'apply', batch: 'b', timeoutS: 1, attempt: 1, needsSecrets: false, fence: 1 });
  log.close();
  done.length = 0;
  const next = new Dispatcher('h1', state, worker);
  await expect.poll(() => next.busy).toBe(false);
  expect(done, 'taken up, though the old marker says nothing is left').toEqual(['A2']);
  for (const spoil of [() => { writeFileSync(marker('r1'), '{"sizeB'); }, () => { rmSync(marker('r1')); }]) {
    spoil();
    expect(new Dispatcher('h1', state, worker).list()).toMatchObject([{ runId: 'r1', unfinished: false, lastSeq: 4 }]);
    expect(JSON.parse(readFileSync(marker('r1'), 'utf8'))).toMatchObject({ lastSeq: 4, sizeBytes: readFileSync(RunLog.path(state, 'r1')).length });
  }
});

test('whoever asks whether the host is idle does not read closed runs either', async () => {
  await carryOut(new Dispatcher('h1', state, worker), 'r1', 'A1');
  corrupt('r1');
  expect(await runsHere(state, openProbe())).toEqual([]);
  rmSync(marker('r1'));
  expect(await runsHere(state, openProbe())).toEqual([expect.stringContaining('does not match its own hash')]);
});

test('an idle run leaves memory when another one comes, and is there again when asked for; one that is listened to stays', async () => {
  const dispatcher = new Dispatcher('h1', state, worker);
  await carryOut(dispatcher, 'r1', 'A1');
  const deaf = dispatcher.run('r1').follow(() => undefined);
  await carryOut(dispatcher, 'r2', 'A1');
  expect(openJournals()).toHaveLength(2);
  deaf();
  await carryOut(dispatcher, 'r3', 'A1');
  expect(openJournals()).toEqual([RunLog.path(state, 'r3')]);
  done.length = 0;
  expect(dispatcher.submit(command('r1', 'A1')).finished, 'the stored result').toMatchObject({ result: 'changed' });
  expect(done).toEqual([]);
});

test('a run is removed with all it has, unless it holds the host, is unfinished, damaged or read', async () => {
  const dispatcher = new Dispatcher('h1', state, worker), no = (reason: unknown): object => ({ removed: false, reason });
  await carryOut(dispatcher, 'r1', 'A1');
  expect(dispatcher.remove('r1', 'r1')).toEqual(no('run r1 holds this host'));
  expect(dispatcher.remove('r2', '')).toEqual(no('this host has no run r2'));
  expect(dispatcher.remove('../runs', '')).toEqual(no('this host has no run ../runs'));
  const deaf = dispatcher.run('r1').follow(() => undefined);
  expect(dispatcher.remove('r1', '')).toEqual(no('run r1 is being read'));
  deaf();
  dispatcher.run('r3').record('c', 'A1', { kind: 'accepted', operation: 'x', args: {}, mode: 'apply', batch: 'b', timeoutS: 1, attempt: 1, needsSecrets: true, fence: 1 });
  expect(dispatcher.remove('r3', '')).toEqual(no('run r3 is not finished'));
  await carryOut(dispatcher, 'r4', 'A1');
  await carryOut(dispatcher, 'r5', 'A1');
  corrupt('r4');
  expect(dispatcher.remove('r4', '')).toEqual(no(expect.stringContaining('whether it ended cannot be told')));
  expect(dispatcher.remove('r1', '')).toEqual({ removed: true, reason: '' });
  expect(existsSync(join(state, 'runs/r1'))).toBe(false);
  expect(dispatcher.list().map(({ runId }) => runId)).toEqual(['r3', 'r4', 'r5']);
});
