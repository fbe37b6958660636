import { StepError } from '../../proto/errors.ts';
import type { Json } from '../../proto/events.ts';
import { readInterface } from '../facts/network.ts';
import type { Host, Probe } from '../host/host.ts';
import { familyOf } from '../parse/ip.ts';
import { bridgeArgs, look, lookAtNet, refuseUnfit, running, type BridgeArgs, type BridgeState } from './bridge-look.ts';
import { moved, sameAddress, transition, type NetState } from './bridge-moves.ts';
import { fileNow, keptFiles, lookAtFiles, restoreFiles, saveFiles, SCRIPTS, touchesFiles, wantedFiles, writeFiles } from './ifcfg-files.ts';
import { finding, operation, type Finding } from './operation.ts';

/** Seconds that a gateway gets to answer: a switch learns the port's new place. */
const PINGS = 5;
/** A second round sees what the kernel took along with the first. */
const ROUNDS = 3;

/**
 * A bridge of Open vSwitch with its ports, addresses and default route (rows C8, N7b). Port, then addresses and routes, in two
 * processes; the bridge gets the port's hardware address, so that neighbours find it. Open vSwitch keeps bridge and
 * ports itself, addresses come back at a start only from ifcfg files. Unproven: `via: ifup`, tested on recordings against a
 * stand-in for RHEL's network scripts only. Errors: precondition_failed for a port that is missing,
 * on another bridge, or has an address that would be cut off.
 */
export const netOvsBridge = operation({
  name: 'net.ovs.bridge',
  summary: 'A bridge of Open vSwitch has its ports, its addresses and the default route',
  args: bridgeArgs, timeoutS: 180, mayKill: true,
  describe: ({ bridge, ports, addresses, gateway, via, confirmWithinS }) => `Bridge ${bridge} with ${ports.length === 0 ? 'no port of its own' : `port ${ports.join(', ')}`}${addresses.length === 0 ? '' : `, ${addresses.join(', ')}`}${gateway === undefined ? '' : `, gateway ${gateway}`} (${via})${confirmWithinS === undefined ? '' : `, undone after ${String(confirmWithinS)} s unless confirmed`}`,
  touches: ({ ifcfg }) => (ifcfg === undefined ? {} : touchesFiles(ifcfg)),
  async check(probe, wanted) {
    const found = await look(probe, wanted), files = await lookAtWanted(probe, wanted);
    const differences = [...running(found, wanted), ...files.differences];
    if (differences.length > 0) await refuseUnfit(probe, wanted, found);
    return finding({ ...found, files: files.found } as unknown as Json, differences);
  },
  async apply(host, wanted, found) {
    const before = found as unknown as BridgeState;
    if (wanted.via === 'ifup') await bringUp(host, wanted);
    else await makeBridge(host, wanted, before);
    await settle(host, wanted, moved(before, wanted), []);
  },
  verify: async (probe, wanted) => {
    const { found, differences } = await works(probe, wanted), files = await lookAtWanted(probe, wanted);
    return finding(found, [...differences, ...files.differences]);
  },
  async revert(host, wanted, found) {
    const before = found as unknown as BridgeState;
    const { ifcfg } = wanted;
    await allOf([
      async () => { if (ifcfg !== undefined) await restoreFiles(host, ifcfg); },
      () => settle(host, wanted, before, ['-force']),
      async () => { await host.act(['ovs-vsctl', '--timeout=20', '--', ...unmakeBridge(wanted, before)]); },
    ]);
  },
  confirmed: {
    withinS: ({ confirmWithinS }) => confirmWithinS,
    async prepare(host, { ifcfg }) { if (ifcfg !== undefined) await saveFiles(host, ifcfg); },
    works,
    async state(probe, wanted, found) {
      const before = found as unknown as BridgeState & { files: Record<string, string | null> }, files: Record<string, string | null> = {};
      for (const path of Object.keys(before.files)) files[path] = (await fileNow(probe, path)).state;
      const now = await look(probe, wanted);
      // A start of the host writes the broadcast address out, by hand it is often left out: no difference to anybody.
      const addresses = now.addresses.map((one) => ({ ...one, broadcast: before.addresses.find((old) => sameAddress(old, one))?.broadcast ?? one.broadcast }));
      return { ...now, addresses, files } as unknown as Json;
    },
    async keep(host, { ifcfg }) { if (ifcfg !== undefined) await writeFiles(host); },
    lasting: async (host, { ifcfg }) => (ifcfg === undefined ? [] : (await lookAtFiles(host, await keptFiles(host))).differences),
  },
});

async function lookAtWanted(probe: Probe, { ifcfg }: BridgeArgs): ReturnType<typeof lookAtFiles> {
  return ifcfg === undefined ? { found: {}, differences: [] } : await lookAtFiles(probe, await wantedFiles(probe, ifcfg));
}

/** The running state, and whether the gateway answers through it. */
async function works(probe: Probe, wanted: BridgeArgs): Promise<Finding> {
  const found = await look(probe, wanted), differences = running(found, wanted), { gateway, bridge } = wanted;
  if (gateway !== undefined && differences.length === 0) {
    const ping = familyOf(gateway) === 'v4' ? 'ping' : 'ping6';
    let answered = false;
    for (let turn = 0; turn < PINGS && !answered; turn += 1) answered = (await probe.read([ping, '-c', '1', '-W', '2', '-I', bridge, gateway], { okCodes: [0, 1, 2] })).exitCode === 0;
    if (!answered) differences.push({ what: `gateway ${gateway}`, found: `no answer over ${bridge}`, wanted: 'an answer to ping' });
  }
  return finding(found as unknown as Json, differences);
}

/** One transaction. The bridge takes the hardware address of the port that had the addresses: neighbours and switches know it. */
async function makeBridge(host: Host, wanted: BridgeArgs, before: BridgeState): Promise<void> {
  const { bridge, ports, datapath } = wanted, source = ports.find((port) => before.addresses.some((one) => one.device === port)) ?? (before.bridge === null ? ports[0] : undefined);
  const mac = source === undefined || (before.bridge?.hwaddr ?? '') !== '' ? undefined : (await readInterface(host, source))?.mac;
  await host.act(['ovs-vsctl', '--timeout=20', '--', '--may-exist', 'add-br', bridge,
    ...(datapath === 'system' ? [] : ['--', 'set', 'Bridge', bridge, `datapath_type=${datapath}`]),
    ...ports.flatMap((port) => ['--', '--may-exist', 'add-port', bridge, port]),
    ...(mac === undefined ? [] : ['--', 'set', 'Bridge', bridge, `other_config:hwaddr="${mac}"`])]);
}

function unmakeBridge({ bridge, ports }: BridgeArgs, before: BridgeState): string[] {
  if (before.bridge === null) return ['--if-exists', 'del-br', bridge];
  const pinned = before.bridge.hwaddr === '' ? ['remove', 'Bridge', bridge, 'other_config', 'hwaddr'] : ['set', 'Bridge', bridge, `other_config:hwaddr="${before.bridge.hwaddr}"`];
  return [...pinned, ...ports.filter((port) => before.owners[port] === null).flatMap((port) => ['--', '--if-exists', 'del-port', bridge, port])];
}

/** Ports first: `ifup` of a bridge adds none (README.RHEL of Open vSwitch). */
async function bringUp(host: Host, { bridge, ports, ifcfg }: BridgeArgs): Promise<void> {
  if (ifcfg !== undefined) await writeFiles(host);
  for (const name of [...ports, bridge]) {
    if (await host.stat(`${SCRIPTS}/ifcfg-${name}`) === undefined) throw new StepError('precondition_failed', `there is no ${SCRIPTS}/ifcfg-${name}: ifup would bring up nothing`);
  }
  for (const name of [...ports, bridge]) await host.act(['ifup', name]);
}

/** Does all, whatever fails, and tells of the first failure. */
async function allOf(acts: (() => Promise<void>)[]): Promise<void> {
  const failed: unknown[] = [];
  for (const act of acts) await act().catch((error: unknown) => { failed.push(error); });
  if (failed.length > 0) throw failed[0];
}

/** Makes addresses, routes and links as wanted, in as few processes as can be. */
async function settle(host: Host, args: BridgeArgs, wanted: NetState, options: string[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { v4, v6 } = transition(await lookAtNet(host, args, wanted.addresses.map((one) => one.device)), wanted);
    if (v4.length + v6.length === 0) return;
    const okCodes = options.includes('-force') ? [0, 1] : [0];
    if (v4.length > 0) await host.act(['ip', ...options, '-batch', '-'], { stdin: `${v4.join('\n')}\n`, okCodes });
    if (v6.length > 0) await host.act(['ip', '-6', ...options, '-batch', '-'], { stdin: `${v6.join('\n')}\n`, okCodes });
  }
}
