import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** In place of the old file, whole or not at all; on disk when it returns. */
export function replaceFile(path: string, text: string, mode: number): void {
  renameSync(writeBeside(path, text, mode), path);
  syncFolder(dirname(path));
}

/** The text on disk as PATH.new; gives that path. */
export function writeBeside(path: string, text: string, mode: number): string {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true }); // of a try that was cut off; and never through a link that lies there
  writeFileSync(fresh, text, { mode, flag: 'wx', flush: true });
  return fresh;
}

/** A new name in a folder outlives a power cut only when the folder is on disk too. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try { fsyncSync(fd); } finally { closeSync(fd); }
}

/** The file's text; undefined where there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
