import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { localContexts, withoutSelinux } from '../facts/selinux.ts';
import type { Probe } from '../host/host.ts';
import { splitContext } from '../parse/file-contexts.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  spec: z.string().regex(/^\/[!-~]+$/, 'expected a path or an expression that begins with /, without blanks').describe('Path, or expression for paths: /srv/mysql(/.*)?'),
  type: z.string().regex(/^(?:[a-z][a-z0-9_]*|<<none>>)$/, 'expected an SELinux type').describe('Type that files there get: mysqld_db_t'),
  fileType: z.enum(['a', 'f', 'd', 'c', 'b', 's', 'l', 'p']).default('a').describe('Only files of this type, as ls shows it (f: regular); a: all.'),
  example: absolutePath.optional().describe('A path that must get the type by this rule; libselinux is asked, as another rule may win.'),
});
type Args = z.infer<typeof args>;
/** The whole context of a rule of that spec and file type, null for none. */
type Found = { rule: string | null } | { selinux: 'none' };

/**
 * A local rule says which label files get; the labels themselves are `selinux.relabeled`'s. Read from
 * file_contexts.local, which restorecon reads: at one place in RHEL 7.0 and later. Only the type is ours: user and range
 * of a new rule are semanage's defaults. Errors: command_failed for a type that the policy lacks.
 */
export const selinuxFcontext = operation({
  name: 'selinux.fcontext', summary: 'A local rule gives files below a path their SELinux type.', args, timeoutS: 600, mayKill: false,
  describe: (a) => `files at ${a.spec} get the SELinux type ${a.type}`,
  touches: ({ spec, example }) => ({ paths: [specFolder(spec), example].filter((path) => path !== undefined) }),
  async check(probe, a) {
    const none = await withoutSelinux(probe);
    if (none !== undefined) return finding({ selinux: 'none' }, [], none);
    const rule = await readRule(probe, a);
    const differences: Difference[] = [], found = rule === undefined ? 'no local rule' : splitContext(rule).type;
    if (found !== a.type) differences.push({ what: `rule for ${a.spec}`, found, wanted: a.type });
    else if (a.example !== undefined) {
      const won = splitContext((await probe.read(['matchpathcon', '-n', a.example])).stdout.trim()).type;
      if (won !== a.type) differences.push({ what: `type for ${a.example}`, found: won, wanted: a.type });
    }
    return finding({ rule: rule ?? null }, differences);
  },
  async apply(host, a) {
    const rule = await readRule(host, a);
    if (rule !== undefined && splitContext(rule).type === a.type) throw new StepError('precondition_failed', `the rule for ${a.spec} stands, and another one wins for ${a.example ?? a.spec}: see semanage fcontext -l -C`);
    await host.act(['semanage', 'fcontext', rule === undefined ? '-a' : '-m', '-t', a.type, '-f', a.fileType, a.spec], { outlives: true });
  },
  async revert(host, a, found) {
    const was = found as Found;
    if ('selinux' in was || (await readRule(host, a) ?? null) === was.rule) return;
    if (was.rule === null) { await host.act(['semanage', 'fcontext', '-d', '-f', a.fileType, a.spec], { outlives: true }); return; }
    const { user, type, range } = splitContext(was.rule);
    await host.act(['semanage', 'fcontext', '-m', '-t', type, ...(range === '' ? [] : ['-s', user, '-r', range]), '-f', a.fileType, a.spec], { outlives: true });
  },
});

/** A folder that holds all that an expression can match: the root where that is not plain. */
export function specFolder(spec: string): string {
  const base = spec.replace(/\(\/\.\*\)\?$/, '');
  if (/^(?:[A-Za-z0-9_/-]|\\\.)+$/.test(base)) return base.replaceAll('\\.', '.');
  if (spec.includes('|')) return '/';
  const meta = spec.search(/[^A-Za-z0-9_/-]/), sure = spec.slice(0, /[*+?{]/.test(spec.charAt(meta)) ? meta - 1 : meta);
  return sure.slice(0, Math.max(1, sure.lastIndexOf('/')));
}

async function readRule(probe: Probe, a: Args): Promise<string | undefined> {
  return (await localContexts(probe)).findLast((each) => each.spec === a.spec && each.fileType === a.fileType)?.context;
}
