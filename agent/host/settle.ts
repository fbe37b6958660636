import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { StepError } from '../../proto/errors.ts';
import { bytes, parent } from './files.ts';

/** From so many files and folders on, everything is put on disk at once: that is less work than one by one. */
const ONE_BY_ONE = 64;
/** A file system that does not answer must not keep a result back for ever, milliseconds. */
const LIMIT_MS = 60_000;

/**
 * What a step changed and the disk may not have yet. Settled before its result goes on record, so that a loss of power takes
 * back no result. What a command changed nobody knows but the kernel: then all file systems are settled.
 */
export class Unsettled {
  readonly #paths = new Set<string>();
  #all = false;

  get isEmpty(): boolean { return !this.#all && this.#paths.size === 0; }
  /** A file or folder whose owner or mode changed; of a folder also the names in it. */
  note(path: string): void { if (this.#paths.size <= ONE_BY_ONE) this.#paths.add(path); }
  /** A name that came, went or leads elsewhere now. */
  noteName(path: string): void { this.note(parent(path)); }
  /** Whatever a command has changed. */
  noteAll(): void { this.#all = true; }

  /** Returns once all of it is on disk, false: it could not be told within a minute, and is left to the next one. Throws StepError command_failed. */
  async settle(syncAll: () => Promise<unknown>): Promise<boolean> {
    const paths = [...this.#paths], all = this.#all || paths.length > ONE_BY_ONE;
    this.#paths.clear();
    this.#all = false;
    const work = all ? syncAll() : syncEach(paths);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => { timer = setTimeout(() => { resolve(false); }, LIMIT_MS); });
    let settled = false;
    try { return settled = await Promise.race([work.then(() => true), late]); } finally {
      clearTimeout(timer);
      if (!settled) { for (const path of paths) this.note(path); this.#all ||= all; }
    }
  }
}

async function syncEach(paths: string[]): Promise<void> {
  for (const path of paths) await syncOne(path);
}

/** One that is gone by now went by a name in its folder, which is noted too. A link or a device cannot be synced itself: its folder is, and with it the file system's log. */
async function syncOne(path: string): Promise<void> {
  try {
    const stat = await lstat(bytes(path));
    const file = await open(bytes(stat.isFile() || stat.isDirectory() ? path : parent(path)), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try { await file.sync(); } finally { await file.close(); }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    // EINVAL, EROFS: it lies on nothing that keeps it, such as /proc.
    if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'EROFS'].includes(code)) throw new StepError('command_failed', `what this step changed cannot be put on disk: ${path}: ${message}`);
  }
}
