import { createHash } from 'node:crypto';
import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { bounded } from '../facts/backup.ts';
import { walkTree } from '../facts/tree.ts';
import type { FileStat, Host, Ownership, Probe } from '../host/host.ts';
import { absolutePath, accountName } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  path: absolutePath.describe('File or folder'),
  user: accountName.optional().describe('Owner, by name'),
  group: accountName.optional().describe('Group, by name'),
  recurse: z.boolean().default(false).describe('All below the folder too; links are not followed, other file systems not entered'),
  match: z.strictObject({ groupNot: accountName.describe('Only what does not belong to this group') }).optional().describe('Which entries are meant; all when left out'),
}).refine(({ user, group }) => user !== undefined || group !== undefined, { message: 'user or group is needed', path: ['user'] });
type Args = z.infer<typeof args>;

/** Files belong to accounts by name (rows C20, C46). Errors: precondition_failed for an unknown account or no such path. */
export const fileOwned = operation({
  name: 'file.owned',
  summary: 'A file, or a folder with all in it, belongs to a user and a group',
  args, timeoutS: 3600, mayKill: true,
  describe: ({ path, user, group, recurse, match }) => `Give ${path}${recurse ? ' and all in it' : ''} to ${[user, group].map((name) => name ?? '').join(':')}${match === undefined ? '' : `, except what is of group ${match.groupNot}`}`,
  touches: ({ path }) => ({ paths: [path] }),
  async check(probe, wanted) {
    const { mismatches, entries } = await view(probe, wanted);
    const state = createHash('sha256').update(JSON.stringify(mismatches.map(({ path, stat }) => [path, stat.uid, stat.gid]))).digest('hex');
    const named = async ({ uid, gid }: FileStat): Promise<string> => `${await probe.userName(uid) ?? String(uid)}:${await probe.groupName(gid) ?? String(gid)}`;
    const differences = await Promise.all(mismatches.slice(0, 20).map(async ({ path, stat }) => ({ what: `owner of ${path}`, found: await named(stat), wanted: `${wanted.user ?? 'any'}:${wanted.group ?? 'any'}` })));
    const rest = mismatches.slice(20).map(({ path }) => ({ what: path, found: '', wanted: '' }));
    return finding({ entries, mismatches: mismatches.length, state }, bounded([...differences, ...rest]));
  },
  async apply(host, wanted) {
    const { mismatches, uid, gid } = await view(host, wanted);
    const record = await readRecord(host);
    for (const { path, stat } of mismatches) record[path] ??= { mode: stat.mode, uid: stat.uid, gid: stat.gid };
    await host.writeFile(await recordPath(host), JSON.stringify(record), { mode: 0o600 });
    for (const { path, stat } of mismatches) await host.setOwnership(path, keepMode(stat, { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) }));
  },
  async revert(host) {
    for (const [path, was] of Object.entries(await readRecord(host))) {
      const now = await host.stat(path);
      if (now !== undefined) await host.setOwnership(path, now.type === 'symlink' ? { uid: was.uid, gid: was.gid } : was);
    }
  },
});

type Was = { mode: number; uid: number; gid: number };
const recordPath = async (host: Host): Promise<string> => `${await host.stepFolder()}/owners.json`;
const readRecord = async (host: Host): Promise<Record<string, Was>> => JSON.parse(await host.readFile(await recordPath(host)) ?? '{}') as Record<string, Was>;
/** A change of owner drops set-id bits: they are set again. */
const keepMode = (stat: FileStat, owner: Ownership): Ownership => (stat.type !== 'symlink' && (stat.mode & 0o6000) !== 0 ? { ...owner, mode: stat.mode } : owner);

async function view(probe: Probe, { path, user, group, recurse, match }: Args): Promise<{ mismatches: { path: string; stat: FileStat }[]; entries: number; uid: number | undefined; gid: number | undefined }> {
  const id = async (kind: 'uid' | 'gid', name: string | undefined): Promise<number | undefined> => {
    const found = name === undefined ? undefined : await probe[kind](name);
    if (name !== undefined && found === undefined) throw new StepError('precondition_failed', `this host knows no ${kind === 'uid' ? 'user' : 'group'} ${name}: install its package first`);
    return found;
  };
  const uid = await id('uid', user), gid = await id('gid', group), except = await id('gid', match?.groupNot);
  const mismatches: { path: string; stat: FileStat }[] = [];
  let entries = 0;
  for await (const here of walkTree(probe, path)) {
    if (!recurse && here.path !== path) break;
    entries++;
    if (except !== undefined && here.stat.gid === except) continue;
    if ((uid !== undefined && here.stat.uid !== uid) || (gid !== undefined && here.stat.gid !== gid)) mismatches.push(here);
  }
  if (entries === 0) throw new StepError('precondition_failed', `there is nothing at ${path}`);
  return { mismatches, entries, uid, gid };
}
