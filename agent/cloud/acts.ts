import { StepError } from '../../proto/errors.ts';
import type { Host, HttpAnswer } from '../host/host.ts';
import { faultMessage } from '../parse/api-answer.ts';
import type { Cloud } from './session.ts';
import { named, readServer, type Server } from './servers.ts';

/** An act that a service did not take. */
export const refusal = (service: string, what: string, answer: HttpAnswer): StepError =>
  new StepError('command_failed', `the ${service} service answers HTTP ${answer.status} to ${what}: ${faultMessage(answer.body)}`);

/** One action of an instance: undefined when it was taken (200, 202, 204), else the answer. */
export async function actOn(host: Host, cloud: Cloud, server: Server, action: Record<string, unknown>): Promise<HttpAnswer | undefined> {
  const answer = await cloud.act(host, 'compute', 'POST', `/servers/${server.id}/action`, action);
  return [200, 202, 204].includes(answer.status) ? undefined : answer;
}

const POLL_MS = 2000;
export const pause = (ms = POLL_MS): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Looks at an instance until `done` says so or it is gone; the last look in either case, also when the time is over. A look that fails is repeated. */
export async function watch(cloud: Cloud, id: string, untilMs: number, done: (server: Server) => boolean): Promise<Server | undefined> {
  for (;;) {
    let last: StepError | undefined, server: Server | undefined;
    try {
      server = await readServer(cloud, id);
      if (server === undefined || done(server)) return server;
    } catch (error) {
      if (!(error instanceof StepError) || error.code !== 'command_failed') throw error;
      last = error;
    }
    if (performance.now() >= untilMs) {
      if (last !== undefined) throw last;
      return server;
    }
    await pause();
  }
}

/** Deletes an instance and waits until it is gone. Throws StepError command_failed, with what is left behind. */
export async function remove(host: Host, cloud: Cloud, server: Server, forMs: number): Promise<void> {
  const answer = await cloud.act(host, 'compute', 'DELETE', `/servers/${server.id}`);
  if (answer.status !== 204 && answer.status !== 404) throw refusal('compute', `DELETE of ${named(server)}`, answer);
  const left = await watch(cloud, server.id, performance.now() + forMs, (one) => one.status === 'DELETED');
  if (left !== undefined && left.status !== 'DELETED') throw new StepError('command_failed', `${named(server)} was deleted, and is still there ${Math.round(forMs / 1000)} s later (${left.status}, task_state ${left['OS-EXT-STS:task_state'] ?? 'none'})`);
}
