import type { Difference } from '../../proto/events.ts';
import { judgeHeartbeat } from './heartbeat.ts';

/** A row of os-services, of the compute and the volume service alike. */
export interface ServiceRow { binary: string; host: string; status: string; state: string; updated_at: string | null; disabled_reason?: string | null }
export interface WantedService { binary: string; host: string; status?: string | undefined }

/** Whether two names are one host: the services write some in lower case, and their database compares without case. */
export const sameHost = (one: string | null | undefined, other: string): boolean => one?.toLowerCase() === other.toLowerCase();

export const findService = (rows: ServiceRow[], { binary, host }: { binary: string; host: string }): ServiceRow | undefined => rows.find((row) => row.binary === binary && sameHost(row.host, host));

/**
 * What of the wanted services is not up, or not enabled as wanted. `up` alone is no proof: a dead one is shown so for as long as
 * its last report is held for fresh (60 s), hence the age of that too.
 */
export function judgeServices(rows: ServiceRow[], wanted: WantedService[], atS: number, maxAgeS: number): Difference[] {
  return wanted.flatMap((one) => {
    const what = `${one.binary} on ${one.host}`, row = findService(rows, one);
    if (row === undefined) {
      const others = rows.filter((other) => other.binary === one.binary).map((other) => other.host);
      return [{ what, found: others.length === 0 ? 'never reported' : `never reported (that binary is known on ${others.sort().join(', ')})`, wanted: 'up' }];
    }
    const differences: Difference[] = [];
    if (row.state !== 'up') differences.push({ what, found: row.state, wanted: 'up' });
    if (one.status !== undefined && one.status !== 'any' && row.status !== one.status) differences.push({ what: `status of ${what}`, found: `${row.status}${row.disabled_reason ? ` (${row.disabled_reason})` : ''}`, wanted: one.status });
    return [...differences, ...judgeHeartbeat(what, row.updated_at, atS, maxAgeS)];
  });
}

/** Rows of these binaries on hosts that nobody named: disabled or down, they may come back. */
export function judgeOthers(rows: readonly ServiceRow[], wanted: readonly WantedService[], binaries: readonly string[]): Difference[] {
  return rows.filter((row) => binaries.includes(row.binary) && !wanted.some((one) => one.binary === row.binary && sameHost(row.host, one.host)))
    .map(({ binary, host, status, state }) => ({ what: `${binary} on ${host}`, found: `known (${status}, ${state})`, wanted: 'one of the named hosts, or its row deleted' }));
}
