import { ipv4Network, network } from './iptables-address.ts';
import { parts, type Option, type RuleParts } from './iptables-rule.ts';
import type { RuleSet, Table } from './iptables-save.ts';

/** A new TCP connection to this host, from an address to a port, over whichever interface. */
export interface Connection { address: string; port: number }
/** One packet of it: in or out, as connection tracking and the TCP header have it. */
interface Packet extends Connection { way: 'in' | 'out'; state: 'NEW' | 'ESTABLISHED'; flags: string[]; what: string }
type Match = 'yes' | 'no' | 'maybe';
type Verdict = 'accept' | 'drop' | 'return';

/** Targets after which the next rule is asked. */
const GO_ON = ['', 'LOG', 'ULOG', 'NFLOG', 'AUDIT', 'MARK', 'CONNMARK', 'SECMARK', 'CONNSECMARK', 'TOS', 'DSCP', 'TTL', 'HL', 'TCPMSS', 'CHECKSUM', 'TRACE', 'CT'];
/** Chains such a packet passes, in this order; nat sees the first packet only. */
const WAYS = {
  in: [['raw', 'PREROUTING'], ['mangle', 'PREROUTING'], ['nat', 'PREROUTING'], ['mangle', 'INPUT'], ['filter', 'INPUT'], ['security', 'INPUT'], ['nat', 'INPUT']],
  out: [['raw', 'OUTPUT'], ['mangle', 'OUTPUT'], ['filter', 'OUTPUT'], ['security', 'OUTPUT'], ['mangle', 'POSTROUTING']],
} as const;

/**
 * Whether the rules let the connection in, and its packets both ways, whatever is not known here (interface, marks,
 * limits): true only when every way through ends in ACCEPT. `because` names the first rule or policy that may stop it.
 */
export function admits(rules: RuleSet, connection: Connection): { allowed: boolean; because: string } {
  const packets: Packet[] = [
    { ...connection, way: 'in', state: 'NEW', flags: ['SYN'], what: '' },
    { ...connection, way: 'in', state: 'ESTABLISHED', flags: ['ACK'], what: ', which stops packets of a connection that is established' },
    { ...connection, way: 'out', state: 'ESTABLISHED', flags: ['SYN', 'ACK'], what: ', which stops the answer' },
    { ...connection, way: 'out', state: 'ESTABLISHED', flags: ['ACK'], what: ', which stops packets that go back' },
  ];
  for (const packet of packets) {
    const because = stopped(rules, packet);
    if (because !== undefined) return { allowed: false, because: because + packet.what };
  }
  return { allowed: true, because: '' };
}

function stopped(rules: RuleSet, packet: Packet): string | undefined {
  for (const [name, chain] of WAYS[packet.way]) {
    const table = rules.tables.find((one) => one.name === name);
    if (table === undefined || (name === 'nat' && packet.state !== 'NEW')) continue;
    const stops: string[] = [];
    const possible = walk(table, chain, packet, stops, [chain]);
    const policy = table.chains.find((one) => one.name === chain)?.policy ?? 'ACCEPT';
    if (possible.has('return') && policy !== 'ACCEPT') stops.push(`the policy ${policy} of ${name} ${chain}`);
    if (stops[0] !== undefined) return stops[0];
  }
  return undefined;
}

/** All verdicts a chain can end with; what may stop the connection is written down in `stops`. */
function walk(table: Table, chain: string, packet: Packet, stops: string[], path: string[]): Set<Verdict> {
  const possible = new Set<Verdict>();
  for (const rule of table.rules.filter((one) => one.chain === chain)) {
    const taken = parts(rule), match = matchRule(taken, packet);
    if (match === 'no') continue;
    const { target } = taken;
    const own = table.chains.some(({ name, policy }) => name === target && policy === '-');
    const outcome = new Set<Verdict | 'next'>();
    if (target === 'ACCEPT') outcome.add('accept');
    else if (target === 'RETURN') outcome.add('return');
    else if (GO_ON.includes(target) && !taken.targetOptions.some(({ name }) => name === '--notrack')) outcome.add('next');
    else if (own && !path.includes(target)) {
      for (const verdict of walk(table, target, packet, stops, [...path, target])) outcome.add(verdict === 'return' && !taken.goto ? 'next' : verdict);
    } else {
      outcome.add('drop');
      stops.push(rule.text);
    }
    for (const verdict of outcome) if (verdict !== 'next') possible.add(verdict);
    if (match === 'yes' && !outcome.has('next')) return possible;
  }
  return possible.add('return');
}

function matchRule({ general, matches }: RuleParts, packet: Packet): Match {
  const all = [...general.map((option) => matchGeneral(option, packet)), ...matches.flatMap(({ name, options }) => matchExtension(name, options, packet))];
  return all.includes('no') ? 'no' : all.includes('maybe') ? 'maybe' : 'yes';
}

const sure = (yes: boolean, option: Option): Match => (yes !== option.negated ? 'yes' : 'no');

function matchGeneral(option: Option, { address, way }: Packet): Match {
  const value = option.values[0] ?? '';
  if (option.name === '-p') return sure(['tcp', '6', 'all', '0'].includes(value.toLowerCase()), option);
  if (option.name === (way === 'in' ? '-i' : '-o') && value === 'lo') return sure(/^127\.|^::1$/.test(address), option);
  if (option.name === (way === 'in' ? '-o' : '-i')) return sure(false, option);
  if (option.name === '-f') return sure(false, option);
  if ((option.name === '-s' || option.name === '-d') && ['0.0.0.0/0', '::/0'].includes(network(value))) return sure(true, option);
  return option.name === (way === 'in' ? '-s' : '-d') ? matchPeer(option, value, address) : 'maybe';
}

function matchPeer(option: Option, value: string, address: string): Match {
  if (address.includes(':')) return network(value) === network(address) ? sure(true, option) : network(value).endsWith('/128') ? sure(false, option) : 'maybe';
  const wanted = ipv4Network(value), here = ipv4Network(address);
  if (wanted === undefined || here === undefined) return 'maybe';
  return sure(Math.floor(here.address / 2 ** (32 - wanted.bits)) === wanted.address / 2 ** (32 - wanted.bits), option);
}

function matchExtension(name: string, options: Option[], packet: Packet): Match[] {
  const own = packet.way === 'in' ? ['--dport', '--dports'] : ['--sport', '--sports'];
  if (name === 'comment') return ['yes'];
  if (['udp', 'icmp', 'icmp6', 'sctp'].includes(name)) return ['no'];
  if (!['tcp', 'multiport', 'state', 'conntrack'].includes(name)) return ['maybe'];
  return options.map((option) => {
    const value = option.values[0] ?? '';
    switch (option.name) {
      case '--state': case '--ctstate': return sure(value.split(',').includes(packet.state), option);
      case '--syn': return flagsMatch({ ...option, values: ['FIN,SYN,RST,ACK', 'SYN'] }, packet.flags);
      case '--tcp-flags': return flagsMatch(option, packet.flags);
      default: return own.includes(option.name) && ports(value, packet.port) !== undefined ? sure(ports(value, packet.port) === true, option) : 'maybe';
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

function flagsMatch(option: Option, flags: string[]): Match {
  const [mask = '', wanted = ''] = option.values;
  const expand = (text: string): string[] => (text === 'ALL' ? ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] : text === 'NONE' ? [] : text.split(','));
  return sure(expand(mask).every((flag) => expand(wanted).includes(flag) === flags.includes(flag)), option);
}
