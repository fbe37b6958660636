import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import type { FileStat, Probe } from '../host/host.ts';
import { parseManifest, type Manifest, type ManifestEntry } from '../parse/manifest.ts';
import { octal } from './tree.ts';

/** One entry of a backup, with its place on the medium and on this host, owned by the ids that its names have here. */
export interface Wanted { entry: ManifestEntry; source: string; target: string; uid: number; gid: number; /** Another wanted path that must be the same file. */ linkTo: string | undefined }
export interface State { stat: FileStat | undefined; /** Type, mode, owner and content in one line; `absent` when nothing is there. */ text: string; asWanted: boolean; linked: boolean }

/** Entries of these kinds are made again by their services and never restored. */
export const isRestored = (entry: ManifestEntry): boolean => 'fdl'.includes(entry.type);

/** The manifest beside a backup tree. Throws StepError precondition_failed: missing, damaged, cut short, of another host. */
export async function readManifest(probe: Probe, backup: string, host: string): Promise<Manifest & { sha256: string }> {
  const path = `${backup}/manifest.tsv`, refuse = (why: string): StepError => new StepError('precondition_failed', `${path}: ${why}`);
  const text = await probe.readFile(path), sum = await probe.readFile(`${path}.sha256`);
  if (text === undefined) throw refuse('there is no manifest: not a backup, or the medium is not mounted');
  let manifest: Manifest;
  try { manifest = parseManifest(text); } catch (error) { throw refuse((error as Error).message); }
  if (sum === undefined) throw refuse('manifest.tsv.sha256 is missing');
  const sha256 = await probe.sha256(path);
  if (sum.split(/\s/)[0] !== sha256) throw refuse('is not the file that manifest.tsv.sha256 was made of');
  if (manifest.host !== host) throw refuse(`is of host ${manifest.host}, wanted ${host}`);
  return { ...manifest, sha256 };
}

/** What is at a path and whether that is as the manifest says; `linked` tells whether a hard link is one here too. */
export async function look(probe: Probe, wanted: Wanted, inodes: Map<string, number | undefined>): Promise<State> {
  const { entry, target } = wanted, stat = await probe.stat(target);
  inodes.set(target, stat?.inode);
  const text = await stateText(probe, target, stat);
  const linked = wanted.linkTo === undefined || (stat?.inode === inodes.get(wanted.linkTo));
  return { stat, text, linked, asWanted: linked && text === line({ f: 'file', d: 'directory', l: 'symlink' }[entry.type as 'f' | 'd' | 'l'], entry.mode, wanted.uid, wanted.gid, entry.sha256 ?? entry.target) };
}

export async function stateText(probe: Probe, path: string, stat: FileStat | undefined): Promise<string> {
  if (stat === undefined) return 'absent';
  return line(stat.type, stat.mode, stat.uid, stat.gid, stat.type === 'file' ? await probe.sha256(path) : stat.linkTarget);
}

const line = (type: string, mode: number, uid: number, gid: number, content: string | undefined): string =>
  [type, type === 'symlink' ? '' : octal(mode), `${String(uid)}:${String(gid)}`, content ?? ''].filter(Boolean).join(' ');

export const wantedText = ({ entry, uid, gid, linkTo }: Wanted): string =>
  line({ f: 'file', d: 'directory', l: 'symlink' }[entry.type as 'f' | 'd' | 'l'], entry.mode, uid, gid, entry.sha256 ?? entry.target) + (linkTo === undefined ? '' : `, one file with ${linkTo}`);

/** Whether the medium still holds what the manifest says; undefined when it does, else what is wrong. */
export async function damage(probe: Probe, backup: string, entry: ManifestEntry): Promise<Difference | undefined> {
  const path = backup + entry.path, stat = await probe.stat(path);
  const found = (text: string, wanted: string): Difference => ({ what: path, found: text, wanted });
  const type = { f: 'file', d: 'directory', l: 'symlink' }[entry.type as 'f' | 'd' | 'l'];
  if (stat?.type !== type) return found(stat?.type ?? 'missing', type);
  if (entry.type === 'l') return stat.linkTarget === entry.target ? undefined : found(`a link to ${stat.linkTarget ?? ''}`, `a link to ${entry.target ?? ''}`);
  if (entry.type !== 'f') return undefined;
  if (stat.sizeBytes !== entry.sizeBytes) return found(`${String(stat.sizeBytes)} bytes`, `${String(entry.sizeBytes)} bytes`);
  const sha256 = await probe.sha256(path);
  return sha256 === entry.sha256 ? undefined : found(`sha256 ${sha256}`, `sha256 ${entry.sha256 ?? ''}`);
}

/** Long lists in a report: the first ones and how many more. */
export function bounded(differences: Difference[], limit = 20): Difference[] {
  const more = differences.length - limit;
  return more <= 0 ? differences : [...differences.slice(0, limit), { what: `${String(more)} more`, found: 'not as wanted', wanted: 'as wanted' }];
}
