import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { execa, type Options } from 'execa';
import { StepError } from '../../proto/errors.ts';
import type { EventKind } from '../../proto/events.ts';
import { bootId, startTicks } from './proc.ts';
import type { ActOptions, Ran, RunOptions } from './host.ts';
import { keepShort } from './output-file.ts';

/** Nothing of the agent's own environment reaches a command; output is in one language. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/root', TERM: 'dumb' };
/** What a command may print on one of its streams; what prints more is stopped. */
const READ_LIMIT_BYTES = 16 * 1024 * 1024;
const TAIL_BYTES = 64 * 1024;
/** stderr kept in a failure. */
const STDERR_TAIL_CHARS = 4000;

export interface ProcessContext {
  /** Marks every process of a step, so that a restarted agent recognises one whose pid it could not record. */
  commandId: string;
  /** Milliseconds left for this step; Infinity where it must not be killed. */
  remainingMs(): number;
  emit: (event: EventKind) => void;
  /** Takes secrets out; before a text is cut, so that no end of one is left. */
  scrub: (text: string) => string;
  outputFile(): string;
  /** Resolves once nothing of the session of this process that the command started is left. */
  sessionEnd(leader: number, argv: string[]): Promise<void>;
  /** How a process of an earlier life of the agent ended that this command had started and not yet judged. */
  earlier?: Ran | undefined;
}

/**
 * Started by the system's shell, whose text never changes: the command stays a list of arguments. It notes how the command
 * ended, since an agent that was started again is not the parent and cannot ask. Not fsynced: lost with a power cut, `check` judges.
 */
const NOTING = '"$@"; status=$?; echo "$status" >"$0.part" && mv -f "$0.part" "$0"; exit "$status"';
const statusFile = (outputFile: string): string => `${outputFile}.status`;

/** A shell says 128 and the signal's number of what a signal ended. */
function endOf(status: number): { exitCode: number; signal: string } {
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  return signal === undefined ? { exitCode: status, signal: '' } : { exitCode: -1, signal };
}

/** How a process ended whose output went to this file, with its output; undefined where that is not on record. */
export function endedAs(argv: string[], outputFile: string): Ran | undefined {
  try {
    const status = /^(\d+)\n$/.exec(readFileSync(statusFile(outputFile), 'latin1'))?.[1];
    if (status === undefined) return undefined;
    const output = tailOf(outputFile);
    return { argv, ...endOf(Number(status)), stdout: output, stderr: output };
  } catch {
    return undefined; // it still runs, never ran, or went with the host
  }
}

const asUser = (argv: string[], runAs: string | undefined): string[] => (runAs === undefined ? argv : ['runuser', '-u', runAs, '--', ...argv]);

function judge(ran: Ran, options: RunOptions, timedOut: boolean, scrub: (text: string) => string): Ran {
  const failure = { argv: ran.argv, exitCode: ran.exitCode, signal: ran.signal, stderrTail: scrub(ran.stderr).slice(-STDERR_TAIL_CHARS) };
  const name = ran.argv.slice(0, 3).join(' ');
  if (timedOut) throw new StepError('timed_out', `${name} ... did not end in time and was stopped`, failure);
  if (ran.signal !== '') throw new StepError('command_failed', `${name} ... was ended by ${ran.signal}`, failure);
  if (!(options.okCodes ?? [0]).includes(ran.exitCode)) {
    const last = (ran.stderr.trimEnd() || ran.stdout.trimEnd()).split('\n').at(-1) ?? '';
    throw new StepError('command_failed', `${name} ... exited with ${String(ran.exitCode)}${last === '' ? '' : `: ${last}`}`, failure);
  }
  return ran;
}

/** What an outliving process that ended like this means for its step; undefined when it ended well. */
export function failureOf(ran: Ran, scrub: (text: string) => string): StepError | undefined {
  try {
    judge(ran, {}, false, scrub);
    return undefined;
  } catch (error) {
    if (error instanceof StepError) return error;
    throw error;
  }
}

function cannotStart(file: string, { code, shortMessage }: { code?: string | undefined; shortMessage?: string | undefined }): StepError {
  return new StepError('command_failed', code === 'ENOENT' ? `there is no ${file} on this host` : `cannot start ${file}: ${shortMessage ?? ''}`);
}

/** All of a stream as text; undefined, and `tooMuch` called once, where it is more than what may be kept. */
async function gathered(stream: Readable, tooMuch: () => void): Promise<string | undefined> {
  let kept: Buffer[] = [], size = 0;
  await new Promise((resolve) => {
    stream.on('data', (part: Buffer) => {
      const before = size;
      size += part.length;
      if (size <= READ_LIMIT_BYTES) kept.push(part);
      else { kept = []; if (before <= READ_LIMIT_BYTES) tooMuch(); }
    }).once('close', resolve).once('error', resolve);
  });
  return size <= READ_LIMIT_BYTES ? Buffer.concat(kept).toString('utf8') : undefined;
}

/** Runs argv to its end and keeps its output whole. Throws StepError command_failed | timed_out. */
export async function runToEnd(argv: string[], options: RunOptions, context: ProcessContext, purpose: 'read' | 'act' = 'act'): Promise<Ran> {
  const [file = '', ...args] = asUser(argv, options.runAs);
  const timeout = Math.max(1, Math.min(context.remainingMs(), 2 ** 31 - 1));
  const child = execa(file, args, {
    // Kept by us: execa would put the output into an error's message too, escaped, in several times its size.
    buffer: false, encoding: 'buffer',
    reject: false, extendEnv: false, cwd: '/', timeout,
    cleanup: purpose === 'act', // for each process, execa sets handlers for 30 signals and takes them back: 5 ms; a reader left at exit ends by itself
    env: { ...ENVIRONMENT, TANDEM_COMMAND: context.commandId, ...options.env },
    ...(options.stdin === undefined ? { stdin: 'ignore' as const } : { input: options.stdin }),
  });
  const shut = (): void => { [child.stdout, child.stderr].forEach((stream) => { stream.destroy(); }); };
  const tooMuch = (): void => { child.kill('SIGKILL'); shut(); };
  // A process of its own that it left behind may hold the streams open beyond its end.
  const ended = child.then((end) => { if (end.timedOut) shut(); return end; });
  const [result, stdout, stderr] = await Promise.all([ended, gathered(child.stdout, tooMuch), gathered(child.stderr, tooMuch)]);
  if (stdout === undefined || stderr === undefined) throw new StepError('command_failed', `${argv[0] ?? ''} printed more than ${String(READ_LIMIT_BYTES)} bytes and was stopped`);
  if (result.exitCode === undefined && result.signal === undefined) throw cannotStart(file, result);
  const ran = { argv, exitCode: result.exitCode ?? -1, signal: result.timedOut ? '' : result.signal ?? '', stdout, stderr };
  return judge(ran, options, result.timedOut, context.scrub);
}

/** The end of a file as text, at most `bytes` of it. */
export function tailOf(path: string, bytes: number = TAIL_BYTES): string {
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size, from = Math.max(0, size - bytes), buffer = Buffer.alloc(size - from);
    readSync(fd, buffer, 0, buffer.length, from);
    const text = buffer.toString('utf8');
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1); // a cut line could hold the end of a secret
  } finally {
    closeSync(fd);
  }
}

/**
 * Runs argv in a session of its own with its output in a file: neither a timeout, a lost link nor the agent's own
 * death ends it. Its identity is journaled before it starts and once more when it has a pid.
 */
export async function runOutliving(argv: string[], options: ActOptions, context: ProcessContext): Promise<Ran> {
  // One that failed after the agent's death failed: the step ends as it would have with the agent alive, and nothing is started
  // twice. A second look may have left fewer packages to ask for: the same command is known by its first words.
  if (context.earlier !== undefined && JSON.stringify(context.earlier.argv.slice(0, 3)) === JSON.stringify(argv.slice(0, 3))) judge(context.earlier, options, false, context.scrub);
  const outputFile = context.outputFile();
  const identity = { kind: 'spawned', argv, bootId: bootId(), outputFile } as const;
  context.emit({ ...identity, pid: 0, startTicks: 0 });
  const fd = openSync(outputFile, 'a', 0o600), grown = keepShort(outputFile);
  try {
    const wiring: Options = {
      reject: false, extendEnv: false, cwd: '/', detached: true, cleanup: false, forceKillAfterDelay: false, buffer: false,
      env: { ...ENVIRONMENT, TANDEM_COMMAND: context.commandId, ...options.env },
      stdin: options.stdin === undefined ? 'ignore' : 'pipe', stdout: fd as 9, stderr: fd as 9, // the types know descriptors up to 9 only
    };
    const child = execa('/bin/sh', ['-c', NOTING, statusFile(outputFile), ...asUser(argv, options.runAs)], wiring);
    if (options.stdin !== undefined) child.stdin.end(options.stdin);
    if (child.pid !== undefined) context.emit({ ...identity, pid: child.pid, startTicks: startTicks(child.pid) });
    const result = await child;
    if (result.exitCode === undefined && result.signal === undefined) throw cannotStart('/bin/sh', result);
    if (child.pid !== undefined) await context.sessionEnd(child.pid, argv);
    const output = tailOf(outputFile);
    context.emit({ kind: 'output', stream: 'stdout', text: output });
    if (result.exitCode === 127 && options.runAs === undefined) throw cannotStart(argv[0] ?? '', { code: 'ENOENT' });
    const end = result.signal === undefined ? endOf(result.exitCode ?? -1) : { exitCode: -1, signal: result.signal };
    return judge({ argv, ...end, stdout: output, stderr: output }, options, false, context.scrub);
  } finally {
    grown();
    closeSync(fd);
  }
}
