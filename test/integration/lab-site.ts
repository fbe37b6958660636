import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunReport } from '../../coordinator/report/schema.ts';
import * as lab from '../lab/lab.ts';
import { openShell } from './session.ts';

/** Lab hosts with the packed file as agent on each, and the packed file as coordinator in their network. */
export interface LabSite {
  run: string;
  /** Holds site.yaml, pki/, captured/ and state/. */
  folder: string;
  /** All that the coordinator printed so far, on both streams. */
  printed(): string;
  /** `tandem ARGS` to its end, with any exit code. */
  tandem(...args: string[]): Promise<lab.Result>;
  /** The same; rejects, with what was printed, unless it exits 0. */
  must(...args: string[]): Promise<lab.Result>;
  /** `tandem ARGS`, going on beside the test. */
  begin(...args: string[]): Started;
  report(run: string): Promise<RunReport>;
  /** A shell command in a host, past the product; rejects unless it exits 0. Resolves with its output without the last newlines. */
  sh(host: string, command: string): Promise<string>;
  /** The host was restarted: the next command goes to a new shell. */
  anew(host: string): void;
  /** From now on the site's runbook is this folder. */
  useRunbook(folder: string): void;
  down(): Promise<void>;
}
export interface Started { child: ChildProcess; ended: Promise<lab.Result>; printed(): string }

export const root = join(import.meta.dirname, '../..');
export const fixture = (name: string): string => join(root, 'test/fixtures/runbooks', name);

/** Starts the hosts; when that fails, nothing is left of them. */
export async function startLabSite(run: string, ...hosts: string[]): Promise<LabSite> {
  const folder = mkdtempSync('/var/tmp/tandem-test-');
  let printed = '';
  const down = async (): Promise<void> => {
    await lab.down(run);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await promisify(execFile)(join(root, 'test/lab/start-agents'), [run, folder, ...hosts]);
  } catch (error) {
    await down();
    throw error;
  }
  const shells = new Map(hosts.map((word) => word.replace(/=.*/, '')).map((host) => [host, openShell(run, host)]));
  const begin = (...args: string[]): Started => {
    const own = { stdout: '', stderr: '' };
    const child = spawn(join(root, 'scripts/lab'), ['net', run, join(root, 'dist/tandem'), '--site', join(folder, 'site.yaml'), '--state', join(folder, 'state'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of ['stdout', 'stderr'] as const) child[stream].setEncoding('utf8').on('data', (text: string) => { own[stream] += text; printed += text; });
    const ended = new Promise<lab.Result>((resolve, reject) => {
      child.on('error', reject).on('close', (code, signal) => { resolve({ code: code ?? -1, ...own, stderr: signal === null ? own.stderr : `${own.stderr}(ended by ${signal})` }); });
    });
    return { child, ended, printed: () => own.stdout + own.stderr };
  };
  const tandem = async (...args: string[]): Promise<lab.Result> => await begin(...args).ended;
  const must = async (...args: string[]): Promise<lab.Result> => {
    const ended = await tandem(...args);
    if (ended.code !== 0) throw new Error(`tandem ${args.join(' ')}: exit code ${ended.code}\n${ended.stdout}${ended.stderr}`);
    return ended;
  };
  return {
    run, folder, begin, tandem, must, down, printed: () => printed,
    report: async (id) => JSON.parse((await must('report', id, '--format', 'json')).stdout) as RunReport,
    async sh(host, command) {
      const shell = shells.get(host);
      if (shell === undefined) throw new Error(`no host ${host}`);
      const { code, printed: said } = await shell.run(command);
      if (code !== 0) throw new Error(`${host}: ${command}: exit code ${code}\n${said}`);
      return said;
    },
    anew(host) { shells.set(host, openShell(run, host)); },
    useRunbook(path) {
      const file = join(folder, 'site.yaml');
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^runbook: .*$/m, `runbook: ${path}`).replace(/^variables: .*\n/m, ''));
    },
  };
}

/** Asks until the answer is true; rejects when it is not within the time. */
export async function until(what: string, ask: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!await ask()) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

/** Results by step id of one host. */
export const resultsOf = (report: RunReport, host: string): Record<string, string> =>
  Object.fromEntries(report.hosts.find((one) => one.host === host)!.steps.map(({ id, result }) => [id, result]));
