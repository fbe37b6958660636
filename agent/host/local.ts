import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StepError } from '../../proto/errors.ts';
import type { EventKind } from '../../proto/events.ts';
import { tryAmqpLogin } from './amqp.ts';
import { filesOf } from './changes.ts';
import { hashFile, listFolder, readText, readUnlinked, statPath } from './files.ts';
import { admit } from './guard.ts';
import type { Host, Ran, ReadTogether } from './host.ts';
import { connects, digest, exchange, look } from './network.ts';
import { runOutliving, runToEnd, type ProcessContext } from './process.ts';
import type { Scrubber } from './scrub.ts';
import { resolveSecret } from './secrets.ts';
import { sessionEnd } from './session.ts';
import { Unsettled } from './settle.ts';

export interface StepContext {
  commandId: string;
  /** Private to this step of this run; survives restarts. */
  folder: string;
  /** Of later attempts: `restore` takes a copy from the first that has one. */
  laterFolders?: readonly string[];
  begunBefore?: boolean;
  /** Values of `coordinator-file:` references. */
  secrets: Readonly<Record<string, string>>;
  scrubber: Scrubber;
  /** Milliseconds for which what may be killed may still run; Infinity where nothing may be. */
  remainingMs: () => number;
  emit: (event: EventKind) => void;
  /** How a process of an earlier life of the agent ended. */
  earlier?: Ran | undefined;
  /** Absent: every look reads for itself. */
  readTogether?: ReadTogether;
  /** Throws StepError where the host's policy does not allow this path. */
  allowPath?: (path: string) => void;
}

const SYNC = ['sync'];
const TEXT_LIMIT_BYTES = 16 * 1024 * 1024;

/** Name and number columns of /etc/passwd or /etc/group. */
async function ids(path: string): Promise<[string, number][]> {
  const text = await readText(path, TEXT_LIMIT_BYTES) ?? '';
  return text.split('\n').filter((line) => line.includes(':')).map((line) => line.split(':')).map((parts) => [parts[0] ?? '', Number(parts[2])]);
}
const numberOf = async (path: string, name: string): Promise<number | undefined> => (await ids(path)).find(([n]) => n === name)?.[1];
const nameOf = async (path: string, id: number): Promise<string | undefined> => (await ids(path)).find(([, n]) => n === id)?.[0];

/** The machine, and what its step left to be put on disk. */
export interface LocalHost extends Host {
  /** Before the step's result is told: what it changed is on disk then, or, after a minute, is said to be in doubt. Throws StepError. */
  settle(): Promise<void>;
}

/** The machine itself, for one step. */
export function openHost(step: StepContext): LocalHost {
  const unsettled = new Unsettled();
  const process: ProcessContext = {
    commandId: step.commandId,
    remainingMs: step.remainingMs,
    emit: step.emit,
    scrub: (text) => step.scrubber.text(text),
    earlier: step.earlier,
    sessionEnd: (leader, argv) => sessionEnd(step.commandId, leader, argv),
    outputFile: () => {
      mkdirSync(step.folder, { recursive: true, mode: 0o700 });
      let number = 1;
      while (existsSync(join(step.folder, `output-${String(number)}.log`))) number += 1;
      return join(step.folder, `output-${String(number)}.log`);
    },
  };
  const readFile = (path: string): Promise<string | undefined> => readText(path, TEXT_LIMIT_BYTES);
  const settled = async (): Promise<boolean> => {
    if (unsettled.isEmpty) return true;
    const syncAll = async (): Promise<Ran> => {
      admit(SYNC, 'act');
      return await runToEnd(SYNC, {}, { ...process, remainingMs: () => Infinity });
    };
    return await unsettled.settle(syncAll);
  };
  const settle = async (): Promise<void> => {
    if (!await settled()) step.emit({ kind: 'progress', text: 'what this step changed may not be on disk yet: a file system does not answer' });
  };
  const keepNow = async (): Promise<void> => {
    if (!await settled()) throw new StepError('command_failed', 'what is kept for the way back may not be on disk yet: a file system does not answer; nothing is changed without it');
  };
  return {
    settle,
    ...(step.readTogether === undefined ? {} : { readTogether: step.readTogether }),
    ...(step.begunBefore === true ? { begunBefore: true } : {}),
    async read(argv, options = {}) {
      admit(argv, 'read');
      return await runToEnd(argv, options, process, 'read');
    },
    async act(argv, options = {}) {
      admit(argv, 'act');
      unsettled.noteAll();
      return await (options.outlives === true ? runOutliving(argv, options, process) : runToEnd(argv, options, process));
    },
    readFile, stat: statPath, list: listFolder, sha256: hashFile, connects, http: look, send: exchange, digest, amqpLogin: tryAmqpLogin,
    uid: (user) => numberOf('/etc/passwd', user), gid: (group) => numberOf('/etc/group', group),
    userName: (uid) => nameOf('/etc/passwd', uid), groupName: (gid) => nameOf('/etc/group', gid),
    async secret(reference) {
      const value = await resolveSecret(reference, (path) => readUnlinked(path, TEXT_LIMIT_BYTES, step.allowPath ?? (() => undefined)), step.secrets);
      step.scrubber.add(value);
      return value;
    },
    ...filesOf(step, unsettled, keepNow),
    async noted(name) {
      const texts = await Promise.all([step.folder, ...step.laterFolders ?? []].map((folder) => readFile(join(folder, name))));
      return texts.filter((text) => text !== undefined);
    },
    progress(text) { step.emit({ kind: 'progress', text }); },
  };
}
