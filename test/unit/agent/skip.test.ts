import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunLog } from '../../../agent/runlog.ts';
import { closeSuperseded, skipReason } from '../../../agent/skip.ts';
import type { Command } from '../../../proto/command.ts';
import type { EventKind } from '../../../proto/events.ts';

/** A way back has no `checked` of its own: what says that it was begun is `reverting`. */
let state: string, log: RunLog;
const command: Command = { id: 'c', run: 'r1', planDigest: 'd', step: 'A1', batch: 'b', attempt: 1, operation: 'x', args: {}, timeoutS: 1, mode: 'revert', fence: 1, secrets: {} };
const reverting: EventKind = { kind: 'reverting', code: '', reason: 'it was asked for', failure: null };

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'tandem-skip-'));
  log = new RunLog(state, 'r1');
  log.record('c', 'A1', { kind: 'accepted', operation: 'x', args: {}, mode: 'revert', batch: 'b', timeoutS: 1, attempt: 1, needsSecrets: false, fence: 1 });
});
afterEach(() => { log.close(); rmSync(state, { recursive: true }); });

test('a way back that was begun is ended after a stop, also in a later life of the agent; one that was not is skipped', () => {
  log.record('', '', { kind: 'stopped', reason: 'tea', attempt: 1, fence: 1 });
  expect(skipReason(log, command, undefined)).toBe('stopped: tea');
  log.record('c', 'A1', reverting);
  log.close();
  log = new RunLog(state, 'r1');
  expect(skipReason(log, command, undefined)).toBeUndefined();
});

test.each([[[], 'skipped'], [[reverting], 'interrupted']])('a later attempt closes one with what was begun by then: %#', (events, result) => {
  for (const event of events) log.record('c', 'A1', event);
  closeSuperseded(log, { ...command, id: 'd', attempt: 2 }, new Set());
  expect(log.commands.get('c')?.finished?.result).toBe(result);
});
