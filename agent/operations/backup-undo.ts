import { StepError } from '../../proto/errors.ts';
import { viewRestore, type RestoreArgs } from '../facts/restore.ts';
import { savedName, type FileStat, type Host } from '../host/host.ts';

/** What stood at a path before: null for nothing. Content of files and links is kept by Host.save. */
export type Before = { type: FileStat['type']; mode: number; uid: number; gid: number } | null;
export const before = (stat: FileStat | undefined): Before => (stat === undefined ? null : { type: stat.type, mode: stat.mode, uid: stat.uid, gid: stat.gid });
const RECORD = 'restored.json';
export const recordPath = async (host: Host): Promise<string> => `${await host.stepFolder()}/${RECORD}`;
/** What was at a path before the first attempt that touched it. */
export const readRecord = async (host: Host): Promise<Record<string, Before>> => Object.assign({}, ...(await host.noted(RECORD)).reverse().map((text) => JSON.parse(text) as Record<string, Before>)) as Record<string, Before>;
export const folderOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')));
export const staged = (path: string): string => `${folderOf(path).replace(/\/$/, '')}/.tandem-${savedName(path).slice(0, 12)}`;

/** Data on which a service has lived is nobody's to throw away: beside its place, under the first free name. */
async function putAside(host: Host, folder: string): Promise<void> {
  let n = 1;
  while (await host.stat(`${folder}.undone-${String(n)}`) !== undefined) n += 1;
  try { await host.move(folder, `${folder}.undone-${String(n)}`); } catch (error) {
    throw new StepError('precondition_failed', `${folder} has changed since, a service has lived on it, and it cannot be put aside (${(error as Error).message}): stop the service and move its content away by hand`);
  }
  host.progress(`${folder} has changed since, a service has lived on it: put aside as ${folder}.undone-${String(n)}`);
}

/** Back to what stood there before the first attempt: the way back of backup.restored. */
export async function undoRestore(host: Host, wanted: RestoreArgs): Promise<void> {
  const record = await readRecord(host), view = await viewRestore(host, { ...wanted, once: false });
  const folder = folderOf(view.receipt.path);
  if (wanted.once && view.receipt.now !== undefined && view.differing.length > 0) await putAside(host, folder);
  // Folders first, where they are gone with what was put aside.
  const first = view.wanted[0];
  if (wanted.once && record[folder] === undefined && first !== undefined && await host.stat(folder) === undefined) await host.makeDirectory(folder, { mode: first.entry.mode, uid: first.uid, gid: first.gid });
  for (const [path, was] of Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1))) if (was?.type === 'directory' && await host.stat(path) === undefined) await host.makeDirectory(path, was);
  for (const path of Object.keys(record).sort().reverse()) {
    const was = record[path];
    await host.remove(staged(path));
    if (was?.type === 'directory') await host.setOwnership(path, was);
    else if (was !== undefined && was !== null) await host.restore(path);
    else if ((await host.list(path)).length === 0) await host.remove(path);
  }
}
