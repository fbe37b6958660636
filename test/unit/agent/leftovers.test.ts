import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { endMarked } from '../../../agent/leftovers.ts';

/** A dead process that nobody has waited for yet is Z. */
function stateOf(pid: number): string {
  try { return /\) (.)/.exec(readFileSync(`/proc/${String(pid)}/stat`, 'latin1'))?.[1] ?? ''; } catch { return 'gone'; }
}

test('all that a command started is ended, children of children too, and nothing else', async () => {
  const start = (mark: string): ReturnType<typeof spawn> => spawn('sh', ['-c', 'sleep 1000 & echo $!; wait'], { env: { PATH: process.env['PATH'], TANDEM_COMMAND: mark }, stdio: ['ignore', 'pipe', 'ignore'] });
  const own = start('a'.repeat(32)), other = start('b'.repeat(32));
  const [[grandchild]] = await Promise.all([once(own.stdout!, 'data'), once(other.stdout!, 'data')]) as [[Buffer], [Buffer]];
  try {
    await endMarked('a'.repeat(32));
    if (own.signalCode === null) await once(own, 'exit');
    expect(own.signalCode).toBe('SIGKILL');
    expect(['gone', 'Z']).toContain(stateOf(Number(grandchild)));
    expect(other.exitCode ?? other.signalCode).toBeNull();
  } finally {
    await endMarked('b'.repeat(32));
  }
});
