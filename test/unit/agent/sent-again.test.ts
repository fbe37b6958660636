import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { Dispatcher } from '../../../agent/dispatcher.ts';
import { finding, operation } from '../../../agent/operations/operation.ts';
import { workWith } from '../../../agent/worker.ts';
import { standingOf } from '../../../coordinator/standing.ts';
import type { RunRecord } from '../../../coordinator/store/runstore.ts';
import { commandId } from '../../../proto/command.ts';
import type { Event, Mode } from '../../../proto/events.ts';

/** An attempt that comes while an earlier one of the same step still waits or works, as after a disk that was full (seed 1, trials 3479 and 6177). */
let state: string, dispatcher: Dispatcher, value: number, acts: string[];
const numberSet = operation({
  name: 'number.set', summary: 'test', timeoutS: 5, mayKill: true, args: z.strictObject({ to: z.int() }), describe: () => '',
  check: (_probe, { to }) => Promise.resolve(finding({ value }, value === to ? [] : [{ what: 'value', found: String(value), wanted: String(to) }])),
  apply: async (_host, { to }) => { await Promise.resolve(); acts.push(`set ${String(to)}`); value = to; },
  revert: async (_host, _args, found) => { await Promise.resolve(); acts.push('back'); value = (found as { value: number }).value; },
});

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'tandem-again-'));
  dispatcher = new Dispatcher('h1', state, workWith(() => numberSet));
  [value, acts] = [1, []];
});
afterEach(() => { rmSync(state, { recursive: true }); });

function submit(mode: Mode, attempt: number, step = 'A1', to = 7): void {
  const key = { run: 'r1', planDigest: 'd', step, host: 'h1', mode, attempt };
  dispatcher.submit({ ...key, id: commandId(key), batch: `${mode}/${String(attempt)}`, operation: 'number.set', args: { to }, timeoutS: 5, fence: attempt, secrets: {} });
}
const idle = async (): Promise<void> => { await vi.waitFor(() => { expect(dispatcher.busy).toBe(false); }); };
const results = (): string[] => dispatcher.run('r1').stored(1).flatMap((event) => (event.kind === 'finished' ? [`${event.step} ${event.result} ${event.reason}`.trim()] : []));
const standings = (): ReturnType<typeof standingOf> => standingOf(dispatcher.run('r1').stored(1).map((event): RunRecord => ({ type: 'event', host: 'h1', event })));

test('a way back that comes twice is gone once, and both are told as reverted; a step that was never changed has no way back', async () => {
  submit('apply', 1);
  await idle();
  submit('revert', 2);
  submit('revert', 3);
  await idle();
  submit('revert', 4); // and once more, long after
  await idle();
  submit('revert', 5, 'A2');
  await idle();
  const again = 'A1 reverted undone already, by attempt';
  expect(results()).toEqual(['A1 changed', 'A1 reverted', `${again} 2 of this run`, `${again} 3 of this run`, 'A2 failed no state found before a change is on record for this step']);
  expect([acts, value]).toEqual([['set 7', 'back'], 1]);
  expect(standings().get('A1@h1')).toMatchObject({ attempt: 4, changed: false, good: false });
});

test('it holds whatever other steps did since; after the step was done anew the way is gone again', async () => {
  submit('apply', 1);
  await idle();
  submit('revert', 2);
  submit('apply', 3, 'B1', 9); // touches what A1 is about
  submit('revert', 4);
  await idle();
  expect([value, results().at(-1)]).toEqual([9, 'A1 reverted undone already, by attempt 2 of this run']);
  submit('apply', 5);
  submit('revert', 6);
  await idle();
  expect([value, results().at(-1)]).toEqual([9, 'A1 reverted']);
});

test('what an earlier attempt changed after a later one had come is known as changed, and has a way back', async () => {
  submit('apply', 1);
  submit('apply', 2);
  await idle();
  expect(results()).toEqual(['A1 changed', 'A1 unchanged']);
  expect(standings().get('A1@h1')).toMatchObject({ attempt: 2, good: true, changed: true });
  submit('revert', 3);
  submit('revert', 4);
  await idle();
  expect([value, acts]).toEqual([1, ['set 7', 'back']]);
  expect(standings().get('A1@h1')).toMatchObject({ attempt: 4, changed: false });
});

test('a change that went back by itself, to what an earlier attempt had left, still has a way back to what was there first', () => {
  const line = (seq: number, command: string, more: object): RunRecord => ({ type: 'event', host: 'h1', event: { seq, timeMs: seq, run: 'r1', command, step: 'A1', ...more } as Event });
  const attempt = (n: number, result: string): RunRecord[] => [
    line(3 * n, `c${String(n)}`, { kind: 'accepted', mode: 'apply', attempt: n }), line(3 * n + 1, `c${String(n)}`, { kind: 'checked', satisfied: false }), line(3 * n + 2, `c${String(n)}`, { kind: 'finished', result }),
  ];
  expect(standingOf(attempt(1, 'reverted')).get('A1@h1')).toMatchObject({ changed: false });
  expect(standingOf([...attempt(1, 'failed'), ...attempt(2, 'reverted')]).get('A1@h1')).toMatchObject({ changed: true });
  expect(standingOf([...attempt(1, 'reverted'), ...attempt(2, 'reverted')]).get('A1@h1')).toMatchObject({ changed: false });
});
