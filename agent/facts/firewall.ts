import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { globToRegExp } from '../parse/glob.ts';
import { renamedInterfaces } from '../parse/iptables-rename.ts';
import { admits } from '../parse/iptables-verdict.ts';
import { parseRules, stripChains, type RuleSet } from '../parse/iptables-save.ts';

export type Family = 'v4' | 'v6';
/** Tools and the files that iptables-services 1.4.21 loads at a start. */
export const FAMILIES = {
  v4: { tool: 'iptables', file: '/etc/sysconfig/iptables' },
  v6: { tool: 'ip6tables', file: '/etc/sysconfig/ip6tables' },
} as const;

const stale = (globs: string[]): ((chain: string) => boolean) => { const tests = globs.map(globToRegExp); return (chain) => tests.some((test) => test.test(chain)); };

/** What the kernel has now, without the chains of services. One process. */
export async function liveRules(probe: Probe, family: Family, strip: string[]): Promise<RuleSet> {
  return stripChains(parseRules((await probe.read([`${FAMILIES[family].tool}-save`])).stdout), stale(strip));
}

/** Tables that exist in the kernel. A file, no process: reading it makes none exist. */
export async function loadedTables(probe: Probe, family: Family): Promise<string[]> {
  return (await probe.readFile(`/proc/net/${family === 'v4' ? 'ip' : 'ip6'}_tables_names`) ?? '').split('\n');
}

/** The rules of a saved file, interfaces by their names here, without stale chains, `first` before all others of filter's INPUT. Throws StepError precondition_failed. */
export async function buildRules(probe: Probe, path: string, strip: string[], first: string[], nameMap: Readonly<Record<string, string>>): Promise<RuleSet> {
  const text = await probe.readFile(path);
  if (text === undefined) throw new StepError('precondition_failed', `there is no ${path}`);
  try {
    const rules = stripChains(parseRules(renamedInterfaces(text, nameMap)), stale(strip));
    const filter = rules.tables.find(({ name }) => name === 'filter');
    if (filter === undefined) throw new Error('no table filter in it');
    filter.rules.unshift(...parseRules(`*filter\n${first.join('\n')}\nCOMMIT`).tables[0]?.rules ?? []);
    return rules;
  } catch (error) {
    throw new StepError('precondition_failed', `${path}: ${(error as Error).message}`);
  }
}

/** Whether firewalld is installed and would start again: asked of files, a masked unit is a link to /dev/null. */
export async function firewalldUnmasked(probe: Probe): Promise<boolean> {
  if (await probe.stat('/usr/lib/systemd/system/firewalld.service') === undefined) return false;
  return (await probe.stat('/etc/systemd/system/firewalld.service'))?.linkTarget !== '/dev/null';
}

/** Judged before anything is touched. An address of a family that is not replaced is judged by nobody: refused too. Throws StepError precondition_failed. */
export function mustLetIn(rules: Map<Family, RuleSet>, address: string, port: number): void {
  const family: Family = address.includes(':') ? 'v6' : 'v4', own = rules.get(family);
  if (own === undefined) throw new StepError('precondition_failed', `mustAllow names ${address}, but no ${family} rules are given`);
  const { allowed, because } = admits(own, { address, port });
  if (allowed) return;
  throw new StepError('precondition_failed', `these rules would not surely let in a new connection from ${address} to port ${String(port)}: it may be stopped by ${because}. `
    + `Put before it (firstRules does): -A INPUT -s ${address}/${family === 'v4' ? '32' : '128'} -p tcp -m state --state NEW -m tcp --dport ${String(port)} -j ACCEPT`);
}
