import fc from 'fast-check';
import { expect, test } from 'vitest';
import { moved, transition, type NetState } from '../../../agent/operations/bridge-moves.ts';
import { familyOf, hostPart, onNetwork, parseIpRoutes, routeWords, type Address, type Route } from '../../../agent/parse/ip.ts';

/** A STAND-IN for the kernel, as far as `ip -batch` of a bridge step goes: takes one line, or refuses it. `promotes`: net.ipv4.conf.all.promote_secondaries. */
function run(state: NetState, line: string, promotes: boolean): boolean {
  const words = line.split(' '), value = (word: string): string => words[words.indexOf(word) + 1] ?? '', device = value('dev');
  if (state.up[device] === undefined) return false;
  if (words[0] === 'link') {
    state.up[device] = words[4] === 'up';
    if (words[4] === 'down') state.routes = state.routes.filter((route) => route.device !== device);
    return true;
  }
  if (words[0] === 'addr') {
    const cidr = words[2] ?? '', is = (one: Address): boolean => one.device === device && one.cidr === cidr;
    if (words[1] === 'replace') {
      if (!state.addresses.some(is)) state.addresses.push({ device, cidr, broadcast: words.includes('brd') ? value('brd') : '', scope: value('scope'), label: '', leased: false, peer: '' });
      return true;
    }
    const gone = state.addresses.find(is), family = familyOf(cidr);
    if (gone === undefined) return false;
    const same = state.addresses.filter((one) => one.device === device && familyOf(one.cidr) === family && onNetwork(hostPart(one.cidr), cidr));
    const cascade = family === 'v4' && same[0] === gone && !promotes;
    state.addresses = state.addresses.filter((one) => one !== gone && !(cascade && same.includes(one)));
    const hosts = new Set(state.addresses.map((one) => hostPart(one.cidr))), left = state.addresses.filter((one) => one.device === device && familyOf(one.cidr) === family);
    state.routes = state.routes.filter((route) => (route.source === '' || hosts.has(route.source)) && !(family === 'v4' && route.family === 'v4' && route.device === device && left.length === 0));
    return true;
  }
  const [route] = parseIpRoutes(words.slice(2).join(' '), line.includes(':') ? 'v6' : 'v4');
  if (route === undefined) return false;
  if (words[1] === 'del') {
    const at = state.routes.findIndex((one) => routeWords(one) === routeWords(route));
    if (at >= 0) state.routes.splice(at, 1);
    return at >= 0;
  }
  const reachable = state.up[device] && (route.via === '' || state.addresses.some((one) => one.device === device && onNetwork(route.via, one.cidr)) || state.routes.some((one) => one.device === device && one.to === route.via && one.via === '')) && (route.source === '' || state.addresses.some((one) => hostPart(one.cidr) === route.source));
  if (!reachable) return false;
  const at = state.routes.findIndex((one) => one.family === route.family && one.to === route.to && one.metric === route.metric && one.table === route.table);
  if (at >= 0) state.routes[at] = route; else state.routes.push(route);
  return true;
}

/** Rounds as the operation makes them. Returns the lines that were refused. */
function settle(state: NetState, wanted: NetState, promotes: boolean, cutAfter = Infinity): string[] {
  const refused: string[] = [];
  for (let round = 0, done = 0; round < 3; round += 1) {
    const { v4, v6 } = transition(structuredClone(state), wanted);
    for (const line of [...v4, ...v6]) { if (done >= cutAfter) return refused; done += 1; if (!run(state, line, promotes)) refused.push(line); }
  }
  return refused;
}

const plain = (state: NetState): unknown => ({
  v4: ['eth0', 'eth1', 'br-ex'].map((device) => state.addresses.filter((one) => one.device === device && familyOf(one.cidr) === 'v4').map((one) => one.cidr)),
  v6: state.addresses.filter((one) => familyOf(one.cidr) === 'v6').map((one) => `${one.device} ${one.cidr}`).sort(), routes: state.routes.map(routeWords).sort(), up: state.up,
});
const address = (device: string, cidr: string): Address => ({ device, cidr, broadcast: '', scope: 'global', label: '', leased: false, peer: '' });
const route = (to: string, via: string, device: string, metric: string, source: string): Route => ({ family: familyOf(to + via), to, via, device, table: 'main', metric, source, protocol: 'static', rest: '', odd: false });
const some = (...of: string[]): fc.Arbitrary<string[]> => fc.shuffledSubarray(of);

/** eth0 is to be the port, all it has moves; of eth1 some. */
const world = fc.record({
  eth0: some('10.0.0.1/24', '10.0.0.2/24', '10.0.9.1/24', 'fd00::1/64', 'fd00::2/64'), eth1: some('10.0.1.1/24', '10.0.1.2/24', '10.0.1.3/24', 'fd01::1/64'),
  also: some('10.0.1.1/24', '10.0.1.2/24', '10.0.1.3/24', 'fd01::1/64', '10.0.5.5/24'), port: fc.boolean(), up: fc.boolean(), promotes: fc.boolean(), gateway: fc.boolean(), source: fc.boolean(), cut: fc.nat(12),
}).map(({ eth0, eth1, also, port, up, source, gateway, ...rest }) => {
  const addresses = [...eth0.map((cidr) => address('eth0', cidr)), ...eth1.map((cidr) => address('eth1', cidr))];
  const v4 = (list: string[]): string => hostPart(list.find((cidr) => familyOf(cidr) === 'v4') ?? '');
  const routes = [
    ...(up && eth0.some((cidr) => cidr.startsWith('10.0.0.')) ? [route('default', '10.0.0.254', 'eth0', '', source ? v4(eth0) : ''), route('172.16.0.0/12', '10.0.0.253', 'eth0', '5', '')] : []),
    ...(up && v4(eth0) !== '' ? [route('10.8.0.0/16', '10.9.9.9', 'eth0', '', ''), route('10.9.9.9', '', 'eth0', '', '')] : []), // a gateway of no network of ours
    ...(eth1.some((cidr) => cidr.startsWith('10.0.1.')) ? [route('192.168.0.0/16', '10.0.1.254', 'eth1', '', '')] : []),
    ...(up && eth0.some((cidr) => familyOf(cidr) === 'v6') ? [route('fd77::/64', 'fd00::ff', 'eth0', '1024', '')] : []),
  ];
  const named = [...new Set([...(port ? eth0 : []), ...also])];
  const move = { bridge: 'br-ex', ports: port ? ['eth0'] : [], addresses: named, gateway: gateway && named.some((cidr) => cidr.startsWith('10.0.0.')) ? '10.0.0.250' : undefined };
  const found: NetState = { addresses, routes, up: { eth0: up, eth1: true } };
  return { found, move, ...rest };
});

test('every move reaches its end with no line refused, and every cut of it goes back to exactly what was found', () => {
  fc.assert(fc.property(world, ({ found, move, promotes, cut }) => {
    const start: NetState = { ...structuredClone(found), up: { ...found.up, 'br-ex': false } }, target = moved(found, move);
    const whole = structuredClone(start);
    expect(settle(whole, target, promotes)).toEqual([]);
    expect(plain(whole)).toEqual(plain(target));
    const half = structuredClone(start);
    settle(half, target, promotes, cut);
    settle(half, found, promotes);
    const { 'br-ex': _bridge, ...up } = half.up; // the bridge itself goes after it
    expect(plain({ ...half, up })).toEqual(plain(found));
  }), { numRuns: 500 });
});

test('the new is there before the old is taken away', () => {
  const found: NetState = { addresses: [address('eth0', '10.0.0.1/24')], routes: [route('default', '10.0.0.254', 'eth0', '', '')], up: { eth0: true } };
  const state: NetState = { ...structuredClone(found), up: { eth0: true, 'br-ex': false } };
  const target = moved(found, { bridge: 'br-ex', ports: ['eth0'], addresses: ['10.0.0.1/24'] });
  for (const line of transition(structuredClone(state), target).v4) {
    run(state, line, false);
    expect(state.addresses.length, line).toBeGreaterThan(0);
    expect(state.routes.length, line).toBe(1);
  }
});
