/** An address as `ip -o addr` prints it; the words are iproute's. */
export interface Address {
  device: string;
  /** 192.0.2.10/24. */
  cidr: string;
  broadcast: string;
  scope: string;
  /** Empty where it is the device's name, as it is unless somebody chose one (eth0:1). */
  label: string;
  /** From DHCP or a router, with an end; whoever made it makes it again. */
  leased: boolean;
  /** Far end of a point-to-point address; else empty. */
  peer: string;
}

const ADDRESS_FLAGS = new Set(['secondary', 'dynamic', 'deprecated', 'tentative', 'dadfailed', 'temporary', 'home', 'nodad', 'optimistic', 'mngtmpaddr', 'noprefixroute', 'autojoin', 'permanent', 'stable-privacy']);

/** Addresses of `ip -o addr` in its order (iproute 3.10 prints link lines too, which hold none). */
export function parseIpAddresses(text: string): Address[] {
  return text.split('\n').flatMap((line) => {
    const [, device = '', family, first = '', more = ''] = /^\d+:\s+([^\s@]+)\S*\s+(inet6?)\s+(\S+)\s*([^\\]*)/.exec(line) ?? [];
    if (family === undefined) return [];
    const words = more.trim().split(/\s+/), after = (word: string): string => { const at = words.indexOf(word); return at < 0 ? '' : words[at + 1] ?? ''; };
    const last = words.at(-1) ?? '', label = family === 'inet' && !ADDRESS_FLAGS.has(last) && last !== device && words.length > 2 && words.at(-2) !== 'scope' ? last : '';
    const cidr = first.includes('/') ? first : `${first}/${family === 'inet' ? '32' : '128'}`;
    return [{ device, cidr, broadcast: after('brd'), scope: after('scope'), label, leased: words.includes('dynamic') || words.includes('temporary'), peer: after('peer') }];
  });
}

export type Family = 'v4' | 'v6';
export const familyOf = (address: string): Family => (address.includes(':') ? 'v6' : 'v4');
/** 192.0.2.10 of 192.0.2.10/24. */
export const hostPart = (cidr: string): string => cidr.split('/')[0] ?? '';

function bits(address: string): bigint {
  if (familyOf(address) === 'v4') return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = '', tail] = address.replace(/[\d.]+$/, (last) => (last.includes('.') ? [bits(last) >> 16n, bits(last) & 0xffffn].map((part) => part.toString(16)).join(':') : last)).split('::');
  const groups = (text: string | undefined): string[] => (text ?? '').split(':').filter(Boolean);
  const missing = 8 - groups(head).length - groups(tail).length;
  return [...groups(head), ...Array.from({ length: tail === undefined ? 0 : missing }, () => '0'), ...groups(tail)].reduce((sum, group) => sum * 0x10000n + BigInt(`0x${group}`), 0n);
}

/** Whether an address (or none: '') is on the network of 192.0.2.10/24. */
export function onNetwork(address: string, cidr: string): boolean {
  const family = familyOf(cidr), hostBits = BigInt((family === 'v4' ? 32 : 128) - Number(cidr.split('/')[1]));
  return address !== '' && familyOf(address) === family && bits(address) >> hostBits === bits(hostPart(cidr)) >> hostBits;
}

/** A unicast route as `ip route` prints it. */
export interface Route {
  family: Family;
  /** default, 192.0.2.0/24, 192.0.2.1. */
  to: string;
  via: string;
  device: string;
  table: string;
  metric: string;
  source: string;
  /** Who made it: kernel, static, ra, ...; empty for boot, which iproute does not print. */
  protocol: string;
  /** All other words that `ip route` takes again, in their order. */
  rest: string;
  /** It cannot be made again from what was printed: several next hops, an end, words not known here. */
  odd: boolean;
}

const TYPES = new Set(['local', 'broadcast', 'multicast', 'anycast', 'nat', 'blackhole', 'unreachable', 'prohibit', 'throw']);
/** Words with a value that are kept, and words that only tell a state and cannot be given. */
const KEPT = new Set(['scope', 'tos', 'mtu', 'advmss', 'window', 'rtt', 'rttvar', 'cwnd', 'initcwnd', 'initrwnd', 'ssthresh', 'realms', 'realm', 'hoplimit', 'rto_min']);
const TOLD_FLAGS = new Set(['linkdown', 'dead', 'pervasive', 'offload', 'rt_offload', 'trap', 'rt_trap']);
const TOLD_VALUES = new Set(['error', 'pref']);

/** Unicast routes of `ip -4 -o route show table all` or with -6; those to the host itself, broadcasts and refusals are left out. One of several next hops gives a route for each, all odd. */
export function parseIpRoutes(text: string, family: Family): Route[] {
  return text.split('\n').map((line) => line.trim().split(/[\s\\]+/)).filter(([first = '']) => first !== '' && !TYPES.has(first)).flatMap((words) => readRoute(words, family))
    .filter(({ to, table }) => !(to === 'ff00::/8' && table === 'local'));
}

function readRoute([to = '', ...all]: string[], family: Family): Route[] {
  const hops = all.flatMap((word, at) => (word === 'nexthop' ? [at] : [])), [words, ...others] = [0, ...hops].map((from, at) => all.slice(from, hops[at]));
  const route = readWords(to, words ?? [], family);
  return others.length === 0 ? [route] : others.map((hop) => ({ ...route, via: readWords(to, hop, family).via, device: readWords(to, hop, family).device, odd: true }));
}

function readWords(to: string, words: string[], family: Family): Route {
  const route: Route = { family, to, via: '', device: '', table: 'main', metric: '', source: '', protocol: '', rest: '', odd: false };
  const fields: Record<string, 'via' | 'device' | 'table' | 'metric' | 'source' | 'protocol'> = { via: 'via', dev: 'device', table: 'table', metric: 'metric', src: 'source', proto: 'protocol' };
  const rest: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '', value = words[at + 1] ?? '', field = fields[word];
    if (field !== undefined) { route[field] = value; at += 1; }
    else if (word === 'onlink') rest.push(word);
    else if (word === 'hoplimit' && (value === '0' || value === '4294967295')) at += 1; // the interface's own, as iproute 3.10 prints it
    else if (KEPT.has(word)) { const lock = value === 'lock' ? 1 : 0; rest.push(word, ...words.slice(at + 1, at + 2 + lock)); at += 1 + lock; }
    else if (TOLD_VALUES.has(word)) at += 1;
    else if (!TOLD_FLAGS.has(word) && word !== 'nexthop') { route.odd = true; rest.push(word); }
  }
  return { ...route, rest: rest.join(' ') };
}

/** The route as arguments of `ip route`. */
export function routeWords({ to, via, device, table, protocol, source, metric, rest }: Route): string {
  const pair = (word: string, value: string): string => (value === '' ? '' : ` ${word} ${value}`);
  return `${to}${pair('via', via)}${pair('dev', device)}${table === 'main' ? '' : pair('table', table)}${pair('proto', protocol)}${pair('src', source)}${pair('metric', metric)}${rest === '' ? '' : ` ${rest}`}`;
}

/** An IPv6 address, with or without prefix length, as the kernel prints it: lower case, the longest run of zeros left out. */
export function shortened(text: string): string {
  const [address = '', ...prefix] = text.split('/');
  return URL.canParse(`http://[${address}]/`) ? [new URL(`http://[${address}]/`).hostname.slice(1, -1), ...prefix].join('/') : text;
}
