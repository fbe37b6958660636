import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { parseIpAddresses, parseIpRoutes, type Address, type Route } from '../parse/ip.ts';
import { parseBridges, type Bridge } from '../parse/ovs.ts';

/** A network interface as /sys has it: no process. */
export interface Interface {
  /** Lower case, as the kernel prints it. */
  mac: string;
  up: boolean;
  /** What it is a part of (a bond, a Linux bridge, ovs-system); else empty. */
  master: string;
}

const SYS = '/sys/class/net';

/** undefined where this host has none of that name. */
export async function readInterface(probe: Probe, name: string): Promise<Interface | undefined> {
  const mac = await probe.readFile(`${SYS}/${name}/address`);
  if (mac === undefined) return undefined;
  const flags = Number((await probe.readFile(`${SYS}/${name}/flags`) ?? '0').trim());
  return { mac: mac.trim().toLowerCase(), up: (flags & 1) === 1, master: (await probe.stat(`${SYS}/${name}/master`))?.linkTarget?.split('/').at(-1) ?? '' };
}

/** All interfaces by name. */
export async function readInterfaces(probe: Probe): Promise<Map<string, Interface>> {
  const found = new Map<string, Interface>();
  for (const name of await probe.list(SYS)) {
    const one = await readInterface(probe, name);
    if (one !== undefined) found.set(name, one);
  }
  return found;
}

export const readAddresses = async (probe: Probe): Promise<Address[]> => parseIpAddresses((await probe.read(['ip', '-o', 'addr'])).stdout);

/** Unicast routes of every table and both families. */
export async function readRoutes(probe: Probe): Promise<Route[]> {
  const read = async (option: '-4' | '-6'): Promise<Route[]> => parseIpRoutes((await probe.read(['ip', option, '-o', 'route', 'show', 'table', 'all'])).stdout, option === '-4' ? 'v4' : 'v6');
  return [...await read('-4'), ...await read('-6')];
}

/** Bridges of Open vSwitch with their ports. Throws StepError command_failed where its database does not answer. */
export async function readBridges(probe: Probe): Promise<Bridge[]> {
  let stdout: string;
  try {
    ({ stdout } = await probe.read(['ovs-vsctl', '--timeout=5', '--format=json', '--', '--columns=name,ports,datapath_type,other_config', 'list', 'Bridge', '--', '--columns=_uuid,name', 'list', 'Port']));
  } catch (error) {
    // Not installed yet, or not started: an earlier step brings it, so a dry run cannot tell.
    if (!(error instanceof StepError) || error.code !== 'command_failed') throw error;
    throw new StepError('precondition_failed', `Open vSwitch does not answer: ${error.message}`, error.failure);
  }
  try {
    return parseBridges(stdout);
  } catch (error) {
    throw new StepError('command_failed', `ovs-vsctl printed what is no list of bridges: ${(error as Error).message}`);
  }
}
