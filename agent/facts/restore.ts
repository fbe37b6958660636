import { createHash } from 'node:crypto';
import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import type { ManifestEntry } from '../parse/manifest.ts';
import { pathGlob } from '../parse/path-glob.ts';
import { isRestored, look, readManifest, type State, type Wanted } from './backup.ts';

export interface RestoreArgs { backup: string; host: string; paths: string[]; to?: string | undefined; protect: string[]; exclude: string[]; ownerMap: Record<string, string>; groupMap: Record<string, string>; optional: boolean; once: boolean; edited: boolean }
export interface RestoreView {
  wanted: Wanted[];
  /** By target path. */
  states: Map<string, State>;
  /** Wanted entries that are not as the manifest says, folders before what is in them. */
  differing: Wanted[];
  /** Files of the target's folders that the manifest does not know: left alone. */
  extra: string[];
  /** Sockets, fifos and devices of the backup: left out. */
  left: string[];
  /** One hash of all states, to compare two looks. */
  digest: string;
  /** With `once`: the file that says from which backup this folder was filled, and what it says or is to say. */
  receipt: { path: string; now: string | undefined; wanted: string };
}

/** Left in a folder that was filled once: its service owns it from then on. */
const RECEIPT = '.tandem-restored';

/** What a restore is about and how it stands. Throws StepError precondition_failed; reads only. */
export async function viewRestore(probe: Probe, args: RestoreArgs): Promise<RestoreView> {
  const manifest = await readManifest(probe, args.backup, args.host);
  const any = (globs: string[]) => { const tests = globs.map(pathGlob); return (path: string) => tests.some((test) => test(path)); };
  const asked = manifest.entries.filter(({ path }) => any(args.paths)(path));
  for (const path of args.optional ? [] : args.paths) {
    if (!asked.some((entry) => pathGlob(path)(entry.path))) throw new StepError('precondition_failed', `the backup of ${args.host} holds nothing at ${path}`);
  }
  const base = args.paths[0] ?? '', isProtected = any(args.protect), isExcluded = any(args.exclude);
  const targetOf = (path: string): string => (args.to === undefined ? path : args.to + path.slice(base.length));
  const taken = asked.filter((entry) => isRestored(entry) && !isExcluded(entry.path) && !isProtected(targetOf(entry.path)));
  const receipt = await readReceipt(probe, targetOf(base), args, manifest);
  if ((args.once || args.edited) && receipt.now === receipt.wanted) return { wanted: [], states: new Map(), differing: [], extra: [], left: [], digest: '', receipt };
  const wanted = await placed(probe, args, taken, targetOf);
  const states = new Map<string, State>(), inodes = new Map<string, number | undefined>(), hash = createHash('sha256');
  for (const one of wanted) {
    const state = await look(probe, one, inodes);
    states.set(one.target, state);
    hash.update(JSON.stringify([one.target, state.text]));
  }
  const known = new Set([receipt.path, ...asked.map(({ path }) => targetOf(path))]);
  return {
    wanted, states, differing: wanted.filter(({ target }) => states.get(target)?.asWanted !== true),
    extra: await extras(probe, wanted, states, known), left: asked.filter((entry) => !isRestored(entry)).map(({ path }) => path), digest: hash.digest('hex'), receipt,
  };
}

async function readReceipt(probe: Probe, folder: string, { host }: RestoreArgs, manifest: { sha256: string; captured: string }): Promise<RestoreView['receipt']> {
  const path = `${folder}/${RECEIPT}`;
  return { path, now: await probe.readFile(path), wanted: `${host}, captured ${manifest.captured}, manifest ${manifest.sha256}\n` };
}

/** Entries with their places and local ids; of several names of one file, the later ones link to the first. */
async function placed(probe: Probe, args: RestoreArgs, entries: ManifestEntry[], targetOf: (path: string) => string): Promise<Wanted[]> {
  const idOf = accounts(probe, args), leaders = new Map<string, string>(), wanted: Wanted[] = [];
  for (const entry of entries) {
    const target = targetOf(entry.path), linkTo = entry.linkGroup === undefined ? undefined : leaders.get(entry.linkGroup);
    if (entry.linkGroup !== undefined && linkTo === undefined) leaders.set(entry.linkGroup, target);
    wanted.push({ entry, source: args.backup + entry.path, target, linkTo, uid: await idOf('uid', entry.owner, entry.uid, entry.path), gid: await idOf('gid', entry.group, entry.gid, entry.path) });
  }
  return wanted;
}

/** Ids by NAME: neutron's and rabbitmq's numbers differ from host to host (procedure.md 2.3, trap 4). */
function accounts(probe: Probe, { ownerMap, groupMap }: RestoreArgs): (kind: 'uid' | 'gid', name: string | undefined, id: number, path: string) => Promise<number> {
  const known = new Map<string, number | undefined>();
  return async (kind, name, id, path) => {
    const key = name ?? `#${String(id)}`, map = kind === 'uid' ? ownerMap : groupMap, local = map[key] ?? name;
    const what = kind === 'uid' ? 'user' : 'group', option = kind === 'uid' ? 'ownerMap' : 'groupMap';
    if (local === undefined) throw new StepError('precondition_failed', `${path} belongs to ${what} ${String(id)}, which had no name on the source host: say in ${option} to whom "${key}" shall belong`);
    if (!known.has(kind + local)) known.set(kind + local, await probe[kind](local));
    return known.get(kind + local) ?? (() => { throw new StepError('precondition_failed', `${path} belongs to ${what} ${local}, which this host does not know: install its package first, or map it in ${option}`); })();
  };
}

async function extras(probe: Probe, wanted: Wanted[], states: Map<string, State>, known: Set<string>): Promise<string[]> {
  const found: string[] = [];
  for (const { entry, target } of wanted) {
    if (entry.type !== 'd' || states.get(target)?.stat?.type !== 'directory') continue;
    found.push(...(await probe.list(target)).map((name) => `${target}/${name}`).filter((path) => !known.has(path)));
  }
  return found;
}
