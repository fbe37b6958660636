import { expect, test } from 'vitest';
import { reportOf } from '../../../coordinator/report/model.ts';
import { reportSchema, type StepReport } from '../../../coordinator/report/schema.ts';
import type { RunRecord } from '../../../coordinator/store/runstore.ts';
import { accepted, begun, differs, ended, event, finished, plan, START_MS } from './recorded-run.ts';

const stepOf = (records: RunRecord[], key: string): StepReport | undefined => {
  const [id, host] = key.split('@');
  return reportOf('r1', plan, records).hosts.find((each) => each.host === host)?.steps.find((each) => each.id === id);
};

test('a finished step carries result, differences, times, and what the plan knows of it', () => {
  const records = [begun, accepted('ctl', 'C2'), differs('ctl', 'C2'), finished('ctl', 'C2', 'changed'), ended(0)];
  expect(stepOf(records, 'C2@ctl')).toMatchObject({
    result: 'changed', differences: [{ what: 'thing of C2', found: 'absent', wanted: 'present' }], beganMs: START_MS + 1000, endedMs: START_MS + 3000, durationMs: 2000,
    phase: 'base', stage: 'all', sentence: 'do C2', canBeUndone: true, changes: true, skippedBy: null,
  });
  expect(stepOf(records, 'C23@ctl')).toMatchObject({ canBeUndone: false, changes: true });
});

test('a step left out by the plan and one that the run did not get to are both skipped, each with its own reason', () => {
  const records = [begun, finished('ctl', 'C2', 'failed', { code: 'command_failed', reason: 'no' }), finished('ctl', 'C23', 'skipped', { reason: 'C2 before it ended as failed' }), ended(3, 'ctl failed')];
  expect(stepOf(records, 'C5@ctl')).toMatchObject({ result: 'skipped', skippedBy: 'plan', reason: 'no LVM' });
  expect(stepOf(records, 'C23@ctl')).toMatchObject({ result: 'skipped', skippedBy: 'run', reason: 'C2 before it ended as failed' });
  expect(stepOf(records, 'C24@ctl')).toMatchObject({ result: 'skipped', skippedBy: 'run', reason: 'the run ended before it: ctl failed' });
});

test('a need that was not met is the reason of the step that had it', () => {
  const note: RunRecord = { type: 'note', timeMs: START_MS, host: 'ctl', text: 'C24 not started: it needs C2@cmp' };
  expect(stepOf([begun, note, ended(3, 'ctl failed')], 'C24@ctl')).toMatchObject({ result: 'skipped', reason: 'C24 not started: it needs C2@cmp' });
  expect(reportOf('r1', plan, [begun, note, ended(3)]).hosts[0]?.notes).toEqual(['C24 not started: it needs C2@cmp']);
});

test('what was begun and told no result is unknown once the run has ended, and waiting before', () => {
  const begunStep = [begun, accepted('cmp', 'C2'), differs('cmp', 'C2')];
  expect(stepOf(begunStep, 'C2@cmp')).toMatchObject({ result: 'waiting', beganMs: START_MS + 1000 });
  expect(stepOf([...begunStep, ended(5, 'cmp unreachable')], 'C2@cmp')).toMatchObject({ result: 'unknown', reason: 'begun, and no result has come back' });
  expect(stepOf([begun, accepted('cmp', 'C2')], 'C2@cmp')).toMatchObject({ result: 'waiting', beganMs: null });
  expect(stepOf([begun, accepted('cmp', 'C2'), ended(5, 'cmp unreachable')], 'C2@cmp')).toMatchObject({ result: 'unknown', reason: 'sent to the host, and no result has come back (cmp unreachable)' });
});

test('counts are by host and in all; results that no step has are left out', () => {
  const { counts, hosts } = reportOf('r1', plan, [begun, finished('ctl', 'C2', 'changed'), finished('cmp', 'C2', 'unchanged'), finished('ctl', 'C23', 'changed'), finished('ctl', 'C24', 'unchanged'), ended(0)]);
  expect(counts).toEqual({ changed: 2, unchanged: 2, skipped: 1 });
  expect(hosts.map((host) => host.counts)).toEqual([{ changed: 2, unchanged: 1, skipped: 1 }, { unchanged: 1 }]);
});

test('a later attempt replaces an earlier one: its results, its end, its notes', () => {
  const again: RunRecord = { ...begun, type: 'begun', attempt: 2, timeMs: START_MS + 100_000 } as RunRecord;
  const second = event('ctl', 'C2', { kind: 'finished', result: 'changed', code: '', reason: '', failure: null, durationMs: 5 }, 101);
  if (second.type === 'event') second.event.command = 'ctl-C2-2';
  const records = [begun, differs('ctl', 'C2'), finished('ctl', 'C2', 'failed', { reason: 'no' }), ended(3, 'ctl failed'), again, second];
  expect(reportOf('r1', plan, records)).toMatchObject({ attempt: 2, endedMs: null, exitCode: null, reason: '' });
  expect(stepOf(records, 'C2@ctl')).toMatchObject({ result: 'changed', differences: [], reason: '' });
});

test('every report fits its schema; a journal without a beginning is no run', () => {
  for (const records of [[begun], [begun, accepted('ctl', 'C2')], [begun, finished('ctl', 'C2', 'failed', { code: 'timed_out', failure: { argv: ['a'], exitCode: -1, signal: 'SIGKILL', stderrTail: '' } }), ended(3)]]) {
    expect(() => reportSchema.parse(reportOf('r1', plan, records))).not.toThrow();
  }
  expect(() => reportOf('r1', plan, [ended(0)])).toThrow('the journal of run r1 has no beginning');
});
