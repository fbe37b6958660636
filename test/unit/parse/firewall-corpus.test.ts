import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from '../../../agent/parse/iptables-rule.ts';
import { parseRules, render, stripChains, type Rule, type RuleSet } from '../../../agent/parse/iptables-save.ts';
import { corpus, isStale, readme } from './firewall-corpus.ts';

const rulesOf = (set: RuleSet): string[] => set.tables.flatMap(({ name, rules }) => rules.map(({ text }) => `${name} ${text}`));
/** The rules of a file, read without the parser: lines under their table, without counters and trailing blanks. */
function linesOf(text: string): string[] {
  let table = '';
  return text.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1);
    const rule = /^(?:\[\d+:\d+\] )?(-A .*?)\s*$/.exec(line)?.[1];
    return rule === undefined ? [] : [`${table} ${rule}`];
  });
}
/** The words of a rule outside of quotes, read without the parser. */
const words = (line: string): string[] => line.replace(/"(?:[^"\\]|\\.)*"/g, '""').split(/\s+/);

test('each file is in the README with its source', () => {
  expect(corpus.length).toBeGreaterThanOrEqual(14);
  for (const { name } of corpus) expect(readme, name).toContain(`| ${name} |`);
});

describe.each(corpus)('$name', ({ text }) => {
  test('parses, and no rule, chain or policy is lost', () => {
    const parsed = parseRules(text);
    expect(rulesOf(parsed)).toEqual(linesOf(text));
    expect(parsed.tables.map(({ chains }) => chains.length)).toEqual(text.split(/^\*/m).slice(1).map((part) => part.match(/^:/gm)?.length ?? 0));
  });
  test('rendered and read again it is the same', () => {
    const parsed = parseRules(text), again = parseRules(render(parsed, 'x'));
    expect(rulesOf(again)).toEqual(rulesOf(parsed));
    expect(canonical(again)).toBe(canonical(parsed));
    expect(render(again, 'x')).toBe(render(parsed, 'x'));
  });
  test('stripped: no stale chain and no jump to one, all other rules in order', () => {
    const stripped = stripChains(parseRules(text), isStale);
    const about = (line: string): boolean => words(line).some((word, at, all) => isStale(word) && ['-A', '-j', '-g'].includes(all[at - 1] ?? ''));
    expect(rulesOf(stripped)).toEqual(linesOf(text).filter((line) => !about(line)));
    expect(render(stripped, 'x')).not.toMatch(/(?:neutron|nova)-(?:filter|openvswi|l3|vpn|meter|postrouting|api|compute|network)-/);
    expect(stripChains(stripped, isStale)).toEqual(stripped);
  });
});

test('the corpus has chains to strip, and rules to keep beside them', () => {
  const mixed = corpus.filter(({ text }) => /^-A \w+ -j (?:neutron|nova)-/m.test(text.replace(/^\[\d+:\d+\] /gm, '')) && text.includes('001 '));
  expect(mixed.length).toBeGreaterThanOrEqual(3);
});

/** One rule of one file of the corpus, with a change that makes another firewall of it. Undefined: the rule has nothing of the kind. */
type Change = (rules: Rule[], at: number) => Rule[] | undefined;
const retext = (rules: Rule[], at: number, change: (word: string, before: string) => string | undefined): Rule[] | undefined => {
  const rule = rules[at]!;
  const place = rule.tokens.findIndex(({ text, quoted }, index) => !quoted && change(text, rule.tokens[index - 1]?.text ?? '') !== undefined);
  if (place < 0) return undefined;
  const word = change(rule.tokens[place]!.text, rule.tokens[place - 1]?.text ?? '')!;
  return rules.with(at, { ...rule, tokens: rule.tokens.with(place, { text: word, quoted: false }) });
};
const changes: Record<string, Change> = {
  'a rule dropped': (rules, at) => rules.toSpliced(at, 1),
  'a rule twice': (rules, at) => rules.toSpliced(at, 0, rules[at]!),
  'two rules swapped': (rules, at) => {
    const next = rules.findIndex(({ chain }, index) => index > at && chain === rules[at]!.chain);
    if (next < 0 || rules[next]!.text === rules[at]!.text) return undefined;
    return rules.with(at, rules[next]!).with(next, rules[at]!);
  },
  'a rule in another chain': (rules, at) => rules.with(at, { ...rules[at]!, chain: 'OTHER' }),
  'another port': (rules, at) => retext(rules, at, (word, before) => (/^--[ds]ports?$/.test(before) ? word.replace(/\d+/, (port) => String((Number(port) + 1) % 65536)) : undefined)),
  'another address': (rules, at) => retext(rules, at, (word, before) => (/^-[sd]$/.test(before) ? word.replace(/^\d+/, (first) => String((Number(first) + 1) % 256)).replace(/^([\da-f]*):/i, 'abcd:') : undefined)),
  'another target': (rules, at) => retext(rules, at, (word, before) => (before === '-j' ? (word === 'ACCEPT' ? 'DROP' : 'ACCEPT') : undefined)),
  'goto for jump': (rules, at) => retext(rules, at, (word) => (word === '-j' ? '-g' : undefined)),
  'another interface': (rules, at) => retext(rules, at, (word, before) => (/^-[io]$|^--physdev-(in|out)$/.test(before) ? `${word.slice(0, 10)}x` : undefined)),
  'another protocol': (rules, at) => retext(rules, at, (_word, before) => (before === '-p' ? '77' : undefined)),
  'another state': (rules, at) => retext(rules, at, (word, before) => (/^--(ct)?state$/.test(before) ? (word === 'NEW' ? 'ESTABLISHED' : 'NEW') : undefined)),
  'another MAC address': (rules, at) => retext(rules, at, (word, before) => (before === '--mac-source' ? word.replace(/.$/, (last) => (last === '0' ? '1' : '0')) : undefined)),
  'the opposite': (rules, at) => {
    const rule = rules[at]!, place = rule.tokens.findIndex(({ text, quoted }) => !quoted && ['-s', '-d', '-i', '-o', '--state', '--dport'].includes(text));
    if (place < 0) return undefined;
    const negated = rule.tokens[place - 1]?.text === '!';
    return rules.with(at, { ...rule, tokens: rule.tokens.toSpliced(negated ? place - 1 : place, negated ? 1 : 0, ...(negated ? [] : [{ text: '!', quoted: false }])) });
  },
  'another comment': (rules, at) => {
    const rule = rules[at]!, place = rule.tokens.findIndex(({ text, quoted }) => !quoted && text === '--comment');
    return place < 0 ? undefined : rules.with(at, { ...rule, tokens: rule.tokens.with(place + 1, { text: `${rule.tokens[place + 1]!.text}.`, quoted: true }) });
  },
};
const places = corpus.flatMap(({ name, text }) => parseRules(text).tables.flatMap((table) => table.rules.map((_rule, at) => ({ name, text, table: table.name, at }))));
function changed({ text, table, at }: (typeof places)[number], change: Change): { before: RuleSet; after: RuleSet } | undefined {
  const before = parseRules(text), rules = change(before.tables.find(({ name }) => name === table)!.rules, at);
  return rules === undefined ? undefined : { before, after: { tables: before.tables.map((each) => (each.name === table ? { ...each, rules } : each)) } };
}

describe('property: canonical tells', () => {
  test.each(Object.entries(changes))('%s', (_name, change) => {
    const able = places.filter((place) => changed(place, change) !== undefined);
    expect(able.length).toBeGreaterThan(3);
    fc.assert(fc.property(fc.constantFrom(...able), (place) => {
      const { before, after } = changed(place, change)!;
      expect(canonical(after)).not.toBe(canonical(before));
    }));
  });
  test('another policy, another chain', () => {
    fc.assert(fc.property(fc.constantFrom(...places), fc.constantFrom('policy', 'chain'), ({ text, table }, what) => {
      const before = parseRules(text), after = { tables: before.tables.map((each) => {
        if (each.name !== table) return each;
        const [first, ...others] = each.chains;
        return what === 'chain' ? { ...each, chains: [...each.chains, { name: 'NEW', policy: '-', packets: 0, bytes: 0 }] } : { ...each, chains: [{ ...first!, policy: first!.policy === 'DROP' ? 'ACCEPT' : 'DROP' }, ...others] };
      }) };
      expect(canonical(after)).not.toBe(canonical(before));
    }));
  });
  test('but not counters and remarks', () => {
    fc.assert(fc.property(fc.constantFrom(...corpus), fc.nat(), ({ text }, count) => {
      expect(canonical(parseRules(`# saved\n${text.replace(/\[\d+:\d+\]/g, `[${String(count)}:7]`)}`))).toBe(canonical(parseRules(text)));
    }));
  });
});
