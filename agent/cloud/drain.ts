import { StepError } from '../../proto/errors.ts';
import { pause, watch } from './acts.ts';
import { confirmOrRevert, migrate, migrateLive, prepare, putBack, type Drain, type Failure } from './drain-moves.ts';
import { judge, noteOf, say, type Node, type Verdict } from './drain-verdict.ts';
import { hostOf, named, readHost, taskOf, type Migration, type Server } from './servers.ts';
import { sameHost, type ServiceRow } from './services.ts';
import type { Cloud } from './session.ts';

/** Compute hosts as places: up, enabled, and with which hypervisor. */
export async function readNodes(cloud: Cloud): Promise<Node[]> {
  const { hypervisors } = await cloud.get<{ hypervisors: { hypervisor_version: number; service: { host: string } }[] }>('compute', '/os-hypervisors/detail');
  const { services } = await cloud.get<{ services: ServiceRow[] }>('compute', '/os-services?binary=nova-compute');
  return hypervisors.map((one) => ({
    host: one.service.host, hypervisorVersion: one.hypervisor_version,
    ready: services.some((row) => sameHost(row.host, one.service.host) && row.state === 'up' && row.status === 'enabled'),
  }));
}

/** Whether an instance in VERIFY_RESIZE waits for its owner's word: its flavour changed, which a cold migration keeps. By the newest migration that can be confirmed; undefined for none. */
export function isOwnersResize(migrations: Migration[], id: string): boolean | undefined {
  const waiting = migrations.filter((one) => one.instance_uuid === id && ['finished', 'confirming', 'reverting'].includes(one.status));
  const [newest] = waiting.sort((a, b) => b.id - a.id);
  return newest === undefined ? undefined : newest.old_instance_type_id !== newest.new_instance_type_id;
}

/** Asked for the host that the instance is on, where its newest migration ends, and right before it is judged: an owner may resize meanwhile. */
async function readOwnersResize(d: Drain, server: Server): Promise<boolean | undefined> {
  const { migrations } = await d.cloud.get<{ migrations: Migration[] }>('compute', `/os-migrations?host=${encodeURIComponent(hostOf(server))}`);
  return isOwnersResize(migrations, server.id);
}

/** All that this drain has to do with: on the host, under way from it, and moved but not yet put back into its state. */
export async function readWork(cloud: Cloud, host: string): Promise<{ servers: Server[]; migrations: Migration[]; notPutBack: Server[] }> {
  const { servers, migrations } = await readHost(cloud, host);
  const all = await cloud.list<Server>('compute', '/servers/detail?all_tenants=1', 'servers');
  return { servers, migrations, notPutBack: all.filter((one) => noteOf(one, host) !== undefined && !sameHost(hostOf(one), host)) };
}

/**
 * Moves every instance away (procedure.md 5.8). All state is in the API, so that a drain that was killed goes on where the instances
 * are. Gives what stands in the way of an empty host; [] for nothing. Throws StepError where a service does not answer.
 */
export async function drain(d: Drain): Promise<string[]> {
  const untilMs = performance.now() + d.limits.deadlineS * 1000;
  const over = new Map<string, string>(); // given up, by id, with the reason
  const elsewhere = new Map<string, number>(); // when it was first found to be elsewhere, by id
  let errors = 0, lastRound = false;
  const stopped = (): string | undefined => (errors > d.limits.errorBudget ? `not begun: ${errors} moves have failed, ${d.limits.errorBudget} may` : performance.now() > untilMs ? `not begun: the ${d.limits.deadlineS} s are over` : undefined);
  for (;;) {
    const work = await readWork(d.cloud, d.rules.host);
    const toMove = new Set([...work.servers, ...work.notPutBack].map((one) => one.id));
    for (const one of work.migrations) {
      const sinceMs = elsewhere.get(one.instance_uuid);
      // A record may be ended a moment after its instance; one that is not has lost its move.
      if (sinceMs !== undefined && !toMove.has(one.instance_uuid) && performance.now() - sinceMs >= d.limits.noticeS * 1000) over.set(one.instance_uuid, stale(one));
    }
    const ids = [...new Set([...toMove, ...work.migrations.map((one) => one.instance_uuid)])].filter((id) => !over.has(id));
    if (ids.length === 0) return [...over.values()];
    if (lastRound) return [...over.values(), ...ids.map((id) => `instance ${id}: still to be done when the ${d.limits.deadlineS} s were over`)];
    lastRound = performance.now() > untilMs;
    const thrown: unknown[] = [];
    const next = async (): Promise<void> => {
      for (let id = ids.shift(); id !== undefined; id = ids.shift()) {
        try {
          const problem = await moveOne(d, id, stopped, () => { errors += 1; });
          if (problem !== undefined) over.set(id, problem);
          else if (!elsewhere.has(id)) elsewhere.set(id, performance.now());
        } catch (error) {
          thrown.push(error);
          ids.length = 0; // nobody begins another; what is under way is waited for, so that nothing acts after the end
        }
      }
    };
    await Promise.allSettled(Array.from({ length: d.limits.concurrency }, next));
    if (thrown.length > 0) throw thrown[0];
    await pause();
  }
}

/** A migration that goes on for ever in the records alone: no call of the service ends it. */
const stale = (one: Migration): string => `instance ${one.instance_uuid}: it is elsewhere, but its migration ${one.id} (${one.source_compute ?? '?'} to ${one.dest_compute ?? '?'}) still is ${one.status}: see that nothing of the instance is left on the host that it came from, then set the status of row ${one.id} in table migrations of the compute service's database to error`;

/** One instance to its end: elsewhere (undefined), or why not. */
async function moveOne(d: Drain, id: string, stopped: () => string | undefined, failed: () => void): Promise<string | undefined> {
  const tried = new Set<string>();
  let before: string | undefined; // its status when this drain began its cold migration
  for (let failures: string[] = []; ;) {
    let server: Server | undefined, ownersResize: boolean | undefined;
    const unseen = await failureOf(async () => {
      server = await settle(d, id);
      if (server?.status === 'VERIFY_RESIZE') ownersResize = await readOwnersResize(d, server);
      return undefined;
    });
    if (unseen !== undefined) {
      failed();
      failures = [...failures, unseen];
      if (failures.length >= d.limits.tries) return `instance ${id}: ${failures.join('; then ')}`;
      continue;
    }
    if (server === undefined) return undefined; // its owner deleted it
    const verdict = judge(server, d.rules, d.nodes, ownersResize, before);
    const giveUp = verdict.how === 'blocked' ? verdict.why
      : verdict.how === 'gone' || verdict.how === 'confirm' ? undefined
        : failures.length >= d.limits.tries ? failures.join('; then ') : stopped();
    if (giveUp !== undefined || verdict.how === 'gone') {
      const moved = server, notBack = await failureOf(() => putBack(d, moved));
      if (giveUp === undefined && notBack === undefined) { d.host.progress(`${named(server)} is ${server.status} on ${hostOf(server)}`); return undefined; }
      const why = [giveUp, notBack].filter((text) => text !== undefined).join('; ');
      d.host.progress(`${named(server)} stays: ${why}`);
      return `${named(server)}: ${why}`;
    }
    d.host.progress(`${named(server)}: ${say(verdict)}`);
    if (verdict.how === 'cold') before = server.status;
    const failure = await attempt(d, server, verdict, tried, before);
    if (failure === undefined) continue;
    failed();
    failures = [...failures, failure];
    d.host.progress(`${named(server)}: ${failure}`);
    // Where it moved and cannot be confirmed nor reverted, the same would be tried for ever.
    if (verdict.how === 'confirm' && failures.length >= d.limits.tries) return `${named(server)}: ${failures.join('; then ')}`;
  }
}

const attempt = (d: Drain, server: Server, verdict: Verdict, tried: Set<string>, before: string | undefined): Promise<Failure> => failureOf(async () => {
  switch (verdict.how) {
    case 'prepare': return await prepare(d, server, verdict);
    case 'confirm': return await confirmOrRevert(d, server, before);
    case 'live': return await migrateLive(d, server, verdict.targets, tried);
    case 'cold': return await migrate(d, server);
    default: return undefined;
  }
});

/** What a service did not do for one instance is that instance's failure, and not the drain's. */
async function failureOf(part: () => Promise<Failure>): Promise<Failure> {
  try {
    return await part();
  } catch (error) {
    if (error instanceof StepError && error.code === 'command_failed') return error.message;
    throw error;
  }
}

/** Waits until nothing is under way with an instance, for as long as one move may take. */
async function settle(d: Drain, id: string): Promise<Server | undefined> {
  return await watch(d.cloud, id, performance.now() + d.limits.instanceS * 1000, (one) => taskOf(one) === null && !['BUILD', 'RESIZE', 'REBUILD', 'REVERT_RESIZE'].includes(one.status));
}
