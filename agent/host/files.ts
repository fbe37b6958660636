import { constants, copyFileSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync, type Stats } from 'node:fs';
import { lchown, lstat, lutimes, open, readdir, rename, type FileHandle } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { StepError } from '../../proto/errors.ts';
import type { FileStat, Ownership } from './host.ts';

/** A path as the kernel has it: one byte for each character. */
export const bytes = (path: string): Buffer => {
  if (!path.startsWith('/') || path.includes('\0')) throw new StepError('invalid_args', `${JSON.stringify(path)} is not an absolute path`);
  return Buffer.from(path, 'latin1');
};

/** The folder that holds this name; `/a/` is the name `a`. */
export function parent(path: string): string {
  const name = path.replace(/(?<=.)\/+$/, '');
  return name.slice(0, Math.max(1, name.lastIndexOf('/')));
}

const typeOf = (s: Stats): FileStat['type'] => (s.isFile() ? 'file' : s.isDirectory() ? 'directory' : s.isSymbolicLink() ? 'symlink' : 'other');
const absent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

export async function statPath(path: string): Promise<FileStat | undefined> {
  try {
    const s = await lstat(bytes(path));
    const stat: FileStat = { type: typeOf(s), mode: s.mode & 0o7777, uid: s.uid, gid: s.gid, sizeBytes: s.size, mtimeS: Math.floor(s.mtimeMs / 1000), ctimeS: Math.floor(s.ctimeMs / 1000), device: s.dev, inode: s.ino, links: s.nlink };
    return stat.type === 'symlink' ? { ...stat, linkTarget: readlinkSync(bytes(path), 'latin1') } : stat;
  } catch (error) {
    if (absent(error)) return undefined;
    throw error;
  }
}

export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await readdir(bytes(path), { encoding: 'latin1' as BufferEncoding })).sort((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    if (absent(error)) return [];
    throw error;
  }
}

/** Never opens through a link or a fifo that somebody put there. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export async function readText(path: string, limitBytes: number): Promise<string | undefined> {
  let file;
  try {
    file = await open(bytes(path), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (absent(error)) return undefined;
    throw error;
  }
  try { return await textOf(file, path, limitBytes); } finally { await file.close(); }
}

async function textOf(file: FileHandle, path: string, limitBytes: number): Promise<string> {
  const entry = await file.stat();
  if (!entry.isFile()) throw new StepError('precondition_failed', `${path} is not a regular file`); // a device has no end
  const { size } = entry;
  if (size > limitBytes) throw new StepError('precondition_failed', `${path} has ${String(size)} bytes, more than the ${String(limitBytes)} that are read at once`);
  return await file.readFile('utf8');
}

/**
 * A file whose text goes elsewhere: whoever may write in its folder must not choose by a link what that text is. Where a folder on the way is
 * a link, `judge` is asked about the file that was opened, by its real path: nobody can exchange it any more.
 */
export async function readUnlinked(path: string, limitBytes: number, judge: (realPath: string) => void): Promise<string | undefined> {
  let file;
  try {
    file = await open(bytes(path), READ_FLAGS);
  } catch (error) {
    if (absent(error)) return undefined;
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    throw new StepError('precondition_failed', `${path} is a link; a secret is not read through one: name the file itself`);
  }
  try {
    // The kernel marks a file that was replaced since it was opened.
    const real = readlinkSync(`/proc/self/fd/${String(file.fd)}`, 'latin1').replace(/ \(deleted\)$/, '');
    if (real !== path.replace(/\/+/g, '/')) judge(real);
    return await textOf(file, path, limitBytes);
  } finally { await file.close(); }
}

export async function hashFile(path: string): Promise<string> {
  const file = await open(bytes(path), READ_FLAGS);
  const hash = createHash('sha256');
  try {
    const chunk = Buffer.allocUnsafe(1 << 20);
    for (let got = 1; got > 0;) {
      got = (await file.read(chunk, 0, chunk.length)).bytesRead;
      hash.update(chunk.subarray(0, got));
    }
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

/** Owner before mode: chown drops set-id bits. Links have no mode of their own, and one put in the path's place meanwhile is not followed. */
export async function own(path: string, { mode, uid, gid }: Ownership): Promise<void> {
  const s = await lstat(bytes(path));
  if (uid !== undefined || gid !== undefined) await lchown(bytes(path), uid ?? s.uid, gid ?? s.gid);
  if (mode === undefined || s.isSymbolicLink()) return;
  const file = await open(bytes(path), READ_FLAGS);
  try { await file.chmod(mode); } finally { await file.close(); }
}

/** A file's content, owner and mode, or a folder's with the names in it. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(bytes(path), READ_FLAGS);
  try { await file.sync(); } finally { await file.close(); }
}

/** Atomic: a reader sees the old file or the new one. Without ownership, the old file's is kept (0600 root for a new one). */
export async function replaceFile(path: string, content: string, ownership: Ownership = {}): Promise<void> {
  const old = await statPath(path);
  if (old !== undefined && old.type !== 'file') throw new StepError('precondition_failed', `${path} is a ${old.type}, not a regular file`);
  const temporary = `${path}.tandem-${randomBytes(6).toString('hex')}`;
  const file = await open(bytes(temporary), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(content);
    // By the open file, never by its name: who owns the folder may have put a link there meanwhile.
    await file.chown(ownership.uid ?? old?.uid ?? 0, ownership.gid ?? old?.gid ?? 0);
    await file.chmod(ownership.mode ?? old?.mode ?? 0o600);
    await file.sync(); // its owner and mode as well
    await rename(bytes(temporary), bytes(path));
  } catch (error) {
    rmSync(bytes(temporary), { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await syncFile(parent(path));
}

/** One file, folder (itself, not what is in it) or link, with mode, owner and times; a file is on disk then, its name perhaps not. Sparse files stay sparse. */
export async function copyOne(from: string, to: string, ownership: Ownership = {}): Promise<void> {
  const s = lstatSync(bytes(from));
  if (s.isSymbolicLink()) symlinkSync(readlinkSync(bytes(from), 'buffer'), bytes(to));
  else if (s.isDirectory()) mkdirSync(bytes(to), { recursive: true });
  else if (s.isFile()) await copyContent(from, to, s);
  else throw new StepError('precondition_failed', `${from} is neither a file, a folder nor a link; such are not copied`);
  await own(to, { mode: ownership.mode ?? s.mode & 0o7777, uid: ownership.uid ?? s.uid, gid: ownership.gid ?? s.gid });
  if (!s.isSymbolicLink()) await lutimes(bytes(to), s.atimeMs / 1000, s.mtimeMs / 1000);
  if (s.isFile()) await syncFile(to);
}

async function copyContent(from: string, to: string, s: Stats): Promise<void> {
  if (s.blocks * 512 >= s.size) {
    copyFileSync(bytes(from), bytes(to), constants.COPYFILE_EXCL);
  } else {
    await copySparse(from, to, s.size);
  }
}

async function copySparse(from: string, to: string, sizeBytes: number): Promise<void> {
  const source = await open(bytes(from), READ_FLAGS);
  const target = await open(bytes(to), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const chunk = Buffer.alloc(1 << 16);
    for (let at = 0; at < sizeBytes;) {
      const { bytesRead } = await source.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) break;
      const part = chunk.subarray(0, bytesRead);
      if (part.some((byte) => byte !== 0)) await target.write(part, 0, bytesRead, at);
      at += bytesRead;
    }
    await target.truncate(sizeBytes);
  } finally {
    await source.close();
    await target.close();
  }
}

/** A whole tree, links not followed, on disk when it returns but for its own name. `to` must not exist. */
export async function copyTree(from: string, to: string): Promise<void> {
  await copyOne(from, to);
  const s = await statPath(from);
  if (s?.type !== 'directory') return;
  for (const name of await listFolder(from)) await copyTree(`${from}/${name}`, `${to}/${name}`);
  await own(to, { mode: s.mode, uid: s.uid, gid: s.gid });
  await syncFile(to);
}
