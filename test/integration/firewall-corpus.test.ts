import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonical } from '../../agent/parse/iptables-rule.ts';
import { parseRules, render, stripChains, type RuleSet } from '../../agent/parse/iptables-save.ts';
import * as lab from '../lab/lab.ts';
import { corpus, isStale } from '../unit/parse/firewall-corpus.ts';
import { runId } from './step-host.ts';

/** The rule files of Icehouse hosts through a kernel: loaded by the real iptables-restore, what iptables-save then says is what the file says. */
const run = runId('fwc'), name = 'compute';
beforeAll(() => lab.up(run, name));
afterAll(() => lab.down(run));

const TOOLS = { v4: 'iptables', v6: 'ip6tables' } as const;
type Family = keyof typeof TOOLS;
const TABLES = ['raw', 'mangle', 'nat', 'filter', 'security'];
const nothing = render({ tables: TABLES.map((table) => ({ name: table, chains: [], rules: [] })) }, 'nothing');

/** Commands of the lab host in one go, past the product; `files` are there as /root/NAME. Rejects unless all exit 0. */
async function inHost(command: string, files: Record<string, string>): Promise<string> {
  const script = [...Object.entries(files).map(([file, text]) => `cat >/root/${file} <<'END OF FILE'\n${text}${text.endsWith('\n') ? '' : '\n'}END OF FILE`), command].join('\n');
  const ran = await lab.exec(run, name, ['bash', '-e'], { input: script });
  if (ran.code !== 0) throw new Error(`${command}: exit code ${ran.code}\n${ran.stderr}`);
  return ran.stdout;
}

/** Tried, then loaded into a kernel without rules; resolves with what iptables-save says. */
const load = (family: Family, text: string): Promise<string> => {
  const tool = TOOLS[family];
  return inHost(`${tool}-restore /root/nothing; ${tool}-restore --test /root/rules; test -z "$(${tool}-save | grep '^-A')"; ${tool}-restore /root/rules; ${tool}-save`, { nothing, rules: text });
};
/** iptables-save's text without time and counters. */
const plain = (saved: string): string => saved.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '');
const count = (set: RuleSet): number => set.tables.reduce((sum, { rules }) => sum + rules.length, 0);

describe.each(corpus)('$name', ({ family, text }) => {
  const whole = parseRules(text), stripped = stripChains(whole, isStale);

  test('whole: the kernel has what the file says, and what iptables-restore makes of the file itself', async () => {
    const rendered = await load(family, render(whole, 'test'));
    expect(canonical(parseRules(rendered))).toBe(canonical(whole));
    expect(plain(await load(family, text))).toBe(plain(rendered));
  });
  test('as firewall.replaced loads it: all other rules, no stale chain', async () => {
    const saved = await load(family, render(stripped, 'test'));
    expect(canonical(parseRules(saved))).toBe(canonical(stripped));
    expect(saved).not.toMatch(/^(?::|-A )(?:neutron|nova)-|-[jg] (?:neutron|nova)-/m);
  });
  test('one rule less in the kernel is seen', async () => {
    const tool = TOOLS[family], at = whole.tables.findIndex(({ rules }) => rules.length > 0), { name: table, rules } = whole.tables[at]!, { chain } = rules[0]!;
    await load(family, render(whole, 'test'));
    const left = parseRules(await inHost(`${tool} -t ${table} -D ${chain} 1; ${tool}-save`, {}));
    expect(count(left)).toBeGreaterThanOrEqual(count(whole) - 1);
    expect(canonical(left)).not.toBe(canonical(whole));
    const expected = { tables: whole.tables.with(at, { ...whole.tables[at]!, rules: rules.slice(1) }) };
    expect(canonical(left)).toBe(canonical(expected));
  });
});
