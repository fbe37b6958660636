import * as z from 'zod';
import type { Difference, Json } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { readAllPackages, readPackages } from '../facts/packages.ts';
import { readBroken, type BrokenTransaction } from '../facts/transactions.ts';
import type { Probe } from '../host/host.ts';
import { globToRegExp } from '../parse/glob.ts';
import { evr, parseRpmVerify, type RpmPackage } from '../parse/rpm.ts';
import { parseListInstalled } from '../parse/yum.ts';
import { finding, operation } from './operation.ts';
import { concerns, isNew, isOwn, nameOf, refuseForeign, settle } from './package-transaction.ts';

const args = z.strictObject({
  names: z.array(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/, 'expected a package name, not an option')).min(1).describe('Package names as rpm knows them.'),
  version: z.string().regex(/^[A-Za-z0-9_.*?+~-]+$/).optional().describe('Glob that the version (or version-release) of each must match, such as 2014.2.*.'),
  from: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/).optional().describe('Repository that what this step installs must come from; asked of yum afterwards.'),
});
type Args = z.infer<typeof args>;

/**
 * Rows C2, C10, C14 and every later install. With `version`, yum is asked for that version only, so that a wrong
 * channel installs nothing. yum ends with 0 when it knows only some of the names: proof is rpm's database, the files
 * on disk (rpm -V) and, with `from`, yum's record of the repository. Undone with `rpm -e` of exactly what the
 * transaction brought, which refuses where something later needs it; users, logs and .rpmsave files stay. A transaction
 * that was broken in the middle is undone or finished first where this step's yum began it; another's is refused.
 */
export const packageInstalled = operation({
  name: 'package.installed', summary: 'Packages are installed, in the wanted version.', args, timeoutS: 3600, mayKill: false,
  describe: (a) => `install ${a.names.join(', ')}${a.version === undefined ? '' : ` in version ${a.version}`}${a.from === undefined ? '' : ` from ${a.from}`}`,
  // To yum, `ntp-perl` is a package as well as the version `perl` of ntp, and a glob stands for names too: only a plain number is surely a version.
  touches: ({ names, version = '' }) => ({ packages: [...names, ...version === '' || /^\d+\./.test(version) ? [] : names.map((name) => `${name}-${version}`)] }),
  looksAt: (a) => ({ sight: 'packages', names: a.names }),
  async check(probe, a) {
    const packages = await readPackages(probe, a.names), wrong = differences(a, packages);
    const double = packages.some((one) => packages.some((other) => other !== one && other.name === one.name && other.arch === one.arch));
    const broken = await readBroken(probe, double || probe.begunBefore === true);
    if (broken === undefined) return finding(foundOf(a, packages), wrong);
    const own = isOwn(broken, a.names, words(a)), concerned = concerns(broken, a.names, packages);
    if (!own && (concerned || wrong.length > 0)) refuseForeign(broken, packages);
    if (!own) return finding(foundOf(a, packages), wrong, `a package transaction was broken on this host (${nameOf(broken)}); these packages were not in it`);
    return finding(foundOf(a, packages.filter((one) => !isNew(broken, one))), [...wrong, brokenOff(broken)]);
  },
  async apply(host, a) {
    const broken = await readBroken(host, true);
    if (broken !== undefined && !isOwn(broken, a.names, words(a))) refuseForeign(broken, await readAllPackages(host));
    if (broken !== undefined) await settle(host, broken);
    const packages = await readPackages(host, a.names);
    const missing = a.names.filter((name) => differences({ ...a, names: [name] }, packages).length > 0);
    const list = `${await host.stepFolder()}/packages-before`;
    if (await host.readFile(list) === undefined) await host.writeFile(list, (await readAllPackages(host)).filter((one) => !isNew(broken, one)).map((one) => `${one.name}\n`).join(''), { mode: 0o600 });
    if (missing.length > 0) await host.act(['yum', '-y', 'install', ...words({ ...a, names: missing })], { outlives: true });
  },
  async verify(probe, a) {
    const packages = await readPackages(probe, a.names);
    const broken = await readBroken(probe, true), mine = broken !== undefined && (isOwn(broken, a.names, words(a)) || concerns(broken, a.names, packages));
    const wrong = [...differences(a, packages), ...mine ? [brokenOff(broken)] : []];
    return finding(foundOf(a, packages), wrong.length > 0 ? wrong : [...await damaged(probe, a.names), ...await fromElsewhere(probe, a)]);
  },
  async revert(host, a, found: Json) {
    const before = found as Record<string, string[]>;
    const now = await readAllPackages(host);
    const replaced = a.names.filter((name) => (before[name] ?? []).length > 0 && now.some((one) => one.name === name && !(before[name] ?? []).includes(evr(one))));
    if (replaced.length > 0) throw new StepError('precondition_failed', `${replaced.join(', ')} replaced an older version; this step does not go back to it`);
    const kept = (await host.noted('packages-before'))[0]?.split('\n');
    const brought = now.filter((one) => a.names.includes(one.name) && (before[one.name] ?? []).length === 0);
    if (brought.length === 0) return; // begun, and nothing of it is there
    if (kept === undefined) throw new StepError('precondition_failed', 'this step kept no list of what was installed before it');
    const transactions = new Set(brought.map((one) => one.installTid));
    const remove = now.filter((one) => transactions.has(one.installTid) && !kept.includes(one.name)).map((one) => one.name);
    if (remove.length > 0) await host.act(['rpm', '-e', ...new Set(remove)]);
  },
});

/** What yum is asked for. */
const words = (a: Args): string[] => a.names.map((name) => (a.version === undefined ? name : `${name}-${a.version}`));

const brokenOff = (broken: BrokenTransaction): Difference => ({ what: `package transaction ${nameOf(broken)}`, found: 'broken in the middle', wanted: 'ended' });

const foundOf = (a: Args, packages: RpmPackage[]): Record<string, string[]> =>
  Object.fromEntries(a.names.map((name) => [name, packages.filter((one) => one.name === name).map(evr).sort()]));

function differences(a: Args, packages: RpmPackage[]): Difference[] {
  const pattern = globToRegExp(a.version ?? '*');
  return a.names.flatMap((what) => {
    const installed = packages.filter((one) => one.name === what);
    if (installed.some((one) => pattern.test(one.version) || pattern.test(`${one.version}-${one.release}`))) return [];
    return [{ what, found: installed.map(evr).join(', ') || 'not installed', wanted: a.version ?? 'installed' }];
  });
}

async function damaged(probe: Probe, names: string[]): Promise<Difference[]> {
  const ran = await probe.read(['rpm', '-V', '--nodeps', '--noscripts', ...names], { okCodes: Array.from({ length: 256 }, (_, code) => code) });
  return parseRpmVerify(ran.stdout).map((one) => ({ what: one.path, found: one.what, wanted: 'as packaged' }));
}

async function fromElsewhere(probe: Probe, a: Args): Promise<Difference[]> {
  if (a.from === undefined) return [];
  const origins = parseListInstalled((await probe.read(['yum', '-q', 'list', 'installed', ...a.names])).stdout);
  return a.names.filter((name) => origins.get(name) !== a.from).map((name) => ({ what: `repository of ${name}`, found: origins.get(name) ?? 'unknown', wanted: a.from ?? '' }));
}
