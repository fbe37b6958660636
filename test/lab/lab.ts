import { execFile } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Lab hosts for tests: a thin wrapper around `scripts/lab`, which says what each command does. Needs root. */

export type Result = { code: number; stdout: string; stderr: string };
export type Options = { input?: string | Uint8Array; timeoutMs?: number };

const script = fileURLToPath(new URL('../../scripts/lab', import.meta.url));
// a cold `up` builds every layer first
const coldMs = 1_800_000;
// a virtual machine's boot takes 30 s, and several times that beside other work
const warmMs = 500_000;

function call(args: readonly string[], { input = '', timeoutMs = warmMs }: Options = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const settings = { timeout: timeoutMs, killSignal: 'SIGTERM', maxBuffer: 64 * 1024 * 1024 } as const;
    const child = execFile(script, args, settings, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      // ended by a signal that was not ours: as a shell counts it
      else if (error.signal && !error.killed) resolve({ code: 128 + constants.signals[error.signal], stdout, stderr });
      else reject(new Error(`scripts/lab ${args.join(' ')}: ${error.killed ? `not done in ${timeoutMs} ms` : String(error.code)}\n${stderr}`));
    });
    // a command that does not read its input closes the pipe: its exit code tells, not EPIPE
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

async function must(args: readonly string[], timeoutMs: number = warmMs): Promise<Result> {
  const result = await call(args, { timeoutMs });
  if (result.code !== 0) throw new Error(`scripts/lab ${args.join(' ')}: exit code ${result.code}\n${result.stderr}`);
  return result;
}

/** Starts the hosts and waits for them; rejects when one does not come up. Hosts are `NAME` or `NAME=ROLE`. */
export function up(run: string, ...hosts: readonly string[]): Promise<Result> {
  return must(['up', run, ...hosts], coldMs);
}

/** Runs a command in a host. Resolves with any exit code; rejects when there is none in time. */
export function exec(run: string, host: string, argv: readonly string[], options?: Options): Promise<Result> {
  return call(['exec', run, host, ...argv], options);
}

/** Runs a command of this machine in the run's network, at the coordinator's address. Exit codes as with exec. */
export function net(run: string, argv: readonly string[], options?: Options): Promise<Result> {
  return call(['net', run, ...argv], options);
}

/** Kills the host's PID 1 with -9, starts the host again and waits for it. */
export const kill = (run: string, host: string): Promise<Result> => must(['kill', run, host]);

/** Reboots from inside and waits. */
export const reboot = (run: string, host: string): Promise<Result> => must(['reboot', run, host]);

export const stop = (run: string, host: string): Promise<Result> => must(['stop', run, host]);
export const start = (run: string, host: string): Promise<Result> => must(['start', run, host]);

/** Pulls the host's network cable out; it stays out over a reboot. */
export const cut = (run: string, host: string): Promise<Result> => must(['cut', run, host]);
export const mend = (run: string, host: string): Promise<Result> => must(['mend', run, host]);

/** Makes the host fresh again, same name and address. */
export const reset = (run: string, host: string): Promise<Result> => must(['reset', run, host]);

/** Removes the run and all it left; succeeds when there is nothing. */
export const down = (run: string): Promise<Result> => must(['down', run]);
