import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** CPU of a lab host, or of the coordinator's side, by the kernel's own accounts: cgroup version 1 or 2. */
const ROOT = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpuacct';

/** The cgroup of one host of a run (or of its coordinator's side); `inside` is a child to put processes into. */
export const cgroupOf = (run: string, name: string): string => join(ROOT, 'tandem-lab', run, name);

/** Milliseconds of CPU that everything in this cgroup has used so far. */
export function cpuMs(cgroup: string): number {
  const version1 = join(cgroup, 'cpuacct.usage');
  if (existsSync(version1)) return Number(readFileSync(version1, 'utf8')) / 1e6;
  const usec = /^usage_usec (\d+)$/m.exec(readFileSync(join(cgroup, 'cpu.stat'), 'utf8'))?.[1];
  if (usec === undefined) throw new Error(`${cgroup}/cpu.stat tells no CPU time`);
  return Number(usec) / 1e3;
}

export interface Ended { wallMs: number; stdout: string; stderr: string }

/** Runs argv in a cgroup to its end. Rejects, with its output, when it does not exit with 0. */
export async function timed(argv: readonly string[], options: { cgroup?: string; env?: Record<string, string>; input?: string } = {}): Promise<Ended> {
  const inside = options.cgroup === undefined ? undefined : join(options.cgroup, 'bench');
  if (inside !== undefined) mkdirSync(inside, { recursive: true });
  const enter = inside === undefined ? [] : ['sh', '-c', 'echo $$ >"$0" && exec "$@"', join(inside, 'cgroup.procs')];
  const [file = '', ...rest] = [...enter, ...argv];
  const begun = performance.now();
  return await new Promise((resolve, reject) => {
    const child = spawn(file, rest, { stdio: 'pipe', env: { ...process.env, ...options.env } });
    const out: Buffer[] = [], err: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => { out.push(part); });
    child.stderr.on('data', (part: Buffer) => { err.push(part); });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const ended = { wallMs: performance.now() - begun, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
      if (code === 0) resolve(ended);
      else reject(new Error(`${argv.join(' ')} ended with ${signal ?? String(code)}\n${ended.stdout.slice(-3000)}\n${ended.stderr.slice(-3000)}`));
    });
    child.stdin.on('error', () => undefined); // a command that does not read its input: its exit code tells
    child.stdin.end(options.input ?? '');
  });
}

/** The value below which this share of the values lies; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** One-minute load average of the machine: who else is at work beside the benchmark. */
export const load = (): number => Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
