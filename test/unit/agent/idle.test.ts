import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openProbe } from '../../../agent/host/probe.ts';
import { runsHere } from '../../../agent/idle.ts';
import { LeaseKeeper, type Moment } from '../../../agent/lease.ts';
import { RunLog } from '../../../agent/runlog.ts';

let state: string;
beforeEach(() => { state = mkdtempSync(join(tmpdir(), 'tandem-idle-')); });
afterEach(() => { rmSync(state, { recursive: true }); });

const at = (ms: number): Moment => ({ ms, boot: 'one', monotonicMs: ms });
const look = async (nowMs?: number): Promise<string[]> => await runsHere(state, openProbe(), nowMs === undefined ? undefined : at(nowMs));
function begin(run: string): RunLog {
  const log = new RunLog(state, run);
  log.record('c1', 'S1', { kind: 'accepted', operation: 'host.asserted', args: {}, mode: 'apply', batch: 'b', timeoutS: 1, attempt: 1, needsSecrets: false, fence: 1 });
  return log;
}

test('a host that never had a run is idle, also without a state folder', async () => {
  expect(await look()).toEqual([]);
  expect(await runsHere(join(state, 'nowhere'), openProbe())).toEqual([]);
});

test('a run is here from the first accepted command to the last result', async () => {
  const log = begin('r1');
  expect(await look()).toEqual(['run r1 has no result yet of S1']);
  log.record('c1', 'S1', { kind: 'finished', result: 'changed', code: '', reason: '', failure: null, durationMs: 1 });
  expect(await look()).toEqual([]);
});

test('between stages the lease keeps the host, until it lapses or is given back', async () => {
  const leases = new LeaseKeeper(state);
  leases.acquire({ run: 'r1', owner: 'ann', ttlS: 60, takeOver: false, fence: 0 }, at(1000));
  expect(await look(2000)).toEqual(['run r1 of ann holds this host']);
  expect(await look(61_001)).toEqual([]);
  leases.release('r1', 1);
  expect(await look(2000)).toEqual([]);
});

test('a torn last line is left as it is, a damaged journal is told and not taken for idle', async () => {
  begin('r1').close();
  const path = RunLog.path(state, 'r1');
  writeFileSync(path, '{"torn', { flag: 'a' });
  expect(await look()).toEqual(['run r1 has no result yet of S1']);
  expect(readFileSync(path, 'utf8'), 'not cut off: that is for its writer').toMatch(/\{"torn$/);
  for (const run of ['r2', 'r3']) mkdirSync(join(state, 'runs', run));
  writeFileSync(join(state, 'runs', 'r3', 'journal.jsonl'), `nonsense\n${readFileSync(path, 'utf8')}`);
  writeFileSync(join(state, 'runs', 'r2', 'journal.jsonl'), 'nonsense\nnonsense\n');
  writeFileSync(join(state, 'lease.json'), '{"torn');
  expect(await look()).toEqual(['run r1 has no result yet of S1', expect.stringMatching(/^run r2: whole lines at the end of its journal do not hold/), expect.stringMatching(/^run r3: .*does not match its own hash/), expect.stringContaining('lease.json is damaged')]);
});
