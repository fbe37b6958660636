import type { Difference } from '../../proto/events.ts';
import { named, taskOf, type Migration, type Server } from './servers.ts';

/** What is still on a host. */
export function notEmpty(host: string, servers: Server[], migrations: Migration[]): Difference[] {
  return [
    ...servers.map((one) => ({ what: `instance ${named(one)}`, found: `${one.status}${taskOf(one) === null ? '' : `, task_state ${taskOf(one) ?? ''}`} on ${host}`, wanted: 'elsewhere' })),
    ...migrations.map((one) => ({ what: `migration ${one.id} of instance ${one.instance_uuid}`, found: `${one.status}, ${one.source_compute ?? '?'} to ${one.dest_compute ?? '?'}`, wanted: 'confirmed, reverted or failed' })),
  ];
}
