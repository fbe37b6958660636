import { createHash } from 'node:crypto';
import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference, Json } from '../../proto/events.ts';
import { buildRules, FAMILIES, liveRules, loadedTables, type Family } from '../facts/firewall.ts';
import type { Host, Probe } from '../host/host.ts';
import { canonical } from '../parse/iptables-rule.ts';
import { parseRules, render, type RuleSet } from '../parse/iptables-save.ts';
import { admits } from '../parse/iptables-verdict.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

const ruleLine = z.string().regex(/^-A INPUT [ -~]+$/, 'expected a rule of the table filter, beginning with -A INPUT');
const args = z.strictObject({
  v4: absolutePath.optional().describe('Saved IPv4 rules, as iptables-save writes them'),
  v6: absolutePath.optional().describe('Saved IPv6 rules'),
  stripChains: z.array(z.string().regex(/^[A-Za-z0-9_*?.-]+$/)).default([]).describe('Globs of chains that services make anew: they, and jumps to them, are left out, and not looked at in the kernel'),
  firstRules: z.strictObject({ v4: z.array(ruleLine).default([]), v6: z.array(ruleLine).default([]) }).default({ v4: [], v6: [] }).describe('Rules put before all others of INPUT in the table filter'),
  mustAllow: z.array(z.strictObject({ address: z.union([z.ipv4(), z.ipv6()]), port: z.int().min(1).max(65535) })).default([]).describe('New TCP connections that the rules must let in, from an address to a port of this host'),
  confirmWithinS: z.int().min(1).optional().describe('Seconds after which the agent goes back by itself unless the coordinator confirms. Accepted and not yet acted on'),
}).refine(({ v4, v6 }) => v4 !== undefined || v6 !== undefined, { message: 'v4 or v6 is needed', path: ['v4'] });
type Args = z.infer<typeof args>;

/**
 * The firewall in the kernel and in /etc/sysconfig is that of a saved file (rows C9, C11-C13). What must get in is
 * proven on the rules, and iptables-restore --test is run, before anything is touched. Rules of other programs in the
 * kernel are replaced, except stripChains. No self-revert yet: confirmWithinS is accepted and has no effect.
 * Errors: precondition_failed for rules that would shut somebody out, do not parse, or are missing.
 */
export const firewallReplaced = operation({
  name: 'firewall.replaced',
  summary: 'The firewall, in the kernel and at the next start, is that of a saved rules file',
  args, timeoutS: 120, mayKill: true,
  describe: ({ v4, v6, mustAllow }) => `Replace the firewall by ${[v4, v6].filter(Boolean).join(' and ')}${mustAllow.length === 0 ? '' : `, if it lets in ${mustAllow.map(({ address, port }) => `${address} to port ${String(port)}`).join(', ')}`}`,
  async check(probe, wanted) {
    const finding = await look(probe, wanted);
    if (!finding.satisfied) for (const family of families(wanted)) await testRules(probe, wanted, family, await loadedTables(probe, family));
    return finding;
  },
  async apply(host, wanted) {
    for (const family of families(wanted)) await testRules(host, wanted, family);
    for (const family of families(wanted)) {
      const { tool, file } = FAMILIES[family], text = await fileText(host, wanted, family), live = await liveText(host, family);
      await keepLive(host, family, live);
      await host.save(file);
      await host.act([`${tool}-restore`], { stdin: text + emptied(parseRules(text), parseRules(live)) });
      await host.writeFile(file, text, { mode: 0o600, uid: 0, gid: 0 });
    }
  },
  verify: look,
  async revert(host, wanted) {
    for (const family of families(wanted)) {
      const text = await host.readFile(await keptPath(host, family));
      if (text === undefined) throw new StepError('precondition_failed', 'the rules that were loaded before are not on record');
      const before = parseRules(text), now = parseRules(await liveText(host, family));
      await host.act([`${FAMILIES[family].tool}-restore`], { stdin: text + emptied(before, now) });
      await host.restore(FAMILIES[family].file);
    }
  },
});

const families = (wanted: Args): Family[] => (['v4', 'v6'] as const).filter((family) => wanted[family] !== undefined);
const liveText = async (probe: Probe, family: Family): Promise<string> => (await probe.read([`${FAMILIES[family].tool}-save`])).stdout;
const keptPath = async (host: Host, family: Family): Promise<string> => `${await host.stepFolder()}/${FAMILIES[family].tool}.before`;
const fileText = async (probe: Probe, wanted: Args, family: Family): Promise<string> => render(await rulesOf(probe, wanted, family), `from ${wanted[family] ?? ''}`);
const rulesOf = (probe: Probe, wanted: Args, family: Family): Promise<RuleSet> => buildRules(probe, wanted[family] ?? '', wanted.stripChains, wanted.firstRules[family]);

/** iptables-restore --test makes the tables it is given exist, and with nat begins to track connections: `check` keeps to the tables that do. */
async function testRules(probe: Probe, wanted: Args, family: Family, loaded?: string[]): Promise<void> {
  const tables = (await rulesOf(probe, wanted, family)).tables.map(({ name }) => name);
  if (loaded !== undefined && !tables.every((name) => loaded.includes(name))) return;
  await probe.read([`${FAMILIES[family].tool}-restore`, '--test'], { stdin: await fileText(probe, wanted, family) });
}

async function look(probe: Probe, wanted: Args): Promise<ReturnType<typeof finding>> {
  const found: Record<string, Json> = {}, differences: Difference[] = [];
  const rules = new Map<Family, RuleSet>();
  for (const family of families(wanted)) rules.set(family, await rulesOf(probe, wanted, family));
  for (const { address, port } of wanted.mustAllow) letsIn(rules, address, port);
  for (const [family, want] of rules) {
    const { tool, file } = FAMILIES[family], live = await liveRules(probe, family, wanted.stripChains);
    const text = await probe.readFile(file), stat = await probe.stat(file);
    differences.push(...compare(`${tool} in the kernel`, canonical(live), canonical(want)));
    if (text !== render(want, `from ${wanted[family] ?? ''}`)) differences.push({ what: file, found: text === undefined ? 'missing' : 'other rules', wanted: `the rules of ${wanted[family] ?? ''}` });
    found[family] = { live: hash(canonical(live)), file: text === undefined ? null : hash(text), mode: stat?.mode ?? null };
  }
  return finding(found, differences);
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Judged before anything is touched. An address of a family that is not replaced is judged by nobody: refused too. */
function letsIn(rules: Map<Family, RuleSet>, address: string, port: number): void {
  const family: Family = address.includes(':') ? 'v6' : 'v4', own = rules.get(family);
  if (own === undefined) throw new StepError('precondition_failed', `mustAllow names ${address}, but no ${family} rules are given`);
  const { allowed, because } = admits(own, { address, port });
  if (allowed) return;
  throw new StepError('precondition_failed', `these rules would not surely let in a new connection from ${address} to port ${String(port)}: it may be stopped by ${because}. `
    + `Put before it (firstRules does): -A INPUT -s ${address}/${family === 'v4' ? '32' : '128'} -p tcp -m state --state NEW -m tcp --dport ${String(port)} -j ACCEPT`);
}

/** The first rules that are on one side only, in words. */
function compare(what: string, found: string, wanted: string): Difference[] {
  if (found === wanted) return [];
  const [there = [], want = []] = [found, wanted].map((text) => text.split('\n').filter(Boolean));
  const extra = there.filter((line) => !want.includes(line)), missing = want.filter((line) => !there.includes(line));
  const say = (lines: string[]): string => (lines.length === 0 ? 'no such rule' : lines.slice(0, 3).join(' | ') + (lines.length > 3 ? ` and ${String(lines.length - 3)} more` : ''));
  return [{ what, found: extra.length + missing.length === 0 ? 'the same rules in another order' : say(extra), wanted: say(missing) }];
}

/** A second call keeps the first copy: after an interruption the rules loaded now may be the new ones. */
async function keepLive(host: Host, family: Family, live: string): Promise<void> {
  const path = await keptPath(host, family);
  if (await host.stat(path) === undefined) await host.writeFile(path, live, { mode: 0o600 });
}

/** Tables that the kernel has and the new rules do not: loaded empty, as they would be after a reboot. */
function emptied(want: RuleSet, live: RuleSet): string {
  const others = live.tables.filter(({ name }) => !want.tables.some((table) => table.name === name));
  return others.length === 0 ? '' : render({ tables: others.map(({ name }) => ({ name, chains: [], rules: [] })) }, 'tables without rules');
}
