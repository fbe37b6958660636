/** Spellings of one value that iptables takes, as the one that iptables-save prints. Source: the *_save functions of iptables 1.4.7, 1.4.21 and 1.8.9. */
const PROTOCOLS: Record<string, string> = {
  0: 'all', 1: 'icmp', 2: 'igmp', 4: 'ipencap', 6: 'tcp', 17: 'udp', 41: 'ipv6', 47: 'gre', 50: 'esp', 51: 'ah', 58: 'ipv6-icmp', icmpv6: 'ipv6-icmp', 89: 'ospf', 103: 'pim', 112: 'vrrp', 132: 'sctp', 136: 'udplite',
};
const ICMP_TYPES: Record<string, string> = {
  'echo-reply': '0', 'destination-unreachable': '3', 'network-unreachable': '3/0', 'host-unreachable': '3/1', 'protocol-unreachable': '3/2', 'port-unreachable': '3/3', 'fragmentation-needed': '3/4',
  'network-prohibited': '3/9', 'host-prohibited': '3/10', 'communication-prohibited': '3/13', 'source-quench': '4', redirect: '5', 'echo-request': '8', ping: '8', 'router-advertisement': '9', 'router-solicitation': '10',
  'time-exceeded': '11', 'ttl-exceeded': '11', 'ttl-zero-during-transit': '11/0', 'parameter-problem': '12', 'timestamp-request': '13', 'timestamp-reply': '14', 'address-mask-request': '17', 'address-mask-reply': '18', 255: 'any',
};
const ICMPV6_TYPES: Record<string, string> = {
  'destination-unreachable': '1', 'packet-too-big': '2', 'time-exceeded': '3', 'ttl-exceeded': '3', 'parameter-problem': '4', 'echo-request': '128', ping: '128', 'echo-reply': '129', pong: '129',
  'router-solicitation': '133', 'router-advertisement': '134', 'neighbour-solicitation': '135', 'neighbor-solicitation': '135', 'neighbour-advertisement': '136', 'neighbor-advertisement': '136', redirect: '137',
};
const REJECTS: Record<string, string> = {
  'net-unreach': 'icmp-net-unreachable', 'host-unreach': 'icmp-host-unreachable', 'port-unreach': 'icmp-port-unreachable', 'proto-unreach': 'icmp-proto-unreachable',
  'net-prohib': 'icmp-net-prohibited', 'host-prohib': 'icmp-host-prohibited', 'tcp-rst': 'tcp-reset', 'admin-prohib': 'icmp-admin-prohibited', 'adm-prohibited': 'icmp6-adm-prohibited',
};
const LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'];
const STATES = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'];
const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'];
const UNITS = { day: 86400, hour: 3600, min: 60, sec: 1 };

const inOrder = (names: string[], order: string[]): string => [...names].sort((a, b) => order.indexOf(a) - order.indexOf(b)).join(',');

export const protocolName = (text: string): string => PROTOCOLS[text.toLowerCase()] ?? text.toLowerCase();
export const icmpType = (text: string): string => ICMP_TYPES[text] ?? text;
export const icmpv6Type = (text: string): string => ICMPV6_TYPES[text] ?? text;
export const rejectType = (text: string): string => REJECTS[text] ?? text;
export const stateList = (text: string): string => inOrder(text.split(','), STATES);
export const portRange = (text: string): string => text.replace(/^:/, '0:').replace(/:$/, ':65535');

export function tcpFlags(text: string): string {
  if (text === 'ALL') return FLAGS.join(',');
  return text === 'NONE' ? text : inOrder(text.split(','), FLAGS);
}

export function logLevel(text: string): string {
  const level = LEVELS.indexOf(text.replace(/^warn$/, 'warning').replace(/^err$/, 'error').replace(/^panic$/, 'emerg'));
  return level < 0 ? text : String(level);
}

/** The kernel keeps the time between two packets, so that 60/minute comes back as 1/sec (print_rate in libxt_limit.c). */
export function rate(text: string): string {
  const [, count = '', unit = 's'] = /^(\d+)(?:\/(s|m|h|d)\w*)?$/.exec(text) ?? [];
  if (Number(count) === 0) return text;
  const seconds = Object.entries(UNITS).find(([name]) => name.startsWith(unit))?.[1] ?? UNITS.sec, SCALE = 10_000;
  const period = Math.floor(seconds * SCALE / Number(count));
  let [printed, per] = ['day', UNITS.day * SCALE];
  for (const [name, length] of Object.entries(UNITS)) {
    const whole = length * SCALE;
    if (period > whole || whole / period < whole % period) break;
    [printed, per] = [name, whole];
  }
  return `${String(Math.floor(per / period))}/${printed}`;
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** A mark to compare with: in hexadecimal, a mask that leaves all bits in not written. */
export function markMatch(text: string): string {
  const [value, mask] = text.split('/').map(Number);
  if (value === undefined || Number.isNaN(value) || Number.isNaN(mask)) return text;
  return mask === undefined || mask >>> 0 === 0xffffffff ? hex(value) : `${hex(value)}/${hex(mask)}`;
}

/** --set-mark, --or-mark and --and-mark are all kept as "clear the bits of the mask, then flip those of the value". */
export function xmark(option: string, text: string): string {
  const [value, given] = text.split('/').map(Number);
  if (value === undefined || Number.isNaN(value) || Number.isNaN(given)) return text;
  if (option === '--or-mark') return `${hex(value)}/${hex(value)}`;
  if (option === '--and-mark') return `0x0/${hex(~value)}`;
  const mask = given ?? 0xffffffff;
  return `${hex(value)}/${hex(option === '--set-mark' ? mask | value : mask)}`;
}

export const trafficClass = (text: string): string => text.split(':').map((part) => part.toLowerCase().padStart(4, '0')).join(':');
