import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Json } from '../../proto/events.ts';
import { bounded, damage, wantedText, type Wanted } from '../facts/backup.ts';
import { viewRestore, type RestoreView } from '../facts/restore.ts';
import type { Host, Probe } from '../host/host.ts';
import { before, folderOf, readRecord, recordPath, staged, undoRestore } from './backup-undo.ts';
import { absolutePath, accountName, pathGlob } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';

const args = z.strictObject({
  backup: absolutePath.describe('Folder of one source host on the backup medium, with manifest.tsv in it'),
  host: z.string().min(1).describe('Full name of the source host; a manifest of another host is refused'),
  paths: z.array(pathGlob).min(1).describe('What to restore, as absolute paths (or globs) on the source host'),
  to: absolutePath.optional().describe('Where to, when not to the same path; with a single path only'),
  protect: z.array(pathGlob).default([]).describe('Globs of paths on this host that stay as they are'),
  exclude: z.array(pathGlob).default([]).describe('Globs of paths on the source host that are left out'),
  ownerMap: z.record(z.string(), accountName).default({}).describe('User on the source host (a name, or "#ID" where it had none) to local user'),
  groupMap: z.record(z.string(), accountName).default({}).describe('The same for groups'),
  optional: z.boolean().default(false).describe('A path that the backup does not hold is no error'),
  edited: z.boolean().default(false).describe('For a configuration that later steps edit: leaves a receipt in its folder, and is not restored over the edits again'),
  once: z.boolean().default(false).describe('For the data of a service: fills an empty folder, leaves a receipt in it, and never touches it again'),
}).refine(({ to, paths }) => to === undefined || (paths.length === 1 && !/[*?]/.test(paths[0] ?? '')), { message: '`to` goes with exactly one path and no glob', path: ['to'] })
  .refine(({ once, edited, paths }) => !(once || edited) || (paths.length === 1 && !/[*?]/.test(paths[0] ?? '')), { message: '`once` and `edited` go with exactly one path and no glob', path: ['once'] });
type Args = z.infer<typeof args>;

/**
 * Files of a backup as its manifest has them: content, mode, owner by name, link targets, hard links (rows C15, C18,
 * C26). Copied in-process through Host.copy: there is no rsync whose one-argument form lists and exits 0 (erratum E7).
 * Files that the manifest does not know stay. Errors: precondition_failed for a damaged or foreign backup, an unknown owner.
 */
export const backupRestored = operation({
  name: 'backup.restored',
  summary: 'Paths are on this host as the manifest of a backup has them',
  args, timeoutS: 6 * 3600, mayKill: true,
  describe: ({ paths, host, to, once }) => `Restore ${paths.join(', ')} of ${host}${to === undefined ? '' : ` to ${to}`} from the backup${once ? ', once' : ''}`,
  touches: ({ backup, paths, to }) => ({ paths: [backup, ...to === undefined ? paths : [to]] }),
  async check(probe, wanted) {
    const view = await viewRestore(probe, wanted);
    await refuseUnfit(probe, wanted, view);
    return found(view, wanted);
  },
  async apply(host, wanted) {
    const view = await viewRestore(host, wanted), record = await readRecord(host);
    for (const { target } of view.differing) record[target] ??= before(view.states.get(target)?.stat);
    if (wanted.once || wanted.edited) record[view.receipt.path] = null;
    await host.writeFile(await recordPath(host), JSON.stringify(record), { mode: 0o600 });
    for (const [at, one] of view.differing.entries()) {
      await put(host, one, view);
      if (at % 200 === 199) host.progress(`${String(at + 1)} of ${String(view.differing.length)} restored`);
    }
    const folder = view.wanted[0];
    if ((wanted.once || wanted.edited) && folder !== undefined) await host.writeFile(view.receipt.path, view.receipt.wanted, { mode: 0o600, uid: folder.uid, gid: folder.gid });
    if (view.extra.length > 0) host.progress(`not in the backup and left alone: ${view.extra.slice(0, 20).join(', ')}${view.extra.length > 20 ? ` and ${String(view.extra.length - 20)} more` : ''}`);
  },
  async verify(probe, wanted) {
    return found(await viewRestore(probe, { ...wanted, once: false, edited: false }), wanted);
  },
  async revert(host, wanted) { await undoRestore(host, wanted); },
});

function found(view: RestoreView, { once: filled, edited }: Args): Finding {
  const { receipt } = view, once = filled || edited;
  if (once && receipt.now === receipt.wanted && view.wanted.length === 0) return finding({ receipt: receipt.wanted }, [], `filled from this backup before (${receipt.path}), its service's own since then`);
  const differences = view.differing.map((one) => {
    const state = view.states.get(one.target);
    return { what: one.target, found: `${state?.text ?? ''}${state?.linked === false ? ', a file of its own' : ''}`, wanted: wantedText(one) };
  });
  if (once && receipt.now !== receipt.wanted) differences.push({ what: receipt.path, found: receipt.now ?? 'absent', wanted: receipt.wanted });
  const notes = [view.extra.length === 0 ? '' : `${String(view.extra.length)} not in the backup and left alone (${view.extra.slice(0, 5).join(', ')})`, view.left.length === 0 ? '' : `${String(view.left.length)} sockets, fifos or devices left out`];
  const look: Json = { entries: view.wanted.length, state: view.digest };
  return finding(look, bounded(differences), notes.filter(Boolean).join('; ') || undefined);
}

/** Everything that would stop half way is found before anything is touched. */
async function refuseUnfit(probe: Probe, wanted: Args, { differing, states, receipt }: RestoreView): Promise<void> {
  const own = differing.find(({ entry, target }) => entry.type !== 'd' && states.get(target)?.stat !== undefined);
  if (wanted.once && receipt.now !== undefined && receipt.now !== receipt.wanted) throw new StepError('precondition_failed', `${receipt.path} says this folder was filled from another capture: ${receipt.now.trim()}`);
  if (wanted.once && own !== undefined) throw new StepError('precondition_failed', `${own.target} is there and not the backup's: this folder holds data of its own, has its service been started? Move it away first`);
  const planned = new Set(differing.map(({ target }) => target));
  for (const { entry, target } of differing) {
    const broken = await damage(probe, wanted.backup, entry);
    if (broken !== undefined) throw new StepError('precondition_failed', `the backup is damaged: ${broken.what} is ${broken.found}, its manifest says ${broken.wanted}`);
    const stat = states.get(target)?.stat;
    if (stat !== undefined && (stat.type === 'directory') !== (entry.type === 'd')) throw new StepError('precondition_failed', `${target} is a ${stat.type} here and ${entry.type === 'd' ? 'a folder' : 'none'} in the backup: move it away first`);
    if (!planned.has(folderOf(target)) && (await probe.stat(folderOf(target)))?.type !== 'directory') throw new StepError('precondition_failed', `${folderOf(target)} is no folder here`);
  }
}

/** One entry: staged beside its place, compared, swapped by a rename, so that a reader sees the old file or the new one. */
async function put(host: Host, one: Wanted, view: RestoreView): Promise<void> {
  const { entry, source, target, linkTo, uid, gid } = one, ownership = { mode: entry.mode, uid, gid };
  const there = view.states.get(target)?.stat;
  if (entry.type === 'd') {
    await (there === undefined ? host.makeDirectory(target, ownership) : host.setOwnership(target, ownership));
    return;
  }
  if (there !== undefined) await host.save(target);
  await host.remove(staged(target));
  if (linkTo === undefined) await host.copy(source, staged(target), ownership);
  else await host.link(linkTo, staged(target));
  if (entry.type === 'f' && await host.sha256(staged(target)) !== entry.sha256) {
    await host.remove(staged(target));
    throw new StepError('precondition_failed', `the backup changed while it was read: ${source}`);
  }
  await host.move(staged(target), target);
}
