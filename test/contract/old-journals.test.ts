import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RunLog } from '../../agent/runlog.ts';

// A journal as version 0.1.0 wrote it. A change that can no longer read it strands every host with work under way.
const OLD = join(import.meta.dirname, '../fixtures/journal/agent-0.1.0.jsonl');

test('a journal of 0.1.0 is replayed: results, the intent with the state found, the process under way, the stop', () => {
  const state = mkdtempSync(join(tmpdir(), 'old-journal-'));
  try {
    mkdirSync(join(state, 'runs/r1'), { recursive: true });
    cpSync(OLD, RunLog.path(state, 'r1'));
    const log = new RunLog(state, 'r1');
    const [copied, synced] = ['a', 'b'].map((letter) => log.commands.get(letter.repeat(32)));
    expect(copied?.finished).toMatchObject({ result: 'unchanged', step: 'C26' });
    expect(synced).toMatchObject({ checked: { satisfied: false, found: { version: '44' } }, spawned: { pid: 4711, startTicks: 123_456 } });
    expect(synced?.finished).toBeUndefined();
    expect(log.changeBefore('C27')).toEqual({ found: { version: '44' }, attempts: [1] });
    expect(log.stopped).toEqual({ reason: 'tea (by ops)', attempt: 1 });
    log.close();
    expect(readFileSync(RunLog.path(state, 'r1'))).toEqual(readFileSync(OLD));
  } finally {
    rmSync(state, { recursive: true });
  }
});
