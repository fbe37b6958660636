import { fromJSON, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import descriptor from '../generated/descriptor.json' with { type: 'json' };
import type { Code, Failure } from './errors.ts';
import type { Command } from './command.ts';
import type { Difference, Event, EventKind, Json, Mode, Result } from './events.ts';

const definition: PackageDefinition = fromJSON(descriptor as Parameters<typeof fromJSON>[0], {
  longs: Number, enums: String, defaults: true, oneofs: true,
});

/** The services of the contract, ready for grpc-js (server.addService, makeGenericClientConstructor). */
export const agentService = definition['tandem.v1.AgentService'] as ServiceDefinition;
export const healthService = definition['grpc.health.v1.Health'] as ServiceDefinition;
/** There while the agent has no certificate: docs/decisions/0012-enrolment.md. */
export const enrolmentService = definition['tandem.v1.EnrolmentService'] as ServiceDefinition;

/** Messages larger than this are refused on both sides. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const MODES: Record<Mode, string> = { check: 'MODE_CHECK', apply: 'MODE_APPLY', revert: 'MODE_REVERT' };
const modeOf = (wire: unknown): Mode => {
  const found = (Object.keys(MODES) as Mode[]).find((mode) => MODES[mode] === wire);
  if (found === undefined) throw new TypeError(`mode ${String(wire)} is not one of ${Object.keys(MODES).join(', ')}`);
  return found;
};
const json = (text: unknown): Json => (text === '' ? null : (JSON.parse(String(text)) as Json));

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

function kindFromWire(kind: string, part: Fields): EventKind {
  const text = (key: string): string => String(part[key] ?? '');
  const differences = (part['differences'] ?? []) as Difference[];
  switch (kind) {
    case 'accepted': return { kind, operation: text('operation'), args: json(part['argsJson']), mode: modeOf(part['mode']), batch: text('batch'), timeoutS: Number(part['timeoutS']), attempt: Number(part['attempt']), needsSecrets: Boolean(part['needsSecrets']), fence: Number(part['fence']) };
    case 'checked': return { kind, satisfied: Boolean(part['satisfied']), found: json(part['foundJson']), differences, reason: text('reason') };
    case 'verified': return { kind, satisfied: Boolean(part['satisfied']), found: json(part['foundJson']), differences };
    case 'spawned': return { kind, argv: part['argv'] as string[], pid: Number(part['pid']), startTicks: Number(part['startTicks']), bootId: text('bootId'), outputFile: text('outputFile') };
    case 'output': return { kind, stream: text('stream') === 'stderr' ? 'stderr' : 'stdout', text: text('text') };
    case 'progress': return { kind, text: text('text') };
    case 'applied': return { kind };
    case 'armed': return { kind, confirmWithinS: Number(part['confirmWithinS']), untilMonotonicMs: Number(part['untilMonotonicMs']), boot: text('boot') };
    case 'awaiting': return { kind, remainingMs: Number(part['remainingMs']) };
    case 'confirmed': return { kind, by: text('by'), peer: text('peer') };
    case 'reverting': return { kind, code: text('code') as Code, reason: text('reason'), failure: (part['failure'] ?? null) as Failure | null };
    case 'finished': return { kind, result: text('result') as Result, code: text('code') as Code | '', reason: text('reason'), failure: (part['failure'] ?? null) as Failure | null, durationMs: Number(part['durationMs']) };
    case 'stopped': return { kind, reason: text('reason'), attempt: Number(part['attempt']) };
    default: throw new TypeError(`an event of kind "${kind}" is not in this version of the contract`);
  }
}

/** Message -> event. Throws TypeError for a kind this version does not know. */
export function eventFromWire(message: Fields): Event {
  const kind = String(message['kind']);
  const base = { seq: Number(message['seq']), timeMs: Number(message['timeMs']), run: String(message['runId']), command: String(message['commandId']), step: String(message['stepId']) };
  return { ...base, ...kindFromWire(kind, (message[kind] ?? {}) as Fields) };
}
