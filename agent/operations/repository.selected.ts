import leven from 'leven';
import * as z from 'zod';
import type { Difference, Json } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { readRepositories, REDHAT_REPO, type KnownRepository } from '../facts/repositories.ts';
import type { Host, Probe } from '../host/host.ts';
import { globToRegExp } from '../parse/glob.ts';
import { setRepoEnabled } from '../parse/repo-file.ts';
import { parseRepolist } from '../parse/yum.ts';
import { finding, operation } from './operation.ts';

const id = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/, 'expected a repository id');
const glob = z.string().regex(/^[A-Za-z0-9_*?[][A-Za-z0-9_.:*?[\]!-]*$/, 'expected a repository id or a glob');
const args = z.strictObject({
  enable: z.array(id).default([]).describe('Ids of repositories that must be enabled; each must exist.'),
  disable: z.array(glob).default([]).describe('Ids or globs (* ? [...]) of repositories that must not be enabled; one that matches nothing is satisfied.'),
}).refine((a) => a.enable.length + a.disable.length > 0, 'nothing to enable and nothing to disable')
  .refine((a) => !a.enable.some((one) => a.disable.some((pattern) => globToRegExp(pattern).test(one))), 'a repository to enable is matched by `disable`');
type Args = z.infer<typeof args>;

/**
 * Rows R1-R8. Globs are expanded here, since subscription-manager calls one that matches nothing an error. Ids in
 * redhat.repo are set by subscription-manager, which owns that file; ids in other .repo files (EPEL, RDO) in their file.
 */
export const repositorySelected = operation({
  name: 'repository.selected', summary: 'Package repositories are enabled or disabled.', args, timeoutS: 600, mayKill: true,
  describe: (a) => [a.enable.length > 0 ? `enable ${a.enable.join(', ')}` : '', a.disable.length > 0 ? `disable ${a.disable.join(', ')}` : ''].filter(Boolean).join('; '),
  async check(probe, a) {
    const all = await readRepositories(probe);
    const missing = a.enable.filter((one) => !all.some((known) => known.id === one));
    if (missing.length > 0) throw new StepError('precondition_failed', missing.map((one) => noSuch(one, all)).join('; '));
    const unmatched = a.disable.filter((pattern) => !all.some((known) => globToRegExp(pattern).test(known.id)));
    const reason = unmatched.length === 0 ? undefined : `no repository here is called ${unmatched.join(' or ')}`;
    const found = Object.fromEntries(concerned(all, a).map((one) => [one.id, one.enabled]));
    return finding(found, differences(a, all.filter((one) => one.enabled).map((one) => one.id)), reason);
  },
  async apply(host, a) {
    const wanted = concerned(await readRepositories(host), a).filter((one) => one.enabled !== a.enable.includes(one.id));
    await set(host, wanted.map((one) => ({ ...one, enabled: a.enable.includes(one.id) })));
  },
  /** Asks yum, which reads its configuration itself and loads each enabled repository. */
  async verify(probe, a) {
    const ran = await probe.read(['yum', '-q', 'repolist', 'enabled']);
    const enabled = parseRepolist(ran.stdout);
    return finding({ enabled }, differences(a, enabled));
  },
  async revert(host, _a, found: Json) {
    const before = found as Record<string, boolean>;
    const changed = (await readRepositories(host)).filter((one) => before[one.id] !== undefined && before[one.id] !== one.enabled);
    await set(host, changed.map((one) => ({ ...one, enabled: !one.enabled })));
  },
});

const concerned = (all: KnownRepository[], a: Args): KnownRepository[] =>
  all.filter((one) => a.enable.includes(one.id) || a.disable.some((pattern) => globToRegExp(pattern).test(one.id)));

function differences(a: Args, enabled: string[]): Difference[] {
  return [
    ...a.enable.filter((one) => !enabled.includes(one)).map((what) => ({ what, found: 'disabled', wanted: 'enabled' })),
    ...enabled.filter((one) => a.disable.some((pattern) => globToRegExp(pattern).test(one))).map((what) => ({ what, found: 'enabled', wanted: 'disabled' })),
  ];
}

function noSuch(one: string, all: KnownRepository[]): string {
  const [nearest] = all.map((known) => known.id).sort((a, b) => leven(one, a) - leven(one, b));
  return `there is no repository ${one} on this host${nearest === undefined ? ' (none at all: is it registered?)' : `; the nearest is ${nearest}`}`;
}

async function set(host: Host, wanted: KnownRepository[]): Promise<void> {
  const options = wanted.filter((one) => one.file === REDHAT_REPO).map((one) => `--${one.enabled ? 'enable' : 'disable'}=${one.id}`);
  if (options.length > 0) await host.act(['subscription-manager', 'repos', ...options]);
  for (const one of wanted.filter((other) => other.file !== REDHAT_REPO)) {
    await host.writeFile(one.file, setRepoEnabled(await text(host, one.file), one.id, one.enabled));
  }
}

const text = async (probe: Probe, path: string): Promise<string> => await probe.readFile(path) ?? '';
