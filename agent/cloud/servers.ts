import { sameHost } from './services.ts';
import type { Cloud } from './session.ts';

/** What an administrator is told of an instance. */
export interface Server {
  id: string; name: string; status: string; tenant_id: string;
  addresses?: Record<string, { addr: string; version: number; 'OS-EXT-IPS:type'?: string }[]>;
  metadata?: Record<string, string>;
  fault?: { message?: string; code?: number };
  'OS-EXT-SRV-ATTR:host': string | null;
  'OS-EXT-STS:task_state': string | null;
  'OS-EXT-STS:vm_state': string;
  /** 0 none, 1 running, 3 paused, 4 off, 7 suspended. */
  'OS-EXT-STS:power_state': number;
  'OS-SRV-USG:launched_at': string | null;
}

export const hostOf = (server: Server): string => server['OS-EXT-SRV-ATTR:host'] ?? '';
export const taskOf = (server: Server): string | null => server['OS-EXT-STS:task_state'];
export const named = (server: Server): string => `${server.name} (${server.id})`;

/** The first fixed address. */
export const fixedAddress = (server: Server): string | undefined => Object.values(server.addresses ?? {}).flat().find((one) => (one['OS-EXT-IPS:type'] ?? 'fixed') === 'fixed')?.addr;

/** A cold migration; live ones are not listed by the old releases. */
export interface Migration { id: number; instance_uuid: string; status: string; source_compute: string | null; dest_compute: string | null; old_instance_type_id: number; new_instance_type_id: number }

/** States in which a migration is over. */
const OVER = ['confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done'];

/** Instances on a host, and migrations to or from it that are not over. The filters are not relied on: what they leave out or in is looked at again. */
export async function readHost(cloud: Cloud, host: string): Promise<{ servers: Server[]; migrations: Migration[] }> {
  const servers = (await cloud.list<Server>('compute', `/servers/detail?all_tenants=1&host=${encodeURIComponent(host)}`, 'servers')).filter((one) => sameHost(hostOf(one), host));
  const { migrations } = await cloud.get<{ migrations: Migration[] }>('compute', `/os-migrations?host=${encodeURIComponent(host)}`);
  const open = migrations.filter((one) => (sameHost(one.source_compute, host) || sameHost(one.dest_compute, host)) && !OVER.includes(one.status));
  const living: Migration[] = [];
  for (const one of open) if (await readServer(cloud, one.instance_uuid) !== undefined) living.push(one); // a deleted instance's is never ended
  return { servers, migrations: living };
}

/** One instance; undefined when there is none of that id. */
export async function readServer(cloud: Cloud, id: string): Promise<Server | undefined> {
  const answer = await cloud.ask('compute', `/servers/${id}`);
  return answer.status === 404 ? undefined : cloud.read<{ server: Server }>('compute', `/servers/${id}`, answer).server;
}
