import { StepError } from '../../proto/errors.ts';
import type { Host } from '../host/host.ts';
import { faultMessage } from '../parse/api-answer.ts';
import { actOn, pause, watch } from './acts.ts';
import { NOTE_KEY, noteFor, noteOf, type DrainRules, type Node, type Note, type Verdict } from './drain-verdict.ts';
import { hostOf, readServer, taskOf, type Server } from './servers.ts';
import { sameHost } from './services.ts';
import type { Cloud } from './session.ts';

export interface DrainLimits {
  /** Instances under way at a time. */
  concurrency: number;
  /** Failed moves after which no other is begun. */
  errorBudget: number;
  /** Tries for one instance. */
  tries: number;
  /** Seconds for one move of one instance. */
  instanceS: number;
  /** Seconds in which an accepted move must show. */
  noticeS: number;
  /** Seconds for all of it; what is under way then is finished. */
  deadlineS: number;
}

export interface Drain { host: Host; cloud: Cloud; rules: DrainRules; limits: DrainLimits; nodes: Node[]; load: Map<string, number> }
/** How one try went: undefined for well. */
export type Failure = string | undefined;

const until = (d: Drain): number => performance.now() + d.limits.instanceS * 1000;

/** Starts one action; why it was refused. A call that got no answer may have been begun: what follows shows it. */
async function begin(d: Drain, server: Server, action: Record<string, unknown>): Promise<Failure> {
  try {
    const refused = await actOn(d.host, d.cloud, server, action);
    return refused === undefined ? undefined : `${Object.keys(action)[0] ?? ''}: HTTP ${refused.status}: ${faultMessage(refused.body)}`;
  } catch (error) {
    if (!(error instanceof StepError) || error.code !== 'command_failed') throw error;
    d.host.progress(`${server.name}: ${error.message}; looking what came of it`);
    return undefined;
  }
}

/** An action and the status that it ends in. */
async function bring(d: Drain, server: Server, action: Record<string, unknown>, status: string): Promise<Failure> {
  const refused = await begin(d, server, action);
  if (refused !== undefined) return refused;
  const now = await watch(d.cloud, server.id, until(d), (one) => one.status === status && taskOf(one) === null);
  return now === undefined || (now.status === status && taskOf(now) === null) ? undefined : `${Object.keys(action)[0] ?? ''} was accepted, and it is ${now.status} (task_state ${taskOf(now) ?? 'none'}) and not ${status}`;
}

export async function prepare(d: Drain, server: Server, verdict: Verdict & { how: 'prepare' }): Promise<Failure> {
  const { note, action } = verdict;
  // An instance in ERROR takes no metadata, so that it is noted right after; the others are noted before.
  if (note !== undefined && note !== 'ERROR') await setNote(d, server, note);
  const failure = await bring(d, server, action, verdict.until);
  if (failure !== undefined) return failure;
  if (note === 'ERROR') await setNote(d, server, note);
  return note === undefined && verdict.until === 'ACTIVE' ? await bring(d, server, { 'os-stop': null }, 'SHUTOFF') : undefined;
}

async function setNote(d: Drain, server: Server, note: Note): Promise<void> {
  const answer = await d.cloud.act(d.host, 'compute', 'POST', `/servers/${server.id}/metadata`, { metadata: { [NOTE_KEY]: noteFor(d.rules.host, note) } });
  if (answer.status !== 200) throw new StepError('command_failed', `its state cannot be noted in its metadata: HTTP ${answer.status}: ${faultMessage(answer.body)}`);
}

/** Puts back the state that an instance had before it was moved, wherever it is now. */
export async function putBack(d: Drain, server: Server): Promise<Failure> {
  const note = noteOf(server, d.rules.host);
  if (note === undefined) return undefined;
  const action = { PAUSED: { pause: null }, SUSPENDED: { suspend: null }, ERROR: { 'os-resetState': { state: 'error' } } }[note];
  const back = (): Promise<Failure> => (server.status === note ? Promise.resolve(undefined) : bring(d, server, action, note));
  const forget = async (): Promise<Failure> => {
    const answer = await d.cloud.act(d.host, 'compute', 'DELETE', `/servers/${server.id}/metadata/${NOTE_KEY}`);
    return answer.status === 204 || answer.status === 404 ? undefined : `the note ${NOTE_KEY} stays in its metadata: HTTP ${answer.status}`;
  };
  d.host.progress(`${server.name}: back to ${note}`);
  // Once it is in ERROR its metadata cannot be changed any more.
  const failure = note === 'ERROR' ? await forget() ?? await back() : await back() ?? await forget();
  return failure === undefined ? undefined : `${note} is not put back: ${failure}`;
}

/** Watches an accepted move: well when it is elsewhere or waits to be confirmed. One that shows nothing for `noticeS` did nothing. */
async function follow(d: Drain, server: Server, what: string): Promise<Failure> {
  const endMs = until(d);
  let idleSinceMs = performance.now();
  for (;;) {
    const now = await watch(d.cloud, server.id, 0, () => true);
    if (now === undefined) return undefined;
    const resting = taskOf(now) === null && now.status !== 'RESIZE';
    if (resting && (now.status === 'VERIFY_RESIZE' || !sameHost(hostOf(now), d.rules.host))) {
      return now.status === server.status || now.status === 'VERIFY_RESIZE' ? undefined : `${what}: it is on ${hostOf(now)}, but ${now.status} and no longer ${server.status}`;
    }
    if (resting && now.status === 'ERROR') return `${what}: it is in ERROR: ${now.fault?.message ?? 'no fault is told'}`;
    if (!resting) idleSinceMs = performance.now();
    else if (performance.now() - idleSinceMs >= d.limits.noticeS * 1000) return `${what} was accepted, and nothing came of it: it still is ${now.status} on ${hostOf(now)}`;
    if (performance.now() >= endMs) return `${what} has no end after ${d.limits.instanceS} s (task_state ${taskOf(now) ?? 'none'})`;
    await pause();
  }
}

/** To the target of its list that takes the fewest at the moment and has not refused it. */
export async function migrateLive(d: Drain, server: Server, targets: string[], tried: Set<string>): Promise<Failure> {
  const left = targets.filter((one) => !tried.has(one)), choice = left.length > 0 ? left : targets;
  const preferred = choice.filter((one) => d.rules.targets.some((other) => sameHost(one, other)));
  const loadOf = (one: string): number => d.load.get(one) ?? 0;
  const target = (preferred.length > 0 ? preferred : choice).reduce((best, one) => (loadOf(one) < loadOf(best) ? one : best));
  tried.add(target);
  d.load.set(target, loadOf(target) + 1);
  try {
    const refused = await begin(d, server, { 'os-migrateLive': { host: target, block_migration: d.rules.live === 'block', disk_over_commit: false } });
    return refused === undefined ? await follow(d, server, `live migration to ${target}`) : `to ${target}: ${refused}`;
  } finally {
    d.load.set(target, loadOf(target) - 1);
  }
}

/** Powers it off, moves it to where the scheduler says, powers it on: then it waits in VERIFY_RESIZE. */
export async function migrate(d: Drain, server: Server): Promise<Failure> {
  return await begin(d, server, { migrate: null }) ?? await follow(d, server, 'cold migration');
}

/** An instance that waits for a confirmation is confirmed when it is well where it is, else taken back. `before`: its status before its move. */
export async function confirmOrRevert(d: Drain, server: Server, before: string | undefined): Promise<Failure> {
  const wrong = await unwell(d, server, before);
  if (wrong === undefined) {
    return await end(d, server, { confirmResize: null });
  }
  const stays = await end(d, server, { revertResize: null });
  return `taken back from ${hostOf(server)}, where ${wrong}${stays === undefined ? '' : `; and that failed: ${stays}`}`;
}

/** Ends the waiting. One that an earlier drain has begun to end is refused, and ends all the same. */
async function end(d: Drain, server: Server, action: Record<string, unknown>): Promise<Failure> {
  const refused = await begin(d, server, action);
  const endMs = performance.now() + (refused === undefined ? d.limits.instanceS : d.limits.noticeS) * 1000;
  const now = await watch(d.cloud, server.id, endMs, (one) => one.status !== 'VERIFY_RESIZE' && one.status !== 'REVERT_RESIZE' && taskOf(one) === null);
  return now?.status === 'VERIFY_RESIZE' ? refused ?? `it still is in VERIFY_RESIZE (task_state ${taskOf(now) ?? 'none'})` : undefined;
}

/** Why an instance is not well on its new host: one that runs must give its console, one that was off must be off. */
async function unwell(d: Drain, server: Server, before: string | undefined): Promise<Failure> {
  if (!d.rules.elsewhere && !d.rules.targets.some((one) => sameHost(one, hostOf(server))) && !sameHost(hostOf(server), d.rules.host)) return 'it may not go';
  const power = server['OS-EXT-STS:power_state'];
  if (power === 4) return before === 'SHUTOFF' ? undefined : `it is off, and was ${before ?? 'in a state that is not known'} before`;
  if (power !== 1) return `its power_state is ${power}`;
  const giveUpMs = performance.now() + Math.max(60, d.limits.noticeS) * 1000;
  for (;;) {
    const answer = await actOn(d.host, d.cloud, server, { 'os-getConsoleOutput': { length: 10 } });
    if (answer === undefined || await readServer(d.cloud, server.id) === undefined) return undefined;
    if (performance.now() >= giveUpMs) return `it gives no console (HTTP ${answer.status}: ${faultMessage(answer.body)})`;
    await pause();
  }
}
