import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { bounded } from '../facts/backup.ts';
import { unlabeledMounts, withoutSelinux } from '../facts/selinux.ts';
import type { Host, Probe } from '../host/host.ts';
import { parseRestorecon } from '../parse/selinux.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

/**
 * Paths carry the labels that the policy gives them (rows C21, C41; trap 5: copies lose labels). As `fixfiles restore DIR`:
 * types only, a type that an administrator may set (customizable_types) stays. File systems mounted below are relabelled
 * too, but for those whose files carry no labels (NFS, context= mounts): `leftOut` and the reason name them. On a host
 * without SELinux: satisfied, with that reason. Errors: precondition_failed when a path is missing or a link.
 */
export const selinuxRelabeled = operation({
  name: 'selinux.relabeled',
  summary: 'Paths carry the SELinux labels that the policy gives them',
  args: z.strictObject({
    paths: z.array(absolutePath).min(1).describe('Files or folders; folders with all in them'),
    optional: z.boolean().default(false).describe('A path that is not there is no error'),
  }),
  timeoutS: 3600, mayKill: true,
  describe: ({ paths }) => `Give ${paths.join(', ')} the SELinux labels of the policy`,
  touches: ({ paths }) => ({ paths }),
  async check(probe, { paths: asked, optional }) {
    const none = await withoutSelinux(probe);
    if (none !== undefined) return finding({ selinux: 'none' }, [], none);
    const paths = optional ? await present(probe, asked) : asked;
    if (paths.length === 0) return finding({ wrong: 0, labels: {} }, [], `none of ${asked.join(', ')} is there`);
    for (const path of paths) {
      const stat = await probe.stat(path);
      if (stat === undefined) throw new StepError('precondition_failed', `there is nothing at ${path}`);
      if (stat.type === 'symlink') throw new StepError('precondition_failed', `${path} is a link to ${stat.linkTarget ?? ''}, and only the link would be relabelled: name where it leads to`);
    }
    const leftOut = (await unlabeledMounts(probe, paths)).map((each) => `${each.at} (${each.type} of ${each.source})`);
    const ran = await probe.read(['restorecon', '-n', '-v', '-R', ...paths]);
    const wrong = parseRestorecon(ran.stdout);
    return finding(
      { wrong: wrong.length, ...(leftOut.length === 0 ? {} : { leftOut }), labels: Object.fromEntries(wrong.slice(0, KEPT).map(({ path, from }) => [path, from])) },
      bounded(wrong.map(({ path, from, to }) => ({ what: `label of ${path}`, found: from, wanted: to }))),
      leftOut.length === 0 ? undefined : `left out, as files there carry no labels of their own: ${leftOut.join(', ')}`,
    );
  },
  async apply(host, { paths, optional }) { await host.act(['restorecon', '-R', ...optional ? await present(host, paths) : paths]); },
  async revert(host, _args, found) {
    const { wrong, labels } = found as { wrong?: number; labels?: Record<string, string> };
    if ((wrong ?? 0) > KEPT) throw new StepError('precondition_failed', `${String(wrong)} labels were changed, only ${String(KEPT)} are kept: relabel by hand where the old ones are wanted`);
    for (const [context, paths] of byContext(labels ?? {})) await chcon(host, context, paths);
  },
});

async function present(probe: Probe, paths: readonly string[]): Promise<string[]> {
  const there: string[] = [];
  for (const path of paths) if (await probe.stat(path) !== undefined) there.push(path);
  return there;
}

/** So many former labels are put on record. */
const KEPT = 2000;

function byContext(labels: Record<string, string>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [path, context] of Object.entries(labels)) groups.set(context, [...groups.get(context) ?? [], path]);
  return groups;
}

async function chcon(host: Host, context: string, paths: string[]): Promise<void> {
  for (let at = 0; at < paths.length; at += 200) await host.act(['chcon', '-h', context, ...paths.slice(at, at + 200)]);
}
