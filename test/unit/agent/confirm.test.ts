import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { confirmOrGoBack, type Guarded } from '../../../agent/confirm.ts';
import type { Host } from '../../../agent/host/host.ts';
import { finding, operation } from '../../../agent/operations/operation.ts';
import type { EventKind } from '../../../proto/events.ts';
import { JournalFull } from '../../../proto/journal.ts';

let state: string, reverts: boolean, tries: number, ended: number;
const changed = operation({
  name: 'x.changed', summary: 'test', args: z.strictObject({}), timeoutS: 5, mayKill: true, describe: () => '',
  check: () => Promise.resolve(finding(state, [{ what: 'x', found: state, wanted: 'new' }])),
  apply: () => { state = 'new'; return Promise.resolve(); },
  confirmed: { withinS: () => 5, prepare: () => Promise.resolve(), works: () => Promise.resolve(finding(state, [])), state: () => Promise.resolve(state), lasting: () => Promise.resolve([]), keep: () => Promise.resolve() },
  revert: () => { tries += 1; if (reverts) state = 'old'; return Promise.resolve(); },
});
const guarded = (allowed: number[] = []): Guarded => ({
  operation: changed, confirmed: changed.confirmed!, args: {}, found: 'old',
  window: { soFar: {}, confirmation: () => Promise.resolve(false), allowMs: (ms) => { allowed.push(ms); }, endProcesses: () => { ended += 1; return Promise.resolve(); } },
});

beforeEach(() => { state = 'old'; reverts = true; tries = 0; ended = 0; vi.useFakeTimers(); vi.setTimerTickMode('nextTimerAsync'); });
afterEach(() => { vi.useRealTimers(); });

test('a host that cannot be brought back is told apart from all other failures, after half an hour of tries', async () => {
  reverts = false;
  const events: EventKind[] = [];
  await expect(confirmOrGoBack(guarded(), {} as Host, (event) => { events.push(event); })).rejects.toMatchObject({
    code: 'revert_failed', message: 'nobody confirmed it over a new connection within 5 s; and going back failed: state after going back is "new", wanted "old"',
  });
  expect(tries).toBe(40);
  expect(events.filter(({ kind }) => kind === 'progress')).toHaveLength(40);
});

test('a journal that cannot be written any more does not keep the host cut off', async () => {
  const full = new Error('no space left');
  const emit = (event: EventKind): void => { if (event.kind !== 'armed' && event.kind !== 'applied') throw full; };
  await expect(confirmOrGoBack(guarded(), {} as Host, emit)).rejects.toBe(full);
  expect(state).toBe('old');
});

test('what is confirmed stays when its proof cannot be written; with room again it is gone on with', async () => {
  const full = new JournalFull('journal.jsonl', Object.assign(new Error('no space left'), { code: 'ENOSPC' })), work = guarded();
  work.window.confirmation = () => Promise.resolve(true);
  await expect(confirmOrGoBack(work, {} as Host, (event) => { if (event.kind === 'verified') throw full; })).rejects.toBe(full);
  expect([state, tries]).toEqual(['new', 0]);
  work.window.soFar = { armed: { kind: 'armed', confirmWithinS: 5, untilMonotonicMs: 0, boot: '' }, applied: {}, confirmed: {} };
  await expect(confirmOrGoBack(work, {} as Host, () => undefined)).resolves.toMatchObject({ result: 'changed' });
  expect([state, tries]).toEqual(['new', 0]);
});

test('an intent that cannot be journaled changes nothing', async () => {
  await expect(confirmOrGoBack(guarded(), {} as Host, () => { throw new Error('no space left'); })).rejects.toThrow('no space left');
  expect([state, tries]).toEqual(['old', 0]);
});

test('commands get the rest of the window for the change, and their full time for the way back', async () => {
  const allowed: number[] = [];
  await confirmOrGoBack(guarded(allowed), {} as Host, () => undefined);
  expect(allowed[0]).toBeGreaterThan(4000);
  expect(allowed.at(-1), 'for each try').toBe(5000);
  expect(ended, 'what still runs of the change is ended first').toBe(1);
});
