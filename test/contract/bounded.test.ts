import { Client, credentials } from '@grpc/grpc-js';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Link, type Identity } from '../../coordinator/link.ts';
import type { RunReport } from '../../coordinator/report/schema.ts';
import { commandId, type Command } from '../../proto/command.ts';
import type { Event } from '../../proto/events.ts';
import { agentService, MAX_MESSAGE_BYTES } from '../../proto/wire.ts';
import { siteHere } from './command-line.ts';

/** What one host does must not fill its agent, its disk or its coordinator: on a real agent in a process of its own. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });
/** Above what the agent has when idle. Node gives memory back late: a bound for "does not grow with the flood", no measurement. */
/** Where lines of 100 kB are told as fast as can be, garbage alone is some 170 MB; a stream that held what its reader leaves came to 450. */
const TALKING_MB = 300;
/** The whole coordinator with a plan, a record and a report of 10,000 steps in its hands. */
const COORDINATOR_MB = 600;
/** Not on a disk where that can be: how long ten thousand steps take would depend on who else writes. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const MOST_MB = 120, GIGABYTE = 2 ** 30, MEGABYTE = 2 ** 20;

let folder: string, child: ChildProcess, agent: Link, identity: Identity, port: number, fence: number, idleMb: number, mostMb: number, watch: NodeJS.Timeout;
function memoryMb(pid: number | undefined = child.pid): number {
  try { return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0) / 1024; } catch { return 0; } // it has ended
}
const journal = (run: string): string => join(folder, 'state/runs', run, 'journal.jsonl');

beforeEach(async () => {
  folder = mkdtempSync(join(MEMORY, 'bounded-'));
  child = spawn(process.execPath, [join(import.meta.dirname, 'bounded-agent.ts'), folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told = await line<Record<'ca' | 'certificate' | 'key', string> & { port: number }>();
  port = told.port;
  identity = { ca: Buffer.from(told.ca), certificate: Buffer.from(told.certificate), key: Buffer.from(told.key) };
  agent = new Link({ host: 'h1', address: '127.0.0.1', port }, identity);
  await agent.call('GetHealth', {});
  idleMb = mostMb = memoryMb();
  watch = setInterval(() => { mostMb = Math.max(mostMb, memoryMb()); }, 50);
});
afterEach(async () => {
  clearInterval(watch);
  agent.close();
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  child.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true });
});

async function lease(run: string): Promise<void> { fence = Number((await agent.call('AcquireLease', { runId: run, owner: 'ann', ttlS: 600 }))['fence']); }
function command(run: string, step: string, operation: string, args: Command['args']): Command {
  const key = { run, planDigest: 'd', step, host: 'h1', mode: 'apply' as const, attempt: 1 };
  return { id: commandId(key), run, planDigest: 'd', step, batch: step, attempt: 1, operation, args, timeoutS: 120, mode: 'apply', fence, secrets: {} };
}
/** The next line that the agent says, which is JSON. */
async function line<T>(): Promise<T> {
  let said = '';
  return await new Promise((resolve, reject) => {
    const hear = (part: Buffer): void => {
      said += part.toString();
      if (!said.endsWith('\n')) return;
      child.stdout?.off('data', hear);
      resolve(JSON.parse(said) as T);
    };
    child.stdout?.on('data', hear);
    child.once('exit', (code) => { reject(new Error(`the agent ended with ${String(code)}`)); });
  });
}

const finishOf = (events: Event[]): Event | undefined => events.find(({ kind }) => kind === 'finished');

test.each([['read', 'failed', /printed more than \d+ bytes and was stopped/], ['act', 'failed', /printed more than \d+ bytes and was stopped/], ['outlives', 'changed', /^$/]])('a command that prints 1 GB (%s)', async (how, result, reason) => {
  writeFileSync(join(folder, 'gigabyte'), '');
  truncateSync(join(folder, 'gigabyte'), GIGABYTE);
  writeFileSync(join(folder, 'yum'), `#!/bin/sh\nyes 'one more line of much output' | head -c ${String(GIGABYTE)}\necho the last words\n`);
  chmodSync(join(folder, 'yum'), 0o755);
  await lease('r1');
  const events: Event[] = [], steps = join(folder, 'state/runs/r1/steps');
  let mostOnDisk = 0;
  const disk = setInterval(() => { mostOnDisk = Math.max(mostOnDisk, sizeBelow(steps)); }, 20);
  await agent.execute([command('r1', 'Y1', 'yum.loud', { how }), command('r1', 'A1', 'line.added', { text: 'after' })], 0, (event) => events.push(event));
  clearInterval(disk);
  expect(finishOf(events)).toMatchObject({ result, reason: expect.stringMatching(reason) as string });
  if (how === 'outlives') expect(events.find(({ kind }) => kind === 'output')).toMatchObject({ text: expect.stringContaining('the last words') as string });
  expect(events.at(-1), 'the agent goes on').toMatchObject({ kind: 'finished', step: 'A1', result: 'changed' });
  expect(statSync(journal('r1')).size, 'bytes of the journal').toBeLessThan(MEGABYTE);
  console.log(`${how}: ${mostMb.toFixed(0)} MB at most, ${idleMb.toFixed(0)} MB idle; ${(mostOnDisk / MEGABYTE).toFixed(0)} MB on disk at most, ${(sizeBelow(steps) / MEGABYTE).toFixed(0)} MB in the end`);
  expect(mostMb - idleMb, 'MB above idle').toBeLessThan(MOST_MB);
  expect(sizeBelow(steps), 'bytes of kept output').toBeLessThan(20 * MEGABYTE);
});

/** Bytes of all files; while a process writes them they come and go. */
function sizeBelow(path: string): number {
  if (!existsSync(path)) return 0;
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).reduce((sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

test('a coordinator that reads slowly holds up neither the work nor memory, and then gets every event', async () => {
  await lease('r1');
  const slow = new Client(`127.0.0.1:${String(port)}`, credentials.createSsl(identity.ca, identity.key, identity.certificate), { 'grpc.ssl_target_name_override': 'h1', 'grpc.default_authority': 'h1', 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.use_local_subchannel_pool': 1 });
  const working = agent.execute([command('r1', 'T1', 'talk.done', { lines: 3000, length: 100_000 })], 0, () => undefined);
  await expect.poll(() => existsSync(journal('r1')) && statSync(journal('r1')).size > MEGABYTE, { timeout: 60_000 }).toBe(true);
  const { path, requestSerialize, responseDeserialize } = agentService['Attach']!;
  const reader = slow.makeServerStreamRequest(path, requestSerialize as (value: unknown) => Buffer, responseDeserialize as (bytes: Buffer) => { event: { seq: number } }, { runId: 'r1', fromSeq: 1 });
  const over = new Promise((resolve, reject) => { reader.on('end', resolve).on('error', reject); });
  over.catch(() => undefined); // told below, once it is waited for
  reader.pause();
  await working; // 300 MB were told, and nobody read them on that stream
  console.log(`slow reader: ${mostMb.toFixed(0)} MB resident at most, ${idleMb.toFixed(0)} MB idle; journal ${(statSync(journal('r1')).size / MEGABYTE).toFixed(0)} MB`);
  expect(mostMb - idleMb, 'MB above idle for 300 MB that nobody reads').toBeLessThan(TALKING_MB);
  const seen: number[] = [];
  reader.on('data', ({ event }: { event: { seq: number } }) => { seen.push(event.seq); });
  reader.resume();
  await over;
  slow.close();
  expect(seen.length).toBeGreaterThan(3000);
  expect(seen).toEqual(seen.map((_, at) => at + 1));
  expect(mostMb - idleMb, 'MB above idle when all is read').toBeLessThan(TALKING_MB);
});

test('10,000 steps of one plan on one host, through the coordinator', async () => {
  const site = siteHere(port), count = 10_000;
  try {
    site.pki('operator', identity);
    site.plan(Array.from({ length: count }, (_, at) => ({ id: `A${String(at)}`, args: { text: `line ${String(at)}` } })));
    const begun = performance.now(), report = join(folder, 'report.json'), progress = join(folder, 'progress'), out = openSync(report, 'w'), err = openSync(progress, 'w');
    const coordinator = spawn(process.execPath, [join(import.meta.dirname, '../../tandem.ts'), '--site', join(site.folder, 'site.yaml'), '--state', join(folder, 'coordinator'), 'run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1', '--json'], { stdio: ['ignore', out, err] });
    let coordinatorMb = 0;
    const own = setInterval(() => { coordinatorMb = Math.max(coordinatorMb, memoryMb(coordinator.pid)); }, 50);
    const code = await new Promise((resolve) => { coordinator.once('exit', resolve); });
    clearInterval(own);
    [out, err].forEach(closeSync);
    console.log(`10,000 steps in ${((performance.now() - begun) / 1000).toFixed(1)} s; agent ${mostMb.toFixed(0)} MB at most, ${idleMb.toFixed(0)} MB idle; coordinator ${coordinatorMb.toFixed(0)} MB at most`);
    expect(code, readFileSync(progress, 'utf8').slice(-2000)).toBe(0);
    expect((JSON.parse(readFileSync(report, 'utf8')) as RunReport).counts).toEqual({ changed: count });
    expect(readFileSync(join(folder, 'effects'), 'utf8').split('\n')).toHaveLength(count + 1);
    expect(mostMb - idleMb, 'MB above idle').toBeLessThan(MOST_MB);
    expect(coordinatorMb, 'MB of the coordinator').toBeLessThan(COORDINATOR_MB);
  } finally { site.remove(); }
});
