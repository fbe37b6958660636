import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference, Json } from '../../proto/events.ts';
import { buildRules, FAMILIES, firewalldUnmasked, liveRules, loadedTables, mustLetIn, type Family } from '../facts/firewall.ts';
import { isRunning, readUnits } from '../facts/units.ts';
import type { Probe } from '../host/host.ts';
import { canonical, differs } from '../parse/iptables-rule.ts';
import { parseRules, render, type RuleSet } from '../parse/iptables-save.ts';
import { absolutePath } from './fields.ts';
import { keepLive, keptPath, keptText, loadRules, stateOf } from './firewall-kept.ts';
import { interfaceName } from './ifcfg-files.ts';
import { finding, operation } from './operation.ts';

const ruleLine = z.string().regex(/^-A INPUT [ -~]+$/, 'expected a rule of the table filter, beginning with -A INPUT');
const args = z.strictObject({
  v4: absolutePath.optional().describe('Saved IPv4 rules, as iptables-save writes them'),
  v6: absolutePath.optional().describe('Saved IPv6 rules'),
  stripChains: z.array(z.string().regex(/^[A-Za-z0-9_*?.-]+$/)).default([]).describe('Globs of chains that services make anew: they, and jumps to them, are left out, and not looked at in the kernel'),
  nameMap: z.record(interfaceName, interfaceName).default({}).describe('Interfaces in the file that have another name here: old to new'),
  firstRules: z.strictObject({ v4: z.array(ruleLine).default([]), v6: z.array(ruleLine).default([]) }).default({ v4: [], v6: [] }).describe('Rules put before all others of INPUT in the table filter'),
  mustAllow: z.array(z.strictObject({ address: z.union([z.ipv4(), z.ipv6()]), port: z.int().min(1).max(65535) })).default([]).describe('New TCP connections that the rules must let in, from an address to a port of this host'),
  confirmWithinS: z.int().min(5).max(3600).optional().describe('Seconds after which the agent goes back by itself, unless the coordinator has confirmed over a new connection that it still gets in'),
}).refine(({ v4, v6 }) => v4 !== undefined || v6 !== undefined, { message: 'v4 or v6 is needed', path: ['v4'] });
type Args = z.infer<typeof args>;

/**
 * The firewall in the kernel and in /etc/sysconfig is that of a saved file (rows C9, C11-C13). What must get in is
 * proven on the rules, and iptables-restore --test is run, before anything is touched; firewalld must be masked. Rules of
 * other programs in the kernel are replaced, except stripChains. With confirmWithinS it is commit-confirmed
 * (docs/decisions/0009): the file that the next start reads is written after the confirmation, so that a host that dies
 * in between comes back with its old rules. Errors: precondition_failed for rules that would shut somebody out, do not
 * parse or are missing, and where firewalld would replace them; not_confirmed.
 */
export const firewallReplaced = operation({
  name: 'firewall.replaced',
  summary: 'The firewall, in the kernel and at the next start, is that of a saved rules file',
  args, timeoutS: 120, mayKill: true,
  describe: ({ v4, v6, mustAllow, confirmWithinS }) => [
    `Replace the firewall by ${[v4, v6].filter(Boolean).join(' and ')}`,
    mustAllow.length === 0 ? '' : `, if it lets in ${mustAllow.map(({ address, port }) => `${address} to port ${String(port)}`).join(', ')}`,
    confirmWithinS === undefined ? '' : `; undone after ${String(confirmWithinS)} s unless confirmed`,
  ].join(''),
  touches: ({ v4, v6 }) => ({ paths: [v4, v6].filter((path) => path !== undefined) }),
  async check(probe, wanted) {
    const seen = await look(probe, wanted);
    if (!seen.satisfied) for (const family of families(wanted)) await testRules(probe, wanted, family, await loadedTables(probe, family));
    return seen;
  },
  confirmed: {
    withinS: ({ confirmWithinS }) => confirmWithinS,
    async prepare(host, wanted) {
      const firewalld = (await readUnits(host, ['firewalld'])).get('firewalld.service');
      if (firewalld !== undefined && (isRunning(firewalld) || await firewalldUnmasked(host))) {
        throw new StepError('precondition_failed', `firewalld is ${isRunning(firewalld) ? 'running' : 'not masked'}: it would replace these rules. First: service.masked with units [firewalld]`);
      }
      for (const family of families(wanted)) await testRules(host, wanted, family);
      for (const family of families(wanted)) {
        await keepLive(host, family);
        await host.save(FAMILIES[family].file);
        await host.writeFile(await keptPath(host, family, 'wanted'), await fileText(host, wanted, family), { mode: 0o600 });
      }
    },
    async works(host, wanted) {
      const differences: Difference[] = [];
      for (const family of families(wanted)) differences.push(...differs(`${FAMILIES[family].tool} in the kernel`, canonical(await liveRules(host, family, wanted.stripChains)), canonical(parseRules(await keptText(host, family, 'wanted')))));
      return finding({}, differences);
    },
    async state(probe, wanted) {
      const found: Record<string, Json> = {};
      for (const family of families(wanted)) found[family] = await stateOf(probe, family, canonical(await liveRules(probe, family, wanted.stripChains)));
      return found;
    },
    async lasting(host, wanted) {
      const wrong: Difference[] = [];
      for (const family of families(wanted)) if (await host.readFile(FAMILIES[family].file) !== await keptText(host, family, 'wanted')) wrong.push({ what: FAMILIES[family].file, found: 'other rules', wanted: `the rules of ${wanted[family] ?? ''}` });
      return wrong;
    },
    async keep(host, wanted) {
      for (const family of families(wanted)) await host.writeFile(FAMILIES[family].file, await keptText(host, family, 'wanted'), { mode: 0o600, uid: 0, gid: 0 });
    },
  },
  async apply(host, wanted) {
    for (const family of families(wanted)) await loadRules(host, family, await keptText(host, family, 'wanted'));
  },
  verify: look,
  async revert(host, wanted) {
    const kept = new Map<Family, string>();
    for (const family of families(wanted)) kept.set(family, await keptText(host, family, 'before'));
    for (const [family, text] of kept) {
      await loadRules(host, family, text);
      await host.restore(FAMILIES[family].file);
    }
  },
});

const families = (wanted: Args): Family[] => (['v4', 'v6'] as const).filter((family) => wanted[family] !== undefined);
const fileText = async (probe: Probe, wanted: Args, family: Family): Promise<string> => render(await rulesOf(probe, wanted, family), `from ${wanted[family] ?? ''}`);
const rulesOf = (probe: Probe, wanted: Args, family: Family): Promise<RuleSet> => buildRules(probe, wanted[family] ?? '', wanted.stripChains, wanted.firstRules[family], wanted.nameMap);
/** iptables-restore --test makes the tables it is given exist, and with nat begins to track connections: `check` keeps to the tables that do. */
async function testRules(probe: Probe, wanted: Args, family: Family, loaded?: string[]): Promise<void> {
  const tables = (await rulesOf(probe, wanted, family)).tables.map(({ name }) => name);
  if (loaded !== undefined && !tables.every((name) => loaded.includes(name))) return;
  await probe.read([`${FAMILIES[family].tool}-restore`, '--test'], { stdin: await fileText(probe, wanted, family) });
}

/** The rules that run, those of the next start, and whether firewalld would undo them. */
async function look(probe: Probe, wanted: Args): Promise<ReturnType<typeof finding>> {
  const found: Record<string, Json> = {}, differences: Difference[] = [];
  const rules = new Map<Family, RuleSet>();
  for (const family of families(wanted)) rules.set(family, await rulesOf(probe, wanted, family));
  for (const { address, port } of wanted.mustAllow) mustLetIn(rules, address, port);
  for (const [family, want] of rules) {
    const { tool, file } = FAMILIES[family], live = canonical(await liveRules(probe, family, wanted.stripChains));
    differences.push(...differs(`${tool} in the kernel`, live, canonical(want)));
    const text = await probe.readFile(file);
    if (text !== render(want, `from ${wanted[family] ?? ''}`)) differences.push({ what: file, found: text === undefined ? 'missing' : 'other rules', wanted: `the rules of ${wanted[family] ?? ''}` });
    found[family] = await stateOf(probe, family, live);
  }
  if (await firewalldUnmasked(probe)) differences.push({ what: 'firewalld', found: 'not masked', wanted: 'masked: it would replace these rules at the next start' });
  return finding(found, differences);
}
