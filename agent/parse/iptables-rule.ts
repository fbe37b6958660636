import type { Rule, RuleSet, Token } from './iptables-save.ts';
import { withBuiltIn } from './iptables-save.ts';
import { network } from './iptables-address.ts';
import * as as from './iptables-values.ts';

/** One option of a rule with what follows it: `! --dport 22` is {name: '--dport', negated: true, values: ['22']}. */
export interface Option { name: string; negated: boolean; values: string[] }
/** A rule taken apart: what iptables itself matches, what extensions match, where it goes. */
export interface RuleParts { general: Option[]; matches: { name: string; options: Option[] }[]; target: string; goto: boolean; targetOptions: Option[] }

const LONG: Record<string, string> = {
  '--source': '-s', '--src': '-s', '--destination': '-d', '--dst': '-d', '--in-interface': '-i', '--out-interface': '-o', '--protocol': '-p', '--proto': '-p',
  '--match': '-m', '--jump': '-j', '--goto': '-g', '--fragment': '-f',
  '--destination-port': '--dport', '--source-port': '--sport', '--destination-ports': '--dports', '--source-ports': '--sports',
  '--to': '--to-destination', '--to-port': '--to-ports',
};
/** Options of the protocol's own match, which iptables loads unasked after -p. */
const OF_PROTOCOL = ['--dport', '--sport', '--syn', '--tcp-flags', '--tcp-option', '--icmp-type', '--icmpv6-type'];
/** Matches that -p brings along: written or not, there is one of each. */
const PROTOCOL_MATCHES = ['tcp', 'udp', 'icmp', 'icmp6', 'sctp', 'udplite', 'dccp', 'ah', 'esp'];
const ALL_BITS = '0xffffffff';

/** Takes a rule apart without judging it; unknown extensions keep their options in order. */
export function parts(rule: Rule): RuleParts {
  const found: RuleParts = { general: [], matches: [], target: '', goto: false, targetOptions: [] };
  const matchOf = (name: string): Option[] => {
    const here = PROTOCOL_MATCHES.includes(name) ? found.matches.find((match) => match.name === name) : undefined;
    if (here !== undefined) return here.options;
    found.matches.push({ name, options: [] });
    return found.matches.at(-1)?.options ?? [];
  };
  let into = found.general;
  for (const option of options(rule.tokens)) {
    const value = option.values[0] ?? '';
    if (option.name === '-m') into = matchOf(value);
    else if (option.name === '-j' || option.name === '-g') { found.target = value; found.goto = option.name === '-g'; into = found.targetOptions; }
    else if (['-s', '-d', '-i', '-o', '-p', '-f'].includes(option.name)) found.general.push(option);
    else if (OF_PROTOCOL.includes(option.name) && into !== found.targetOptions) matchOf(protocol(found)).push(option);
    else into.push(option);
  }
  return found;
}

const protocol = ({ general }: RuleParts): string => {
  return as.protocolName(general.find(({ name }) => name === '-p')?.values[0] ?? '').replace('ipv6-icmp', 'icmp6');
};

function options(tokens: Token[]): Option[] {
  const found: Option[] = [];
  let negated = false;
  for (const { text, quoted } of tokens) {
    const last = found.at(-1);
    if (text === '!' && !quoted) negated = true;
    else if (!quoted && /^--?[A-Za-z]/.test(text)) {
      found.push({ name: LONG[text] ?? text, negated, values: [] });
      negated = false;
    } else if (last !== undefined) {
      last.values.push(text);
      if (negated) last.negated = true; // the old place of the mark: `-s ! 10.0.0.1`
      negated = false;
    }
  }
  return found;
}

/** One rule as iptables-save 1.4.21 means it: defaults written out, addresses as networks, lists in a fixed order. */
export function canonicalRule(rule: Rule): string {
  const { general, matches, target, goto, targetOptions } = parts(rule);
  const text = (option: Option): string => `${option.negated ? '! ' : ''}${option.name}${option.values.map((value) => ` ${JSON.stringify(value)}`).join('')}`;
  const head = general.map(canonicalGeneral).filter((option) => option !== undefined).map(text).sort();
  const middle = matches.map(({ name, options: own }) => `-m ${name} ${own.map(canonicalMatch(name)).filter((option) => option !== undefined).map(text).sort().join(' ')}`.trim())
    .filter((match) => !['-m tcp', '-m udp', '-m icmp', '-m icmp6'].includes(match)).sort();
  const tail = targetOptions.map(canonicalTarget(target)).filter((option) => option !== undefined).map(text).sort();
  if (target === 'REJECT' && tail.length === 0) tail.push('--reject-with default');
  return [`-A ${rule.chain}`, ...head, ...middle, ...(target === '' ? [] : [`${goto ? '-g' : '-j'} ${target}`]), ...tail].join(' ');
}

function canonicalGeneral(option: Option): Option | undefined {
  const value = option.values[0] ?? '';
  const given = (text: string, all: string[]): Option | undefined => (all.includes(text) && !option.negated ? undefined : { ...option, values: [text] });
  if (option.name === '-s' || option.name === '-d') return given(network(value), ['0.0.0.0/0', '::/0']);
  if (option.name === '-p') return given(as.protocolName(value), ['all']);
  return option.name === '-i' || option.name === '-o' ? given(value, ['+']) : option;
}

/** What iptables-save prints for an option of a match; undefined for a default, which some releases leave out. */
const canonicalMatch = (match: string) => (option: Option): Option | undefined => {
  const values = option.values, value = values[0] ?? '';
  const one = (name: string, ...texts: string[]): Option => ({ ...option, name, values: texts });
  const unless = (...usual: string[]): Option | undefined => (usual.includes(value) && !option.negated ? undefined : option);
  switch (option.name) {
    case '--state': case '--ctstate': return one(option.name, as.stateList(value));
    case '--syn': return one('--tcp-flags', 'FIN,SYN,RST,ACK', 'SYN');
    case '--tcp-flags': return one(option.name, ...values.map(as.tcpFlags));
    case '--icmp-type': return one(option.name, as.icmpType(value));
    case '--icmpv6-type': return one(option.name, as.icmpv6Type(value));
    case '--limit': return one(option.name, as.rate(value));
    case '--hashlimit': case '--hashlimit-upto': return one('--hashlimit-upto', as.rate(value));
    case '--hashlimit-above': return one(option.name, as.rate(value));
    case '--limit-burst': case '--hashlimit-burst': return unless('5');
    case '--dport': case '--sport': return one(option.name, as.portRange(value));
    case '--dports': case '--sports': case '--ports': return one(option.name, value.split(',').map(as.portRange).join(','));
    case '--mac-source': return one(option.name, value.toUpperCase());
    case '--mark': case '--realm': return one(option.name, as.markMatch(value));
    case '--probability': return one(option.name, String(Number(value)));
    case '--connlimit-mask': return unless('32', '128'); // the whole address: IPv4's and IPv6's default, not told apart here
    case '--connlimit-saddr': case '--rsource': return undefined;
    case '--mask': return unless('255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
    case '--name': return match === 'recent' ? unless('DEFAULT') : option;
    case '--to-destination': return match === 'string' ? unless('65535') : option; // its --to, where to stop looking
    default: return option;
  }
};

const canonicalTarget = (target: string) => (option: Option): Option | undefined => {
  const value = option.values[0] ?? '';
  const one = (name: string, text: string): Option => ({ ...option, name, values: [text] });
  switch (option.name) {
    case '--reject-with': return ['icmp-port-unreachable', 'icmp6-port-unreachable'].includes(as.rejectType(value)) ? undefined : one(option.name, as.rejectType(value));
    case '--log-level': return as.logLevel(value) === '4' ? undefined : one(option.name, as.logLevel(value));
    case '--set-mark': case '--set-xmark': case '--or-mark': case '--and-mark': return one('--set-xmark', as.xmark(option.name, value));
    case '--nfmask': case '--ctmask': return value === ALL_BITS ? undefined : option;
    case '--set-class': return one(option.name, as.trafficClass(value));
    case '--to-destination': return target === 'SNAT' ? one('--to-source', value) : option;
    default: return option;
  }
};

/** iptables makes one rule for each address of a list. */
function singly(rule: Rule): Rule[] {
  const at = rule.tokens.findIndex(({ text, quoted }, index) => !quoted && text.includes(',') && ['-s', '-d'].includes(LONG[rule.tokens[index - 1]?.text ?? ''] ?? rule.tokens[index - 1]?.text ?? ''));
  if (at < 0) return [rule];
  const one = (address: string): Rule => ({ ...rule, tokens: rule.tokens.with(at, { text: address, quoted: false }) });
  return (rule.tokens[at]?.text ?? '').split(',').flatMap((address) => singly(one(address)));
}

/** A file may go from chain to chain and back; only the order within one means something. */
const byChain = (rules: Rule[]): Rule[] => [...rules].sort((a, b) => (a.chain < b.chain ? -1 : a.chain > b.chain ? 1 : 0));

/** One text for all spellings of one set of rules: no counters, no comments, tables with nothing in them left out. */
export function canonical(rules: RuleSet): string {
  return rules.tables
    .map((table) => ({ name: table.name, chains: withBuiltIn(table).map(({ name, policy }) => `:${name} ${policy}`).sort(), rules: byChain(table.rules).flatMap(singly).map(canonicalRule) }))
    .filter(({ chains, rules: own }) => own.length > 0 || chains.some((chain) => !chain.endsWith(' ACCEPT')))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, chains, rules: own }) => [`*${name}`, ...chains, ...own]).join('\n');
}

/** The first rules that are in one canonical text only, in words; none where they are the same. */
export function differs(what: string, found: string, wanted: string): { what: string; found: string; wanted: string }[] {
  if (found === wanted) return [];
  const [there = [], want = []] = [found, wanted].map((text) => text.split('\n').filter(Boolean));
  const extra = there.filter((line) => !want.includes(line)), missing = want.filter((line) => !there.includes(line));
  const say = (lines: string[]): string => (lines.length === 0 ? 'no such rule' : lines.slice(0, 3).join(' | ') + (lines.length > 3 ? ` and ${String(lines.length - 3)} more` : ''));
  return [{ what, found: extra.length + missing.length === 0 ? 'the same rules in another order' : say(extra), wanted: say(missing) }];
}
