import { familyOf, hostPart, onNetwork, routeWords, type Address, type Family, type Route } from '../parse/ip.ts';

/** Addresses, routes and links of the interfaces that a bridge step is about. */
export interface NetState {
  addresses: Address[];
  routes: Route[];
  /** Only interfaces that exist. */
  up: Record<string, boolean>;
}

/** An address under which nobody outside can reach the host is not moved: the kernel makes it for each link. */
export const isMovable = ({ scope }: Address): boolean => scope !== 'link' && scope !== 'host';
/** Routes that somebody set for good; the kernel and routers make theirs again. */
export const isSet = ({ protocol, rest }: Route): boolean => !['kernel', 'ra', 'redirect'].includes(protocol) && !/\bexpires\b/.test(rest);
export const sameAddress = (a: Address, b: Address): boolean => a.device === b.device && a.cidr === b.cidr;
const sameRoute = (a: Route, b: Route): boolean => a.family === b.family && routeWords(a) === routeWords(b);
/** What the kernel takes for one route: `ip route replace` puts the new in the old one's place. */
const slot = ({ family, to, table, metric, rest }: Route): string => [family, to, table, metric, /\btos \S+/.exec(rest)?.[0] ?? ''].join(' ');

export interface Move { bridge: string; ports: string[]; addresses: string[]; gateway?: string | undefined }

/** The state after the move: addresses on the bridge, and with them every route that went through where they were. */
export function moved(found: NetState, { bridge, ports, addresses, gateway }: Move): NetState {
  const hosts = addresses.map(hostPart), leaves = (one: Address): boolean => hosts.includes(hostPart(one.cidr));
  const left = new Set(found.addresses.filter((one) => leaves(one) && one.device !== bridge).map(({ device }) => device));
  const arriving = addresses.map((cidr): Address => {
    const old = found.addresses.find((one) => hostPart(one.cidr) === hostPart(cidr));
    return { device: bridge, cidr, broadcast: old?.broadcast ?? (familyOf(cidr) === 'v4' ? '+' : ''), scope: old?.scope ?? 'global', label: '', leased: false, peer: '' };
  });
  const stays = found.addresses.filter((one) => !leaves(one));
  const follows = (route: Route): boolean => ports.includes(route.device) || (left.has(route.device) && addresses.some((cidr) => onNetwork(route.via, cidr)));
  const routes = found.routes.map((route) => (follows(route) ? { ...route, device: bridge } : route));
  const up = { ...found.up, [bridge]: true, ...Object.fromEntries(ports.map((port) => [port, true])) };
  return { addresses: [...stays, ...arriving], routes: gateway === undefined ? routes : withDefault(routes, gateway, bridge), up };
}

export const isDefaultOver = (gateway: string, bridge: string) => (route: Route): boolean => route.to === 'default' && route.table === 'main' && route.via === gateway && route.device === bridge;

function withDefault(routes: Route[], gateway: string, bridge: string): Route[] {
  if (routes.some(isDefaultOver(gateway, bridge))) return routes;
  const wanted: Route = { family: familyOf(gateway), to: 'default', via: gateway, device: bridge, table: 'main', metric: '', source: '', protocol: '', rest: '', odd: false };
  return [...routes.filter((route) => slot(route) !== slot(wanted)), wanted];
}

/** Addresses of one interface that must go and come again: the kernel's order says which is the primary one. IPv6 has no such order. */
function misplaced(now: NetState, wanted: NetState): Address[] {
  return [...new Set(now.addresses.map(({ device }) => device))].flatMap((device) => {
    const of = (state: NetState): Address[] => state.addresses.filter((one) => one.device === device && familyOf(one.cidr) === 'v4');
    const kept = of(now).filter((one) => of(wanted).some((other) => sameAddress(one, other)));
    const first = kept.findIndex((one, at) => of(wanted)[at]?.cidr !== one.cidr);
    return first < 0 ? [] : kept.slice(first);
  });
}

/**
 * Lines for `ip -batch` that lead from one state to the other. The new is made before the old is taken away, so that no
 * moment is without the address; routes are replaced in place.
 */
export function transition(now: NetState, wanted: NetState): Record<Family, string[]> {
  const link = (to: boolean): string[] => Object.keys(wanted.up).filter((name) => wanted.up[name] === to && (now.up[name] ?? false) !== to).map((name) => `link set dev ${name} ${to ? 'up' : 'down'}`);
  const again = misplaced(now, wanted);
  const lines = (family: Family): string[] => {
    const here = ({ cidr }: Address): boolean => familyOf(cidr) === family, ofFamily = (route: Route): boolean => route.family === family;
    const takenFirst = again.filter(here).reverse();
    const added = wanted.addresses.filter((one) => here(one) && !(now.addresses.some((other) => sameAddress(one, other)) && !again.some((other) => sameAddress(one, other))));
    const gone = now.addresses.filter((one) => here(one) && !wanted.addresses.some((other) => sameAddress(one, other))).reverse(); // secondaries first: a primary takes them along
    const set = wanted.routes.filter((route) => ofFamily(route) && !now.routes.some((other) => sameRoute(route, other)));
    const cleared = now.routes.filter((route) => ofFamily(route) && !wanted.routes.some((other) => sameRoute(route, other)) && !set.some((other) => slot(other) === slot(route)));
    return [
      ...takenFirst.map(del), ...added.map(put),
      ...set.sort((a, b) => Number(a.via !== '') - Number(b.via !== '')).map((route) => `route replace ${routeWords(route)}`),
      ...cleared.map((route) => `route del ${routeWords(route)}`), ...gone.map(del),
    ];
  };
  return { v4: [...link(true), ...lines('v4'), ...link(false)], v6: lines('v6') };
}

const del = ({ cidr, device }: Address): string => `addr del ${cidr} dev ${device}`;
function put({ cidr, device, broadcast, scope, label }: Address): string {
  const v4 = familyOf(cidr) === 'v4';
  return `addr replace ${cidr}${v4 && broadcast !== '' ? ` brd ${broadcast}` : ''}${scope === '' ? '' : ` scope ${scope}`}${label === '' ? '' : ` label ${label}`} dev ${device}${v4 ? '' : ' nodad'}`;
}
