import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Event } from '../../../proto/events.ts';
import { failureOf, runOutliving } from '../../../agent/host/process.ts';
import { endMarked, outliveLeftover } from '../../../agent/leftovers.ts';
import type { Trace } from '../../../agent/runlog.ts';

/** Real processes; the agent is outliving-agent.ts, killed with -9 where a test says so. */
const id = 'c'.repeat(32);
let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'outliving-')); });
afterEach(async () => {
  await endMarked(id);
  rmSync(folder, { recursive: true });
});

type Spawned = Extract<Event, { kind: 'spawned' }>;
const traceOf = (spawned: Spawned): Trace => ({ accepted: {} as never, spawned: { ...spawned, command: id } });
const soon = async (what: () => boolean): Promise<void> => { while (!what()) await new Promise((resolve) => { setTimeout(resolve, 20); }); };

/** Starts the agent with this command, kills it once `when` holds, and answers what it had journaled last of the process. */
async function killedAgent(script: string, when: () => boolean): Promise<{ known: Spawned; planned: Spawned }> {
  const agent = spawn(process.execPath, [join(import.meta.dirname, 'outliving-agent.ts'), join(folder, 'step'), id, 'sh', '-c', script, 'an argument', '$(no) `shell` "word"'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  agent.stdout.setEncoding('utf8').on('data', (text: string) => { printed += text; });
  await soon(() => printed.split('\n').length > 2 && when());
  agent.kill('SIGKILL');
  await once(agent, 'exit');
  const [planned, known] = printed.split('\n').slice(0, 2).map((line) => JSON.parse(line) as Spawned);
  return { planned: planned!, known: known! };
}

const gate = (): string => join(folder, 'gate');
const waits = (): string => `echo begun >${folder}/begun; while [ ! -e ${gate()} ]; do sleep 0.05; done; printf '%s\\n' "$0" "$1"; `;

test.each([
  ['its pid', 'known', 'exit 3', { exitCode: 3, signal: '' }], ['its mark, its pid never recorded', 'planned', 'exit 0', { exitCode: 0, signal: '' }],
  ['its pid, and ended by a signal', 'known', 'kill -9 $$', { exitCode: -1, signal: 'SIGKILL' }],
] as const)('after kill -9 of the agent it goes on, is found by %s, and its output and end are collected', async (_by, which, end, ended) => {
  const spawned = (await killedAgent(waits() + end, () => existsSync(join(folder, 'begun'))))[which];
  let waited = 0;
  const outcome = outliveLeftover(traceOf(spawned), () => { waited += 1; writeFileSync(gate(), ''); });
  expect(await outcome).toMatchObject({ ...ended, argv: spawned.argv, stdout: expect.stringContaining('an argument\n$(no) `shell` "word"\n') as string });
  expect(waited).toBe(1);
  expect(await outliveLeftover(traceOf(spawned), () => { waited += 1; }), 'asked again, after its end').toMatchObject(ended);
  expect(waited).toBe(1);
});

test('what it left running in its session is waited for, a service of its own session is not', async () => {
  writeFileSync(gate(), '');
  const { known } = await killedAgent(`${waits()}(sleep 1; echo late >${folder}/late) & setsid sleep 20 & exit 0`, () => existsSync(join(folder, 'begun')));
  const began = Date.now();
  expect(await outliveLeftover(traceOf(known), () => undefined)).toMatchObject({ exitCode: 0 });
  expect(existsSync(join(folder, 'late'))).toBe(true);
  expect(Date.now() - began).toBeLessThan(15_000);
});

test('one of another boot, or whose pid another process has now, is not waited for, and no end is made up', async () => {
  const other: Spawned = { kind: 'spawned', seq: 1, timeMs: 0, run: 'r', step: 's', command: id, argv: ['yum'], pid: process.pid, startTicks: 1, bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), outputFile: join(folder, 'none') };
  expect(await outliveLeftover(traceOf(other), () => { throw new Error('waited'); })).toBeUndefined();
  expect(await outliveLeftover(traceOf({ ...other, bootId: 'another' }), () => { throw new Error('waited'); })).toBeUndefined();
});

test('one that failed in an earlier life of the agent is not started again; one that ended well may be', async () => {
  const started: string[] = [];
  const context = (exitCode: number): Parameters<typeof runOutliving>[2] => ({
    commandId: id, remainingMs: () => Infinity, scrub: (text) => text, outputFile: () => join(folder, 'output.log'), emit: ({ kind }) => { started.push(kind); },
    sessionEnd: () => Promise.resolve(), earlier: { argv: ['true', 'a', 'b', 'c'], exitCode, signal: '', stdout: 'said\n', stderr: 'said\n' },
  });
  await expect(runOutliving(['true', 'a', 'b'], {}, context(1))).rejects.toMatchObject({ code: 'command_failed', message: 'true a b ... exited with 1: said' });
  expect(started).toEqual([]);
  expect(await runOutliving(['true', 'a', 'b'], {}, context(0))).toMatchObject({ exitCode: 0 });
  expect(started).toEqual(['spawned', 'spawned', 'output']);
});

test('a command that is not there is told as such', async () => {
  const run = runOutliving(['no-such-program', '-y'], {}, { commandId: id, remainingMs: () => Infinity, scrub: (text) => text, outputFile: () => join(folder, 'output.log'), emit: () => undefined, sessionEnd: () => Promise.resolve() });
  await expect(run).rejects.toMatchObject({ code: 'command_failed', message: 'there is no no-such-program on this host' });
  expect(failureOf({ argv: ['x'], exitCode: 0, signal: '', stdout: '', stderr: '' }, (text) => text)).toBeUndefined();
});
