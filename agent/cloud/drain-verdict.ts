import { hostOf, taskOf, type Server } from './servers.ts';
import { sameHost } from './services.ts';

/** What is done with an instance that neither way of migration takes: moved in a state that can be, and put back; shut down and moved; left to a person. */
export type Policy = 'move' | 'stop' | 'leave';

export interface DrainRules {
  host: string;
  /** Preferred hosts, best first. */
  targets: string[];
  /** Whether other hosts may take instances too. */
  elsewhere: boolean;
  live: 'none' | 'shared' | 'block';
  /** Hosts from which a live migration hangs, for as long as calls are capped. */
  noLiveFrom: string[];
  policy: { paused: Policy; suspended: Policy; error: Policy; resized: 'confirm' | 'leave' };
}

/** A compute host as a place for instances. */
export interface Node { host: string; hypervisorVersion: number; ready: boolean }

/** What is to be done next with one instance. */
export type Verdict =
  | { how: 'gone' }
  | { how: 'confirm' }
  | { how: 'live'; targets: string[] }
  | { how: 'cold'; why: string }
  /** One action that brings it into a state that can be moved; `note` keeps the state to be put back. */
  | { how: 'prepare'; note: Note | undefined; action: Record<string, unknown>; until: string; why: string }
  | { how: 'blocked'; why: string };

export const NOTES = ['PAUSED', 'SUSPENDED', 'ERROR'] as const;
/** The state that an instance had before it was moved. */
export type Note = (typeof NOTES)[number];
/** Under this key of the instance's own metadata, so that it outlives the agent and its host. */
export const NOTE_KEY = 'tandem_drain';
/** HOST:STATE, by the host that was drained: two drains may meet an instance, and each puts back its own. */
export const noteFor = (host: string, note: Note): string => `${host}:${note}`;
export const noteOf = (server: Server, host: string): Note | undefined => NOTES.find((one) => sameHost(server.metadata?.[NOTE_KEY], noteFor(host, one)));

/** Cures for what a person must do, by status; `nova` is the client. */
const CURES: Record<string, string> = {
  RESCUE: 'nova unrescue it', SHELVED: 'nova shelve-offload it', SOFT_DELETED: 'nova restore or force-delete it', BUILD: 'its boot has no end: nova delete it and boot it again',
};

/** Hosts that may take an instance by live migration: never an older hypervisor than the one it is on. Preferred ones first, then the newest. */
export function liveTargets(rules: DrainRules, nodes: Node[]): string[] {
  const versionHere = nodes.find((one) => sameHost(one.host, rules.host))?.hypervisorVersion ?? 0;
  return places(rules, nodes).filter((one) => one.hypervisorVersion >= versionHere).map((one) => one.host);
}

/** Every other host that is up, enabled and allowed, best first. */
export function places(rules: DrainRules, nodes: Node[]): Node[] {
  const rank = (node: Node): number => { const at = rules.targets.findIndex((one) => sameHost(one, node.host)); return at < 0 ? rules.targets.length : at; };
  return nodes.filter((one) => one.ready && !sameHost(one.host, rules.host) && (rules.elsewhere || rank(one) < rules.targets.length))
    .sort((a, b) => rank(a) - rank(b) || b.hypervisorVersion - a.hypervisorVersion || (a.host < b.host ? -1 : 1));
}

/** The verdict for an instance that rests or has been waited for. `ownersResize`: it waits for its owner to confirm a change of flavour; undefined: nobody knows what it waits for. `before`: its status before its cold migration; undefined: this drain did not begin it. */
export function judge(server: Server, rules: DrainRules, nodes: Node[], ownersResize: boolean | undefined, before?: string): Verdict {
  const task = taskOf(server), here = sameHost(hostOf(server), rules.host);
  if (task === 'migrating') return blocked(`task_state migrating was left behind by a live migration that failed; see that it runs on ${hostOf(server)}, then: nova reset-state --active ${server.id}`);
  if (task !== null) return blocked(`task_state ${task} does not end; find out what holds it, then: nova reset-state ${server.id}`);
  if (server.status === 'VERIFY_RESIZE') {
    if (ownersResize === undefined) return blocked(`it waits to be confirmed, and no migration of it is known to be finished, so it may be its owner's resize: look at it, then: nova resize-confirm or resize-revert ${server.id}`);
    if (ownersResize && rules.policy.resized === 'leave') return blocked('its owner has not confirmed a resize: ask the owner to confirm or revert it');
    // Off may be as it was, or a guest that died on its new host.
    if (server['OS-EXT-STS:power_state'] === 4 && before === undefined) return blocked(`it is off on ${hostOf(server)}, and it is not known whether it was before its move, which an earlier try began: not confirmed; look at it, then: nova resize-confirm or resize-revert ${server.id}`);
    return { how: 'confirm' };
  }
  if (!here) return { how: 'gone' };
  switch (server.status) {
    case 'ACTIVE': return moving(server, rules, nodes);
    case 'SHUTOFF': return cold(rules, nodes, 'it is shut off');
    case 'PAUSED': return byPolicy('PAUSED', rules.policy.paused, { unpause: null });
    case 'SUSPENDED': return byPolicy('SUSPENDED', rules.policy.suspended, { resume: null });
    case 'ERROR':
      if (rules.policy.error === 'stop') return { how: 'prepare', note: undefined, action: { 'os-stop': null }, until: 'SHUTOFF', why: 'shut down, since ERROR cannot be moved' };
      return byPolicy('ERROR', rules.policy.error, { 'os-resetState': { state: 'active' } });
    default: return blocked(`status ${server.status} cannot be moved: ${CURES[server.status] ?? 'bring it to ACTIVE or SHUTOFF'}`);
  }
}

const blocked = (why: string): Verdict => ({ how: 'blocked', why });

function byPolicy(status: Note, policy: Policy, action: Record<string, unknown>): Verdict {
  if (policy === 'leave') return blocked(`status ${status} is left to a person: neither way of migration takes it`);
  return { how: 'prepare', note: policy === 'move' ? status : undefined, action, until: 'ACTIVE', why: policy === 'move' ? `brought to ACTIVE for the move; ${status} is put back afterwards` : `brought to ACTIVE, to be shut down, since ${status} cannot be moved` };
}

function moving(server: Server, rules: DrainRules, nodes: Node[]): Verdict {
  if (noteOf(server, rules.host) === 'ERROR') return cold(rules, nodes, 'it was in ERROR, so nobody knows what runs of it');
  if (rules.live === 'none') return cold(rules, nodes, 'live migration is not in use here');
  if (rules.noLiveFrom.some((one) => sameHost(one, rules.host))) return cold(rules, nodes, `a live migration from ${rules.host} hangs while calls are capped`);
  const targets = liveTargets(rules, nodes);
  return targets.length > 0 ? { how: 'live', targets } : cold(rules, nodes, 'no host with as new a hypervisor is up and enabled');
}

function cold(rules: DrainRules, nodes: Node[], why: string): Verdict {
  return places(rules, nodes).length > 0 ? { how: 'cold', why } : blocked('no other host is up, enabled and allowed to take it');
}

/** A verdict in words. */
export function say(verdict: Verdict): string {
  switch (verdict.how) {
    case 'gone': return 'elsewhere';
    case 'confirm': return 'tested on its new host, then confirmed';
    case 'live': return `live migration to ${verdict.targets[0] ?? ''}`;
    case 'cold': return `cold migration (${verdict.why})`;
    case 'prepare': return verdict.why;
    case 'blocked': return `nothing can be done: ${verdict.why}`;
  }
}
