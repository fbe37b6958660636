import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { readAddresses, readBridges, readInterface, readInterfaces, readRoutes } from '../facts/network.ts';
import type { Probe } from '../host/host.ts';
import { familyOf, hostPart, routeWords, shortened, type Address } from '../parse/ip.ts';
import type { Bridge } from '../parse/ovs.ts';
import { isDefaultOver, isMovable, isSet, type NetState } from './bridge-moves.ts';
import { ifcfgArgs } from './ifcfg-files.ts';

const device = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/, 'expected the name of a network interface');
/** Addresses are compared as text with what the kernel prints. */
function asKernelWrites<T extends z.ZodType<string>>(address: T): T {
  return address.refine((text) => text === shortened(text), { error: ({ input }) => `expected the address as the kernel writes it: ${shortened(String(input))}` });
}
export const bridgeArgs = z.strictObject({
  bridge: device.describe('The bridge, such as br-ex; made where there is none'),
  ports: z.array(device).default([]).describe('Interfaces that are to be on it; what else is on it stays'),
  addresses: z.array(z.union([z.cidrv4(), asKernelWrites(z.cidrv6())])).default([]).describe('Addresses with prefix length that are to be on the bridge, moved from wherever they are, with the routes that went that way'),
  gateway: z.union([z.ipv4(), asKernelWrites(z.ipv6())]).optional().describe('Default gateway, reached over the bridge; it must answer a ping'),
  via: z.enum(['ovs-vsctl', 'ifup']).default('ovs-vsctl').describe('ovs-vsctl and ip, or RHEL\'s network scripts. The second is unproven: tested on recordings only'),
  ifcfg: ifcfgArgs.optional().describe('Files of bridge and ports for the next start. Written once the change is confirmed; with `via: ifup` before it'),
  datapath: z.enum(['system', 'netdev']).default('system').describe('netdev: forwarding in userspace, where the kernel has no openvswitch module'),
  confirmWithinS: z.int().min(5).max(3600).optional().describe('Seconds after which the agent goes back by itself unless the coordinator confirms over a new connection'),
});
export type BridgeArgs = z.infer<typeof bridgeArgs>;

/** The state a bridge step is about. */
export interface BridgeState extends NetState { bridge: { datapath: string; hwaddr: string } | null; owners: Record<string, string | null> }

export async function look(probe: Probe, wanted: BridgeArgs): Promise<BridgeState> {
  const bridges = await readBridges(probe), own = bridges.find(({ name }) => name === wanted.bridge);
  const owner = (port: string): string | null => bridges.find(({ ports }: Bridge) => ports.includes(port))?.name ?? null;
  return {
    ...await lookAtNet(probe, wanted), owners: Object.fromEntries(wanted.ports.map((port) => [port, owner(port)])),
    bridge: own === undefined ? null : { datapath: own.datapath, hwaddr: own.hwaddr },
  };
}

/** The bridge, its ports, and where else the addresses are or were. Needs no Open vSwitch: going back must not wait for it. */
export async function lookAtNet(probe: Probe, { bridge, ports, addresses }: BridgeArgs, before: string[] = []): Promise<NetState> {
  const all = (await readAddresses(probe)).filter(isMovable), hosts = addresses.map(hostPart);
  const devices = new Set([bridge, ...ports, ...before, ...all.filter(({ cidr }) => hosts.includes(hostPart(cidr))).map((one) => one.device)]);
  const routes = (await readRoutes(probe)).filter((route) => isSet(route) && (devices.has(route.device) || (route.to === 'default' && route.table === 'main')));
  const up: Record<string, boolean> = {};
  for (const name of [...ports, bridge]) { const one = await readInterface(probe, name); if (one !== undefined) up[name] = one.up; }
  // the kernel's order is kept for IPv4 (primary first) and means nothing for IPv6
  const rank = (one: Address): string => `${one.device} ${familyOf(one.cidr) === 'v4' ? '' : one.cidr}`;
  const order = <T>(list: T[], by: (one: T) => string): T[] => list.sort((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0));
  return { addresses: order(all.filter((one) => devices.has(one.device)), rank), routes: order(routes, (route) => `${route.family} ${routeWords(route)}`), up };
}

/** What of the running state is not as wanted. */
export function running(found: BridgeState, { bridge, ports, addresses, gateway }: BridgeArgs): Difference[] {
  const places = (cidr: string): Address[] => found.addresses.filter((one) => hostPart(one.cidr) === hostPart(cidr));
  const isThere = (cidr: string): boolean => places(cidr).length === 1 && places(cidr)[0]?.device === bridge && places(cidr)[0]?.cidr === cidr;
  const say = (cidr: string): string => places(cidr).map((one) => `${one.cidr === cidr ? '' : `${one.cidr} `}on ${one.device}`).join(' and ') || 'nowhere';
  const carries = addresses.length > 0 || gateway !== undefined; // else its own link is nobody's: it forwards all the same, and a boot leaves it down
  const defaults = found.routes.filter(({ to, table, family }) => to === 'default' && table === 'main' && family === familyOf(gateway ?? ''));
  return [
    ...(found.bridge === null ? [{ what: `bridge ${bridge}`, found: 'missing', wanted: 'there' }] : []),
    ...ports.filter((port) => found.owners[port] !== bridge).map((port) => ({ what: `port ${port}`, found: found.owners[port] === null ? 'on no bridge' : `on ${found.owners[port] ?? 'no bridge'}`, wanted: `on ${bridge}` })),
    ...[...carries ? [bridge] : [], ...ports].filter((name) => found.up[name] === false).map((name) => ({ what: `link ${name}`, found: 'down', wanted: 'up' })),
    ...addresses.filter((cidr) => !isThere(cidr)).map((cidr) => ({ what: `address ${cidr}`, found: say(cidr), wanted: `on ${bridge}` })),
    ...(gateway === undefined || defaults.some(isDefaultOver(gateway, bridge)) ? [] : [{ what: 'default route', found: defaults.map(routeWords).join(' and ') || 'none', wanted: `via ${gateway} dev ${bridge}` }]),
  ];
}

/** Everything that would cut something off for good is found before anything is touched. */
export async function refuseUnfit(probe: Probe, wanted: BridgeArgs, found: BridgeState): Promise<void> {
  const refuse = (why: string): never => { throw new StepError('precondition_failed', why); };
  const { bridge, ports, datapath } = wanted, hosts = wanted.addresses.map(hostPart), here = await readInterfaces(probe);
  if (found.bridge === null && here.has(bridge)) refuse(`${bridge} is an interface of this host, but no bridge of Open vSwitch`);
  if (found.bridge !== null && found.bridge.datapath !== datapath) refuse(`bridge ${bridge} has the datapath ${found.bridge.datapath}, not ${datapath}`);
  for (const port of ports) {
    const real = here.get(port) ?? refuse(`this host has no interface ${port}; it has ${[...here.keys()].filter((name) => name !== 'lo').join(', ')}`), owner = found.owners[port] ?? null;
    if (owner !== null && owner !== bridge) refuse(`port ${port} is on bridge ${owner}, not on ${bridge}: take it off there first`);
    if (real.master !== '' && real.master !== 'ovs-system') refuse(`${port} is part of ${real.master}`);
    const cut = found.addresses.find((one) => one.device === port && !hosts.includes(hostPart(one.cidr)));
    if (cut !== undefined) refuse(`${port} has ${cut.cidr}, which \`addresses\` does not name: it would stop working when ${port} is a port of ${bridge}`);
  }
  const moving = found.addresses.filter(({ device: name, cidr }) => name !== bridge && hosts.includes(hostPart(cidr)));
  const leased = moving.find((one) => one.leased || one.peer !== '');
  if (leased !== undefined) refuse(`${leased.cidr} on ${leased.device} is ${leased.peer === '' ? 'leased (DHCP): its client would put it back there' : 'a point-to-point address'}`);
  const odd = found.routes.find((route) => route.odd && (ports.includes(route.device) || moving.some((one) => one.device === route.device) || (wanted.gateway !== undefined && route.to === 'default' && route.family === familyOf(wanted.gateway))));
  if (odd !== undefined) refuse(`the route ${routeWords(odd)} could not be put back as it is`);
}
