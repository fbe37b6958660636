import { ipv4Network, network, parts, type Option, type RuleParts } from './iptables-rule.ts';
import type { RuleSet, Table } from './iptables-save.ts';

/** A new TCP connection to this host, from an address to a port, over whichever interface. */
export interface Connection { address: string; port: number }
type Match = 'yes' | 'no' | 'maybe';
type Verdict = 'accept' | 'drop' | 'return';

/** Targets after which the next rule is asked. */
const GO_ON = ['', 'LOG', 'ULOG', 'NFLOG', 'AUDIT', 'MARK', 'CONNMARK', 'SECMARK', 'CONNSECMARK', 'TOS', 'DSCP', 'TTL', 'HL', 'TCPMSS', 'CHECKSUM', 'TRACE', 'CT'];
/** Chains such a packet passes on its way in, in this order. */
const WAY_IN = [['raw', 'PREROUTING'], ['mangle', 'PREROUTING'], ['nat', 'PREROUTING'], ['mangle', 'INPUT'], ['filter', 'INPUT'], ['security', 'INPUT'], ['nat', 'INPUT']] as const;

/**
 * Whether the rules let the connection in whatever is not known here (interface, marks, limits): true only when every
 * way through ends in ACCEPT. `because` names the first rule or policy that may stop it.
 */
export function admits(rules: RuleSet, connection: Connection): { allowed: boolean; because: string } {
  for (const [name, chain] of WAY_IN) {
    const table = rules.tables.find((one) => one.name === name);
    if (table === undefined) continue;
    const stops: string[] = [];
    const possible = walk(table, chain, connection, stops, [chain]);
    const policy = table.chains.find((one) => one.name === chain)?.policy ?? 'ACCEPT';
    if (possible.has('return') && policy !== 'ACCEPT') stops.push(`the policy ${policy} of ${name} ${chain}`);
    if (stops[0] !== undefined) return { allowed: false, because: stops[0] };
  }
  return { allowed: true, because: '' };
}

/** All verdicts a chain can end with; what may stop the connection is written down in `stops`. */
function walk(table: Table, chain: string, connection: Connection, stops: string[], path: string[]): Set<Verdict> {
  const possible = new Set<Verdict>();
  for (const rule of table.rules.filter((one) => one.chain === chain)) {
    const taken = parts(rule), match = matchRule(taken, connection);
    if (match === 'no') continue;
    const { target } = taken;
    const own = table.chains.some(({ name, policy }) => name === target && policy === '-');
    const outcome = new Set<Verdict | 'next'>();
    if (target === 'ACCEPT') outcome.add('accept');
    else if (target === 'RETURN') outcome.add('return');
    else if (GO_ON.includes(target)) outcome.add('next');
    else if (own && !path.includes(target)) {
      for (const verdict of walk(table, target, connection, stops, [...path, target])) outcome.add(verdict === 'return' && !taken.goto ? 'next' : verdict);
    } else {
      outcome.add('drop');
      stops.push(rule.text);
    }
    for (const verdict of outcome) if (verdict !== 'next') possible.add(verdict);
    if (match === 'yes' && !outcome.has('next')) return possible;
  }
  return possible.add('return');
}

function matchRule({ general, matches }: RuleParts, connection: Connection): Match {
  const all = [...general.map((option) => matchGeneral(option, connection)), ...matches.flatMap(({ name, options }) => matchExtension(name, options, connection))];
  return all.includes('no') ? 'no' : all.includes('maybe') ? 'maybe' : 'yes';
}

const sure = (yes: boolean, option: Option): Match => (yes !== option.negated ? 'yes' : 'no');

function matchGeneral(option: Option, { address }: Connection): Match {
  const value = option.values[0] ?? '';
  if (option.name === '-p') return sure(['tcp', '6', 'all', '0'].includes(value.toLowerCase()), option);
  if (option.name === '-i' && value === 'lo') return sure(/^127\.|^::1$/.test(address), option);
  if (option.name === '-o') return 'no';
  if (option.name === '-f') return sure(false, option);
  if ((option.name === '-s' || option.name === '-d') && ['0.0.0.0/0', '::/0'].includes(network(value))) return sure(true, option);
  return option.name === '-s' ? matchSource(option, value, address) : 'maybe';
}

function matchSource(option: Option, value: string, address: string): Match {
  if (address.includes(':')) return network(value) === network(address) ? sure(true, option) : network(value).endsWith('/128') ? sure(false, option) : 'maybe';
  const wanted = ipv4Network(value), here = ipv4Network(address);
  if (wanted === undefined || here === undefined) return 'maybe';
  return sure(Math.floor(here.address / 2 ** (32 - wanted.bits)) === wanted.address / 2 ** (32 - wanted.bits), option);
}

function matchExtension(name: string, options: Option[], connection: Connection): Match[] {
  if (name === 'comment') return ['yes'];
  if (['udp', 'icmp', 'icmp6', 'sctp'].includes(name)) return ['no'];
  if (!['tcp', 'multiport', 'state', 'conntrack'].includes(name)) return ['maybe'];
  return options.map((option) => {
    const value = option.values[0] ?? '';
    switch (option.name) {
      case '--state': case '--ctstate': return sure(value.split(',').includes('NEW'), option);
      case '--dport': case '--dports': return ports(value, connection.port) === undefined ? 'maybe' : sure(ports(value, connection.port) === true, option);
      case '--syn': return sure(true, option);
      case '--tcp-flags': return synFlags(option);
      default: return 'maybe';
    }
  });
}

/** Whether the port is in a list of numbers and ranges; undefined when a service's name stands there. */
function ports(list: string, port: number): boolean | undefined {
  const ranges = list.split(',').map((part) => /^(\d*)(?::(\d*))?$/.exec(part));
  if (list === '' || ranges.some((range) => range === null)) return undefined;
  return ranges.some((range) => {
    const [, from = '', to] = range ?? [];
    return to === undefined ? Number(from) === port : Number(from || 0) <= port && port <= Number(to || 65535);
  });
}

/** A first packet has SYN and none of the other flags. */
function synFlags(option: Option): Match {
  const [mask = '', wanted = ''] = option.values;
  const expand = (text: string): string[] => (text === 'ALL' ? ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] : text === 'NONE' ? [] : text.split(','));
  return sure(expand(mask).every((flag) => expand(wanted).includes(flag) === (flag === 'SYN')), option);
}
