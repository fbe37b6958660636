import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { link, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventKind } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { tryAmqpLogin } from './amqp.ts';
import { bytes, copyOne, copyTree, hashFile, listFolder, own, readText, replaceFile, statPath, syncFolder } from './files.ts';
import { admit } from './guard.ts';
import { savedName, type Host, type Ran, type ReadTogether } from './host.ts';
import { connects, digest, exchange, look } from './network.ts';
import { runOutliving, runToEnd, type ProcessContext } from './process.ts';
import type { Scrubber } from './scrub.ts';
import { resolveSecret } from './secrets.ts';
import { sessionEnd } from './session.ts';

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
}

const TEXT_LIMIT_BYTES = 16 * 1024 * 1024;
const ABSENT = '.absent';
/** A kept link counts, wherever it points. */
const isThere = async (path: string): Promise<boolean> => await statPath(path) !== undefined;

/** Name and number columns of /etc/passwd or /etc/group. */
async function ids(path: string): Promise<[string, number][]> {
  const text = await readText(path, TEXT_LIMIT_BYTES) ?? '';
  return text.split('\n').filter((line) => line.includes(':')).map((line) => line.split(':')).map((parts) => [parts[0] ?? '', Number(parts[2])]);
}
const numberOf = async (path: string, name: string): Promise<number | undefined> => (await ids(path)).find(([n]) => n === name)?.[1];
const nameOf = async (path: string, id: number): Promise<string | undefined> => (await ids(path)).find(([, n]) => n === id)?.[0];

/** The machine itself, for one step. */
export function openHost(step: StepContext): Host {
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
  const saved = (path: string, folder: string = step.folder): string => join(folder, 'saved', savedName(path));
  return {
    ...(step.readTogether === undefined ? {} : { readTogether: step.readTogether }),
    ...(step.begunBefore === true ? { begunBefore: true } : {}),
    async read(argv, options = {}) {
      admit(argv, 'read');
      return await runToEnd(argv, options, process, 'read');
    },
    async act(argv, options = {}) {
      admit(argv, 'act');
      return await (options.outlives === true ? runOutliving(argv, options, process) : runToEnd(argv, options, process));
    },
    readFile, stat: statPath, list: listFolder, sha256: hashFile, connects, http: look, send: exchange, digest, amqpLogin: tryAmqpLogin,
    uid: (user) => numberOf('/etc/passwd', user), gid: (group) => numberOf('/etc/group', group),
    userName: (uid) => nameOf('/etc/passwd', uid), groupName: (gid) => nameOf('/etc/group', gid),
    async secret(reference) {
      const value = await resolveSecret(reference, readFile, step.secrets);
      step.scrubber.add(value);
      return value;
    },
    writeFile: replaceFile, copy: copyOne, setOwnership: own,
    async makeDirectory(path, ownership = {}) {
      await mkdir(bytes(path), { recursive: true });
      await own(path, ownership);
    },
    async link(existing, path) { await link(bytes(existing), bytes(path)); },
    async move(from, to) {
      await rename(bytes(from), bytes(to));
      await syncFolder(to.slice(0, Math.max(1, to.lastIndexOf('/'))));
    },
    async remove(path) { await rm(bytes(path), { recursive: true, force: true }); },
    async save(path) {
      const keep = saved(path);
      if (await isThere(keep) || existsSync(keep + ABSENT)) return;
      await mkdir(join(step.folder, 'saved'), { recursive: true, mode: 0o700 });
      if (await statPath(path) === undefined) { writeFileSync(keep + ABSENT, ''); return; }
      await rm(`${keep}.part`, { recursive: true, force: true });
      await copyTree(path, `${keep}.part`);
      await rename(`${keep}.part`, keep);
    },
    async restore(path) {
      let keep = saved(path);
      for (const folder of step.laterFolders ?? []) if (!await isThere(keep) && !existsSync(keep + ABSENT)) keep = saved(path, folder);
      const kept = await isThere(keep);
      if (!kept && !existsSync(keep + ABSENT)) throw new StepError('precondition_failed', `no copy of ${path} was kept by this step`);
      const staged = `${path}.tandem-restore`;
      await rm(bytes(staged), { recursive: true, force: true });
      if (kept) await copyTree(keep, staged);
      await rm(bytes(path), { recursive: true, force: true });
      if (kept) await rename(bytes(staged), bytes(path));
    },
    async stepFolder() {
      await mkdir(step.folder, { recursive: true, mode: 0o700 });
      return step.folder;
    },
    async noted(name) {
      const texts = await Promise.all([step.folder, ...step.laterFolders ?? []].map((folder) => readFile(join(folder, name))));
      return texts.filter((text) => text !== undefined);
    },
    progress(text) { step.emit({ kind: 'progress', text }); },
  };
}
