import type { Rule, RuleSet, Token } from './iptables-save.ts';
import { withBuiltIn } from './iptables-save.ts';

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
const PROTOCOLS: Record<string, string> = { 0: 'all', 1: 'icmp', 4: 'ipencap', 6: 'tcp', 17: 'udp', 47: 'gre', 50: 'esp', 51: 'ah', 58: 'ipv6-icmp', icmpv6: 'ipv6-icmp', 112: 'vrrp', 132: 'sctp' };
/** Options of the protocol's own match, which iptables loads unasked after -p. */
const OF_PROTOCOL = ['--dport', '--sport', '--syn', '--tcp-flags', '--tcp-option', '--icmp-type', '--icmpv6-type'];
const ICMP_TYPES: Record<string, string> = { 'echo-reply': '0', 'destination-unreachable': '3', 'source-quench': '4', 'echo-request': '8', ping: '8', 'time-exceeded': '11', 'parameter-problem': '12' };
const REJECTS: Record<string, string> = {
  'net-unreach': 'icmp-net-unreachable', 'host-unreach': 'icmp-host-unreachable', 'port-unreach': 'icmp-port-unreachable', 'proto-unreach': 'icmp-proto-unreachable',
  'net-prohib': 'icmp-net-prohibited', 'host-prohib': 'icmp-host-prohibited', 'tcp-rst': 'tcp-reset', 'admin-prohib': 'icmp-admin-prohibited', 'adm-prohibited': 'icmp6-adm-prohibited',
};
const LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'];
const STATES = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'];

/** Takes a rule apart without judging it; unknown extensions keep their options in order. */
export function parts(rule: Rule): RuleParts {
  const found: RuleParts = { general: [], matches: [], target: '', goto: false, targetOptions: [] };
  const matchOf = (name: string): Option[] => {
    const here = found.matches.find((match) => match.name === name) ?? { name, options: [] };
    if (!found.matches.includes(here)) found.matches.push(here);
    return here.options;
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
  const value = general.find(({ name }) => name === '-p')?.values[0]?.toLowerCase() ?? '';
  return (PROTOCOLS[value] ?? value).replace('ipv6-icmp', 'icmp6');
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
  const middle = matches.map(({ name, options: own }) => `-m ${name} ${own.map(canonicalMatch).filter((option) => option !== undefined).map(text).sort().join(' ')}`.trim())
    .filter((match) => !['-m tcp', '-m udp', '-m icmp', '-m icmp6'].includes(match)).sort();
  const tail = targetOptions.map(canonicalTarget(target)).filter((option) => option !== undefined).map(text).sort();
  if (target === 'REJECT' && tail.length === 0) tail.push('--reject-with default');
  return [`-A ${rule.chain}`, ...head, ...middle, ...(target === '' ? [] : [`${goto ? '-g' : '-j'} ${target}`]), ...tail].join(' ');
}

function canonicalGeneral(option: Option): Option | undefined {
  const value = option.values[0] ?? '';
  const given = (text: string, all: string[]): Option | undefined => (all.includes(text) && !option.negated ? undefined : { ...option, values: [text] });
  if (option.name === '-s' || option.name === '-d') return given(network(value), ['0.0.0.0/0', '::/0']);
  if (option.name === '-p') return given(PROTOCOLS[value.toLowerCase()] ?? value.toLowerCase(), ['all']);
  return option.name === '-i' || option.name === '-o' ? given(value, ['+']) : option;
}

function canonicalMatch(option: Option): Option | undefined {
  const values = option.values, value = values[0] ?? '';
  const one = (name: string, ...texts: string[]): Option => ({ ...option, name, values: texts });
  switch (option.name) {
    case '--state': case '--ctstate': return one(option.name, value.split(',').sort((a, b) => STATES.indexOf(a) - STATES.indexOf(b)).join(','));
    case '--syn': return one('--tcp-flags', 'FIN,SYN,RST,ACK', 'SYN');
    case '--icmp-type': return one(option.name, ICMP_TYPES[value] ?? value);
    case '--limit': return one(option.name, value.replace(/\/(s|m|h|d)\w*$/, (_all, unit: string) => `/${{ s: 'sec', m: 'min', h: 'hour', d: 'day' }[unit] ?? unit}`));
    case '--limit-burst': return value === '5' ? undefined : option;
    case '--dport': case '--sport': return one(option.name, value.replace(/^:/, '0:').replace(/:$/, ':65535'));
    default: return option;
  }
}

const canonicalTarget = (target: string) => (option: Option): Option | undefined => {
  const value = option.values[0] ?? '';
  if (option.name === '--reject-with') {
    const name = REJECTS[value] ?? value;
    return ['icmp-port-unreachable', 'icmp6-port-unreachable'].includes(name) ? undefined : { ...option, values: [name] };
  }
  if (option.name === '--log-level') {
    const level = LEVELS.indexOf(value.replace(/^warn$/, 'warning').replace(/^err$/, 'error').replace(/^panic$/, 'emerg'));
    return ['4', 'warn', 'warning'].includes(value) ? undefined : { ...option, values: [level < 0 ? value : String(level)] };
  }
  if (option.name === '--set-mark') return { ...option, name: '--set-xmark', values: [`0x${Number(value).toString(16)}/0xffffffff`] };
  if (target === 'SNAT' && option.name === '--to-destination') return { ...option, name: '--to-source' };
  return option;
};

/** An address or network as iptables-save prints it: network/prefix, host bits off. Names and lists stay as they are. */
export function network(text: string): string {
  if (text.includes(':')) {
    const [address = '', prefix = '128'] = text.split('/');
    try {
      return `${new URL(`http://[${address}]/`).hostname.slice(1, -1)}/${prefix}`;
    } catch {
      return text; // no address: compared as written
    }
  }
  const parsed = ipv4Network(text);
  if (parsed === undefined) return text;
  const { address, bits } = parsed;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')}/${String(bits)}`;
}

/** The network as number and prefix length; undefined for names, lists and masks with holes. */
export function ipv4Network(text: string): { address: number; bits: number } | undefined {
  const [host = '', mask = '32'] = text.split('/');
  const number = (dotted: string): number => dotted.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const DOTTED = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/;
  if (!DOTTED.test(host)) return undefined;
  let bits = /^\d{1,2}$/.test(mask) ? Number(mask) : -1;
  if (DOTTED.test(mask)) bits = Array.from({ length: 33 }, (_none, n) => n).find((n) => 2 ** 32 - 2 ** (32 - n) === number(mask)) ?? -1;
  if (bits < 0 || bits > 32) return undefined;
  return { address: Math.floor(number(host) / 2 ** (32 - bits)) * 2 ** (32 - bits), bits };
}

/** iptables makes one rule for each address of a list. */
function singly(rule: Rule): Rule[] {
  const at = rule.tokens.findIndex(({ text, quoted }, index) => !quoted && text.includes(',') && ['-s', '-d'].includes(LONG[rule.tokens[index - 1]?.text ?? ''] ?? rule.tokens[index - 1]?.text ?? ''));
  if (at < 0) return [rule];
  const one = (address: string): Rule => ({ ...rule, tokens: rule.tokens.with(at, { text: address, quoted: false }) });
  return (rule.tokens[at]?.text ?? '').split(',').flatMap((address) => singly(one(address)));
}

/** One text for all spellings of one set of rules: no counters, no comments, tables with nothing in them left out. */
export function canonical(rules: RuleSet): string {
  return rules.tables
    .map((table) => ({ name: table.name, chains: withBuiltIn(table).map(({ name, policy }) => `:${name} ${policy}`).sort(), rules: table.rules.flatMap(singly).map(canonicalRule) }))
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
