import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { watchRun } from '../../../coordinator/progress/progress.ts';
import type { RunRecord } from '../../../coordinator/store/runstore.ts';
import { accepted, differs, event, finished, plan } from '../report/recorded-run.ts';

async function linesOf(records: RunRecord[], terminal?: { columns: number }): Promise<string[]> {
  const written: string[] = [];
  const out = { isTTY: terminal !== undefined, columns: terminal?.columns, rows: 20, write: (text: string) => { written.push(text); return true; } };
  const progress = await watchRun(plan, 'apply', out as unknown as NodeJS.WriteStream, () => 0);
  progress.onStage(plan.stages[0] as (typeof plan.stages)[0]);
  for (const record of records) if (record.type === 'event') progress.onEvent(record.host, record.event);
  progress.onNote('cmp', 'cmp cannot be reached: gone');
  progress.end();
  return stripVTControlCharacters(written.join('')).split('\n');
}

test('not on a terminal: one plain line for each finished step, more only where something is wrong', async () => {
  const failure = { argv: ['yum', '-y'], exitCode: 1, signal: '', stderrTail: 'No space left\n' };
  expect(await linesOf([
    accepted('ctl', 'C2'), accepted('ctl', 'C23'), differs('ctl', 'C2'), event('ctl', 'C2', { kind: 'progress', text: 'half way' }), event('ctl', 'C2', { kind: 'output', stream: 'stdout', text: 'noise' }),
    finished('ctl', 'C2', 'changed', { durationMs: 3210 }), finished('cmp', 'C2', 'unchanged'), differs('ctl', 'C23'),
    finished('ctl', 'C23', 'failed', { code: 'command_failed', reason: 'it broke', failure, durationMs: 125_000 }), finished('ctl', 'C24', 'skipped', { reason: 'C23 before it ended as failed' }),
  ])).toEqual([
    '-- base / all', 'ctl C2 changed  do C2 (3.2 s)', 'cmp C2 unchanged  do C2 (2.0 s)', 'ctl C23 FAILED  do C23 (2 min 5 s)',
    '    thing of C23: absent -> present', '    command_failed: it broke', '    command: yum -y', '    ended by exit code 1', '    stderr:', '    | No space left',
    'ctl C24 skipped  do C24', '    C23 before it ended as failed', 'cmp: cmp cannot be reached: gone', '',
  ]);
});

test('on a terminal: the step in hand of each host with its count below the finished lines', async () => {
  const lines = await linesOf([accepted('ctl', 'C2'), accepted('ctl', 'C23'), finished('ctl', 'C2', 'changed'), event('ctl', 'C23', { kind: 'progress', text: 'table 3 of 9' })], { columns: 60 });
  expect(lines).toContain('ctl C2 changed  do C2 (2.0 s)');
  expect(lines).toContain('ctl  1/3  C23 do C23 (0.0 s)');
  expect(lines).toContain('cmp  0/1  idle');
});
