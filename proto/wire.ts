import { sound } from './canonical.ts';
import { serviceOf } from './contract.ts';
import type { Code, Failure } from './errors.ts';
import type { Command } from './command.ts';
import type { Difference, Event, EventKind, Json, Mode, Result } from './events.ts';
import type { SignedHead } from './heads.ts';

/** The services of the contract, ready for grpc-js (server.addService, makeGenericClientConstructor). */
export const agentService = serviceOf('tandem.v1.AgentService');
export const healthService = serviceOf('grpc.health.v1.Health');
/** There while the agent has no certificate: docs/decisions/0012-enrolment.md. */
export const enrolmentService = serviceOf('tandem.v1.EnrolmentService');

/** Messages larger than this are refused on both sides. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const MODES: Record<Mode, string> = { check: 'MODE_CHECK', apply: 'MODE_APPLY', revert: 'MODE_REVERT' };
const modeOf = (wire: unknown): Mode => {
  const found = (Object.keys(MODES) as Mode[]).find((mode) => MODES[mode] === wire);
  if (found === undefined) throw new TypeError(`mode ${String(wire)} is not one of ${Object.keys(MODES).join(', ')}`);
  return found;
};
/** More than any argument or finding has. JSON.parse takes any depth, but whoever writes it again would run out of stack. */
const MOST_LEVELS = 100;
const isDeeper = (value: Json, levels: number): boolean => typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1)));
function json(text: unknown): Json {
  if (text === '' || text === undefined) return null;
  const value = JSON.parse(String(text)) as Json;
  if (isDeeper(value, MOST_LEVELS)) throw new TypeError(`JSON nested deeper than ${String(MOST_LEVELS)} levels`);
  return value;
}

type Fields = Record<string, unknown>;

/** Command -> message. Secrets go in their own map and nowhere else. */
export function commandToWire(command: Command): Fields {
  return {
    id: command.id, runId: command.run, planDigest: command.planDigest, stepId: command.step, batch: command.batch,
    attempt: command.attempt, operation: command.operation, argsJson: JSON.stringify(command.args),
    timeoutS: command.timeoutS, mode: MODES[command.mode], fence: command.fence, secrets: command.secrets,
  };
}

/** Message -> command. Throws TypeError or SyntaxError on a message that is not one; the caller answers INVALID_ARGUMENT. */
export function commandFromWire(message: Fields): Command {
  return {
    id: String(message['id']), run: String(message['runId']), planDigest: String(message['planDigest']), step: String(message['stepId']),
    batch: String(message['batch']), attempt: Number(message['attempt']), operation: String(message['operation']),
    args: json(message['argsJson']), timeoutS: Number(message['timeoutS']), mode: modeOf(message['mode']),
    fence: Number(message['fence']), secrets: { ...(message['secrets'] as Record<string, string>) },
  };
}

function kindToWire(event: EventKind): Fields {
  switch (event.kind) {
    case 'accepted': {
      const { kind: _, args, mode, ...rest } = event;
      return { ...rest, argsJson: JSON.stringify(args), mode: MODES[mode] };
    }
    case 'checked':
      return { satisfied: event.satisfied, foundJson: JSON.stringify(event.found), differences: event.differences, reason: event.reason };
    case 'verified':
      return { satisfied: event.satisfied, foundJson: JSON.stringify(event.found), differences: event.differences };
    case 'witnessed': return { head: headToWire(event.head) };
    default: {
      const { kind: _, ...rest } = event;
      return rest;
    }
  }
}

/** Event -> message (proto/tandem/v1/agent.proto, Event). */
export function eventToWire(event: Event): Fields {
  return {
    seq: event.seq, timeMs: event.timeMs, runId: event.run, commandId: event.command, stepId: event.step,
    [event.kind]: kindToWire(event),
  };
}

/** Head -> message (agent.proto, SignedHead). */
export const headToWire = ({ signature, ...head }: SignedHead): Fields => ({ ...head, signature: Buffer.from(signature, 'base64') });
export function headFromWire(message: unknown): SignedHead {
  const head = (message ?? {}) as Fields;
  return { of: textOf(head, 'of'), n: whole(head, 'n'), hash: textOf(head, 'hash'), certificatePem: textOf(head, 'certificatePem'), signature: Buffer.from((head['signature'] ?? []) as Uint8Array).toString('base64') };
}

const textOf = (part: Fields, key: string): string => String(part[key] ?? '');
/** The largest and smallest that a field of this type holds, where longs are numbers. */
const UINT32 = [0, 2 ** 32 - 1] as const, INT32 = [-(2 ** 31), 2 ** 31 - 1] as const, UINT64 = [0, Number.MAX_SAFE_INTEGER] as const, INT64 = [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;
function whole(part: Fields, key: string, [least, most]: readonly [number, number] = UINT64): number {
  const value = Number(part[key] ?? 0);
  if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(`${key} is ${String(part[key])}, which the wire cannot hold`);
  return value;
}
const differencesOf = (part: Fields): Difference[] => ((part['differences'] ?? []) as Fields[]).map((one) => ({ what: textOf(one, 'what'), found: textOf(one, 'found'), wanted: textOf(one, 'wanted') }));
function failureOf(part: Fields): Failure | null {
  const failure = (part['failure'] ?? null) as Fields | null;
  return failure === null ? null : { argv: ((failure['argv'] ?? []) as unknown[]).map(String), exitCode: whole(failure, 'exitCode', INT32), signal: textOf(failure, 'signal'), stderrTail: textOf(failure, 'stderrTail') };
}

function kindFromWire(kind: string, part: Fields): EventKind {
  const text = (key: string): string => textOf(part, key), small = (key: string): number => whole(part, key, UINT32);
  switch (kind) {
    case 'accepted': return { kind, operation: text('operation'), args: json(part['argsJson']), mode: modeOf(part['mode']), batch: text('batch'), timeoutS: small('timeoutS'), attempt: small('attempt'), needsSecrets: Boolean(part['needsSecrets']), fence: whole(part, 'fence') };
    case 'checked': return { kind, satisfied: Boolean(part['satisfied']), found: json(part['foundJson']), differences: differencesOf(part), reason: text('reason') };
    case 'verified': return { kind, satisfied: Boolean(part['satisfied']), found: json(part['foundJson']), differences: differencesOf(part) };
    case 'spawned': return { kind, argv: ((part['argv'] ?? []) as unknown[]).map(String), pid: small('pid'), startTicks: whole(part, 'startTicks'), bootId: text('bootId'), outputFile: text('outputFile') };
    case 'output': return { kind, stream: text('stream') === 'stderr' ? 'stderr' : 'stdout', text: text('text') };
    case 'progress': return { kind, text: text('text') };
    case 'applied': return { kind };
    case 'armed': return { kind, confirmWithinS: small('confirmWithinS'), untilMonotonicMs: whole(part, 'untilMonotonicMs'), boot: text('boot') };
    case 'awaiting': return { kind, remainingMs: small('remainingMs') };
    case 'confirmed': return { kind, by: text('by'), peer: text('peer') };
    case 'reverting': return { kind, code: text('code') as Code | '', reason: text('reason'), failure: failureOf(part) };
    case 'finished': return { kind, result: text('result') as Result, code: text('code') as Code | '', reason: text('reason'), failure: failureOf(part), durationMs: small('durationMs') };
    case 'stopped': return { kind, reason: text('reason'), attempt: small('attempt'), fence: whole(part, 'fence') };
    case 'witnessed': return { kind, head: headFromWire(part['head']) };
    default: throw new TypeError(`an event of kind "${kind}" is not in this version of the contract`);
  }
}

/**
 * The event as everybody who gets it over the wire will have it: this is journaled, so that the chain can be computed from what
 * was told. Throws RangeError for a number that its field cannot hold.
 */
export const asTold = (event: Event): Event => sound(eventFromWire({ ...eventToWire(event), kind: event.kind }));

/** Message -> event. Throws TypeError for a kind this version does not know. */
export function eventFromWire(message: Fields): Event {
  const kind = String(message['kind']);
  const base = { seq: whole(message, 'seq'), timeMs: whole(message, 'timeMs', INT64), run: String(message['runId']), command: String(message['commandId']), step: String(message['stepId']) };
  return { ...base, ...kindFromWire(kind, (message[kind] ?? {}) as Fields) };
}
