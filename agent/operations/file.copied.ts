import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference, Json } from '../../proto/events.ts';
import { octal } from '../facts/tree.ts';
import { savedName, type Ownership, type Probe } from '../host/host.ts';
import { absolutePath, accountName, octalMode } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  from: absolutePath.describe('File to copy'),
  to: absolutePath.describe('Where to'),
  mode: octalMode.optional().describe('Mode of the copy; as the source when left out'),
  owner: accountName.default('root').describe('Owner of the copy, by name'),
  group: accountName.default('root').describe('Group of the copy, by name'),
  optional: z.boolean().default(false).describe('No source, nothing to do'),
  consumer: absolutePath.optional().describe('The path that the program reads; `to` must be it'),
}).refine(({ to, consumer }) => consumer === undefined || consumer === to, {
  path: ['to'], error: ({ input }) => { const { to, consumer } = input as { to: string; consumer: string }; return `the copy would go to ${to}, but what reads it reads ${consumer}: it would succeed and do nothing`; },
});
type Args = z.infer<typeof args>;

/**
 * A copy of one file, swapped in at once (rows C12, C19, C28b). Names the path that its consumer reads, since a copy to
 * a path nobody reads exits 0 (erratum E6). Errors: precondition_failed when the source or the target's folder is missing.
 */
export const fileCopied = operation({
  name: 'file.copied',
  summary: 'A file is a copy of another, with a given mode and owner',
  args, timeoutS: 600, mayKill: true,
  describe: ({ from, to, mode, owner, group, optional }) => `Copy ${from} to ${to} (${mode ?? 'same mode'}, ${owner}:${group})${optional ? ' if it exists' : ''}`,
  touches: ({ from, to }) => ({ paths: [from, to] }),
  async check(probe, wanted) {
    const source = await probe.stat(wanted.from), now = await readCopy(probe, wanted.to);
    if (source === undefined && wanted.optional) return finding(now, [], `there is no ${wanted.from}`);
    if (source?.type !== 'file') throw new StepError('precondition_failed', `${wanted.from} is ${source === undefined ? 'missing' : `a ${source.type}, not a file`}`);
    const folder = wanted.to.slice(0, Math.max(1, wanted.to.lastIndexOf('/')));
    if ((await probe.stat(folder))?.type !== 'directory') throw new StepError('precondition_failed', `${folder} is no folder on this host: is the package of ${wanted.to} installed?`);
    if (now?.type === 'directory') throw new StepError('precondition_failed', `${wanted.to} is a folder`);
    const { uid, gid } = await ids(probe, wanted);
    const want: Record<string, string> = { type: 'file', sha256: await probe.sha256(wanted.from), owner: `${String(uid)}:${String(gid)}`, ...(wanted.mode === undefined ? {} : { mode: octal(parseInt(wanted.mode, 8)) }) };
    const differences: Difference[] = now === null ? [{ what: wanted.to, found: 'missing', wanted: `a copy of ${wanted.from}` }]
      : Object.entries(want).filter(([key, value]) => now[key] !== value).map(([key, value]) => ({ what: `${key} of ${wanted.to}`, found: now[key] ?? '', wanted: value }));
    return finding(now, differences);
  },
  async apply(host, wanted) {
    const staged = `${wanted.to.slice(0, wanted.to.lastIndexOf('/'))}/.tandem-${savedName(wanted.to).slice(0, 12)}`;
    const ownership: Ownership = { ...await ids(host, wanted), ...(wanted.mode === undefined ? {} : { mode: parseInt(wanted.mode, 8) }) };
    await host.save(wanted.to);
    await host.remove(staged);
    await host.copy(wanted.from, staged, ownership);
    await host.move(staged, wanted.to);
  },
  async revert(host, wanted) { await host.restore(wanted.to); },
});

/** What is at the path that the consumer reads; null for nothing. */
async function readCopy(probe: Probe, path: string): Promise<Record<string, string> | null> {
  const stat = await probe.stat(path);
  if (stat === undefined) return null;
  const content: Record<string, string> = stat.type === 'file' ? { sha256: await probe.sha256(path), mode: octal(stat.mode) } : {};
  return { type: stat.type, owner: `${String(stat.uid)}:${String(stat.gid)}`, ...content } satisfies Json;
}

async function ids(probe: Probe, { owner, group }: Args): Promise<{ uid: number; gid: number }> {
  const uid = await probe.uid(owner), gid = await probe.gid(group);
  if (uid === undefined || gid === undefined) throw new StepError('precondition_failed', `this host knows no ${uid === undefined ? `user ${owner}` : `group ${group}`}`);
  return { uid, gid };
}
