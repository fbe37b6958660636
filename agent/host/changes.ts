import { existsSync, writeFileSync } from 'node:fs';
import { link, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StepError } from '../../proto/errors.ts';
import { bytes, copyOne, copyTree, own, parent, replaceFile, statPath, syncFile } from './files.ts';
import { savedName, type Host } from './host.ts';
import type { Unsettled } from './settle.ts';

type FileChanges = Pick<Host, 'writeFile' | 'copy' | 'setOwnership' | 'makeDirectory' | 'link' | 'move' | 'remove' | 'save' | 'restore' | 'stepFolder'>;

const ABSENT = '.absent';
/** A kept link counts, wherever it points. */
const isThere = async (path: string): Promise<boolean> => await statPath(path) !== undefined;

/** What a step may do to files. Each notes beforehand what the disk may not have afterwards; `keepNow` puts that there at once, or throws StepError command_failed. */
export function filesOf(step: { folder: string; laterFolders?: readonly string[] }, unsettled: Unsettled, keepNow: () => Promise<void>): FileChanges {
  const saved = (path: string, folder: string = step.folder): string => join(folder, 'saved', savedName(path));
  /** With those above it that are missing. */
  const makeFolder = async (path: string, mode?: number): Promise<void> => {
    for (let each = path; await statPath(each) === undefined; each = parent(each)) { unsettled.note(each); unsettled.noteName(each); }
    await mkdir(bytes(path), { recursive: true, ...(mode === undefined ? {} : { mode }) });
  };
  return {
    writeFile: replaceFile,
    async copy(from, to, ownership) {
      unsettled.note(to);
      unsettled.noteName(to);
      await copyOne(from, to, ownership);
    },
    async setOwnership(path, ownership) {
      unsettled.note(path);
      await own(path, ownership);
    },
    async makeDirectory(path, ownership = {}) {
      await makeFolder(path);
      unsettled.note(path);
      await own(path, ownership);
    },
    async link(existing, path) {
      unsettled.note(existing);
      unsettled.noteName(path);
      await link(bytes(existing), bytes(path));
    },
    async move(from, to) {
      unsettled.noteName(from);
      await rename(bytes(from), bytes(to));
      await syncFile(parent(to));
    },
    async remove(path) {
      unsettled.noteName(path);
      await rm(bytes(path), { recursive: true, force: true });
    },
    async save(path) {
      const keep = saved(path);
      if (await isThere(keep) || existsSync(keep + ABSENT)) return;
      await makeFolder(parent(keep), 0o700);
      if (await statPath(path) === undefined) {
        writeFileSync(keep + ABSENT, '');
      } else {
        await rm(`${keep}.part`, { recursive: true, force: true });
        await copyTree(path, `${keep}.part`);
        await rename(`${keep}.part`, keep);
      }
      // Now, not with the result: what is kept must not be lost where the change that follows is not.
      unsettled.noteName(keep);
      await keepNow();
    },
    async restore(path) {
      let keep = saved(path);
      for (const folder of step.laterFolders ?? []) if (!await isThere(keep) && !existsSync(keep + ABSENT)) keep = saved(path, folder);
      const kept = await isThere(keep);
      if (!kept && !existsSync(keep + ABSENT)) throw new StepError('precondition_failed', `no copy of ${path} was kept by this step`);
      const staged = `${path}.tandem-restore`;
      unsettled.noteName(path);
      await rm(bytes(staged), { recursive: true, force: true });
      if (kept) await copyTree(keep, staged);
      await rm(bytes(path), { recursive: true, force: true });
      if (kept) await rename(bytes(staged), bytes(path));
    },
    async stepFolder() {
      await makeFolder(step.folder, 0o700);
      await keepNow(); // what is written there is needed after a loss of power too
      return step.folder;
    },
  };
}
