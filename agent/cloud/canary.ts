import { StepError } from '../../proto/errors.ts';
import type { Host } from '../host/host.ts';
import { actOn, pause, refusal, remove, watch } from './acts.ts';
import { fixedAddress, hostOf, named, taskOf, type Server } from './servers.ts';
import { sameHost } from './services.ts';
import type { Cloud } from './session.ts';

export interface Canary { host: string; zone: string; name: string; image: string; flavor: string; network?: string | undefined; reachPort?: number | undefined; stuckMeans?: string | undefined; bootS: number }

/** A canary has this name until it is proven, so that one that failed is never taken for one that did not. */
const trial = (name: string): string => `${name}-trial`;

/** Whether a deleted instance of that name ran on the host, and what was left undeleted; of our own tenant, since any tenant may use the name. */
export async function findCanaries(cloud: Cloud, a: Canary): Promise<{ proven: boolean; left: Server[] }> {
  const filter = `&name=${encodeURIComponent(a.name)}`; // a part of the name will do for the service
  const deleted = await cloud.list<Server>('compute', `/servers/detail?deleted=1&all_tenants=1${filter}`, 'servers');
  const living = await cloud.list<Server>('compute', `/servers/detail?all_tenants=1${filter}`, 'servers');
  const ours = (one: Server): boolean => one.tenant_id === cloud.tenantId;
  return {
    proven: deleted.some((one) => ours(one) && one.name === a.name && one.status === 'DELETED' && one['OS-SRV-USG:launched_at'] !== null && sameHost(hostOf(one), a.host)),
    left: living.filter((one) => ours(one) && (one.name === a.name || one.name === trial(a.name))),
  };
}

export async function clearCanaries(host: Host, cloud: Cloud, a: Canary): Promise<void> {
  for (const one of (await findCanaries(cloud, a)).left) {
    host.progress(`deleting ${named(one)}, left behind by an earlier try`);
    await remove(host, cloud, one, a.bootS * 1000);
  }
}

/** Boots it, proves it, deletes it. Whatever fails, it is deleted; throws StepError command_failed with the reason. */
export async function flyCanary(host: Host, cloud: Cloud, a: Canary): Promise<void> {
  const body = { server: {
    name: trial(a.name), imageRef: await idOf(cloud, 'image', a.image), flavorRef: await idOf(cloud, 'flavor', a.flavor),
    ...(a.network === undefined ? {} : { networks: [{ uuid: await idOf(cloud, 'network', a.network) }] }),
    min_count: 1, max_count: 1, availability_zone: `${a.zone}:${a.host}`,
  } };
  const id = await boot(host, cloud, a, body).catch((error: unknown) => thenRethrow(error, () => clearCanaries(host, cloud, a))); // one without an answer may have booted all the same
  host.progress(`${trial(a.name)} (${id}) is booting on ${a.host}`);
  const canary = { id, name: trial(a.name) } as Server;
  try {
    await prove(host, cloud, a, id);
  } catch (error) {
    await thenRethrow(error, () => remove(host, cloud, canary, a.bootS * 1000));
  }
  await remove(host, cloud, canary, a.bootS * 1000);
}

/** The id of the instance that the service took. */
async function boot(host: Host, cloud: Cloud, a: Canary, body: unknown): Promise<string> {
  const answer = await cloud.act(host, 'compute', 'POST', '/servers', body);
  if (answer.status !== 202) throw refusal('compute', `the boot of ${trial(a.name)} on ${a.host}`, answer);
  return cloud.read<{ server: { id: string } }>('compute', '/servers', { ...answer, status: 200 }).server.id;
}

/** Cleans up after a failure, and throws that; what the cleaning up failed with is told too. */
async function thenRethrow(error: unknown, cleanUp: () => Promise<void>): Promise<never> {
  await cleanUp().catch((more: unknown) => { throw new StepError('command_failed', `${(error as Error).message}; and then: ${(more as Error).message}`); });
  throw error;
}

async function prove(host: Host, cloud: Cloud, a: Canary, id: string): Promise<void> {
  const fail = (why: string): StepError => new StepError('command_failed', `${trial(a.name)} (${id}) ${why}`);
  const server = await watch(cloud, id, performance.now() + a.bootS * 1000, (one) => one.status !== 'BUILD' && taskOf(one) === null);
  if (server === undefined) throw fail('vanished while it booted');
  if (server.status === 'BUILD') throw fail(`still is in BUILD (task_state ${taskOf(server) ?? 'none'}) after ${a.bootS} s, without a fault${a.stuckMeans === undefined ? '' : `: ${a.stuckMeans}`}`);
  if (server.status !== 'ACTIVE') throw fail(`ended in ${server.status}: ${server.fault?.message ?? 'no fault is told'}`);
  if (!sameHost(hostOf(server), a.host)) throw fail(`is ACTIVE on ${hostOf(server)} and not on ${a.host}`);
  host.progress(`${trial(a.name)} is ACTIVE on ${a.host}`);
  const until = performance.now() + a.bootS * 1000;
  // The first call after an outage of the broker may fail though all is well: asked again.
  for (let why; (why = await consoleRefusal(host, cloud, server)) !== undefined; await pause()) {
    if (performance.now() >= until) throw fail(`gives no console: ${why}`);
  }
  const address = fixedAddress(server);
  while (a.reachPort !== undefined) {
    if (address !== undefined && await host.connects(address, a.reachPort, 5)) break;
    if (performance.now() >= until) throw fail(`does not answer on port ${a.reachPort} of ${address ?? 'no address'}`);
    await pause();
  }
  const renamed = await cloud.act(host, 'compute', 'PUT', `/servers/${id}`, { server: { name: a.name } });
  if (renamed.status !== 200) throw refusal('compute', `the new name of ${trial(a.name)}`, renamed);
}

/** Why the console is not given; a call without an answer is a reason like any other. */
async function consoleRefusal(host: Host, cloud: Cloud, server: Server): Promise<string | undefined> {
  try {
    const refused = await actOn(host, cloud, server, { 'os-getConsoleOutput': { length: 10 } });
    return refused === undefined ? undefined : refusal('compute', 'os-getConsoleOutput', refused).message;
  } catch (error) {
    if (error instanceof StepError && error.code === 'command_failed') return error.message;
    throw error;
  }
}

const PLACES = { image: ['image', '/v2/images', 'images'], flavor: ['compute', '/flavors/detail?is_public=None', 'flavors'], network: ['network', '/v2.0/networks', 'networks'] } as const;

/** The id of what is named so; throws StepError precondition_failed when there is none, or more than one. */
async function idOf(cloud: Cloud, what: keyof typeof PLACES, name: string): Promise<string> {
  const [type, path, key] = PLACES[what];
  const all = await cloud.list<{ id: string; name: string }>(type, path, key);
  const found = all.some((one) => one.id === name) ? [name] : all.filter((one) => one.name === name).map((one) => one.id);
  if (found[0] === undefined || found.length > 1) throw new StepError('precondition_failed', `${found.length === 0 ? 'there is no' : `${found.length} have the name of the`} ${what} "${name}"`);
  return found[0];
}
