import {
  Server, ServerCredentials, ServerInterceptingCall, status, type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream, type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Event, Json } from '../proto/events.ts';
import { JournalCorrupt, JournalFull } from '../proto/journal.ts';
import { agentService, commandFromWire, eventToWire, healthService, MAX_MESSAGE_BYTES } from '../proto/wire.ts';
import { Refused, type Dispatcher } from './dispatcher.ts';
import type { Health } from './health/health.ts';
import type { LeaseKeeper } from './lease.ts';
import type { RunLog } from './runlog.ts';
import { callerOf, type Caller } from './roles.ts';

type Message = Record<string, unknown>;

/** What the server hands calls on to; it holds no logic of its own. */
export interface Services {
  dispatcher: Dispatcher;
  leases: LeaseKeeper;
  health(): Promise<Health>;
  facts(): Promise<Json>;
  /** ListOperationsResponse as a message. */
  operations(): Promise<Message>;
}

export interface Tls { ca: Buffer; certificate: Buffer; key: Buffer }

const OBSERVER_CALLS = new Set(['GetHealth', 'WatchHealth', 'GetFacts', 'ListOperations', 'Check', 'Watch']);
/** Commands of one stream that may wait. */
const MAX_COMMANDS_WAITING = 20_000;

class Denied extends Error {
  readonly code: status;
  constructor(code: status, message: string) { super(message); this.code = code; }
}

type Call = ServerUnaryCall<Message, Message> | ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>;

/** Who calls, if that role may make this call. Throws Denied. */
function authorize(call: Call, method: string): Caller {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const caller = callerOf(certificate);
  if (caller === undefined) throw new Denied(status.UNAUTHENTICATED, 'the certificate names no role: expected a URI spiffe://SITE/operator/NAME or spiffe://SITE/observer/NAME');
  if (caller.role === 'observer' && !OBSERVER_CALLS.has(method)) throw new Denied(status.PERMISSION_DENIED, `${caller.name} is an observer; ${method} is for operators`);
  return caller;
}

function denial(error: unknown): { code: status; details: string } {
  if (error instanceof Denied) return { code: error.code, details: error.message };
  if (error instanceof JournalFull) return { code: status.RESOURCE_EXHAUSTED, details: error.message };
  if (error instanceof Refused || error instanceof JournalCorrupt) return { code: status.FAILED_PRECONDITION, details: error.message };
  if (error instanceof TypeError || error instanceof SyntaxError) return { code: status.INVALID_ARGUMENT, details: error.message };
  console.error(error);
  return { code: status.INTERNAL, details: 'the agent failed to answer; its own log says why' };
}

const unary = (method: string, answer: (request: Message, caller: Caller, peer: string) => Promise<Message> | Message) =>
  (call: ServerUnaryCall<Message, Message>, callback: sendUnaryData<Message>): void => {
    Promise.resolve().then(() => answer(call.request, authorize(call, method), call.getPeer())).then((value) => { callback(null, value); }, (error: unknown) => { callback(denial(error)); });
  };

type Out = ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>;

/**
 * Sends a run's events from `fromSeq` on, each once and in order: live ones, and stored ones where it began late or the
 * reader was slow. A reader that takes nothing holds no event in memory: they are on disk and read when it goes on.
 */
function pump(call: Out, log: RunLog, fromSeq: number, wanted: (event: Event) => boolean, sent: (event: Event) => void): () => void {
  let next = fromSeq, blocked = false;
  const pass = (event: Event): void => {
    if (blocked || event.seq < next) return;
    next = event.seq + 1;
    if (!wanted(event)) return;
    if (!call.write({ event: eventToWire(event) })) { blocked = true; call.once('drain', () => { blocked = false; catchUp(); }); }
    sent(event);
  };
  const catchUp = (): void => {
    try { while (!blocked && next <= log.lastSeq) log.stored(next).forEach(pass); } catch (error) { unfollow(); call.emit('error', denial(error)); }
  };
  const unfollow = log.follow(pass);
  catchUp();
  return unfollow;
}

/** One Execute stream: commands in, the events of just these commands out; it ends when the last has finished. */
function execute({ dispatcher, leases }: Services, call: ServerDuplexStream<Message, Message>): void {
  const open = new Set<string>(), mine = new Set<string>(), unfollow: (() => void)[] = [];
  let halfClosed = false, followed: string | undefined;
  const endIfDone = (): void => { if (halfClosed && open.size === 0) call.end(); };
  const fail = (error: unknown): void => { unfollow.forEach((stop) => { stop(); }); call.emit('error', denial(error)); };
  const noteSent = (event: Event): void => { if (event.kind === 'finished') { open.delete(event.command); endIfDone(); } };
  // Once a stream: its certificate cannot change.
  try { authorize(call, 'Execute'); } catch (error) { fail(error); return; }
  call.on('data', (request: Message) => {
    try {
      const command = commandFromWire((request['command'] ?? {}) as Message);
      const refusal = leases.refusal(command.run, command.fence);
      if (refusal !== undefined) throw new Denied(status.FAILED_PRECONDITION, refusal);
      if (open.size >= MAX_COMMANDS_WAITING) throw new Denied(status.RESOURCE_EXHAUSTED, `more than ${String(MAX_COMMANDS_WAITING)} commands wait on one stream`);
      if (followed === undefined) {
        const log = dispatcher.run(command.run);
        followed = command.run;
        unfollow.push(pump(call, log, log.lastSeq + 1, (event) => mine.has(event.command), noteSent));
      }
      if (followed !== command.run) throw new Denied(status.INVALID_ARGUMENT, 'one stream carries the commands of one run');
      mine.add(command.id);
      open.add(command.id);
      const known = dispatcher.known(command.run)?.commands.get(command.id);
      const trace = dispatcher.submit(command);
      // Accepted in an earlier stream: its events so far are sent again, then the live ones follow.
      if (known !== undefined) for (const event of [trace.accepted, trace.checked, trace.awaiting, trace.verified, trace.finished]) if (event !== undefined) { call.write({ event: eventToWire(event) }); noteSent(event); }
    } catch (error) { fail(error); }
  });
  call.on('end', () => { halfClosed = true; endIfDone(); });
  call.on('close', () => { unfollow.forEach((stop) => { stop(); }); });
  call.on('cancelled', () => { unfollow.forEach((stop) => { stop(); }); });
}

function attach({ dispatcher }: Services, call: ServerWritableStream<Message, Message>): void {
  try {
    authorize(call, 'Attach');
    const run = String(call.request['runId']);
    const log = dispatcher.known(run);
    if (log === undefined) throw new Denied(status.NOT_FOUND, `this host has no journal of run ${run}`);
    let last = 0;
    const endIfIdle = (): void => { if (!dispatcher.pending(run) && last >= log.lastSeq) { unfollow(); call.end(); } };
    const from = Math.max(1, Number(call.request['fromSeq']));
    if (from > log.lastSeq) last = log.lastSeq;
    const unfollow = pump(call, log, from, () => true, (event) => {
      last = event.seq;
      setImmediate(endIfIdle);
    });
    call.on('cancelled', unfollow);
    endIfIdle();
  } catch (error) { call.emit('error', denial(error)); }
}

const healthMessage = (health: Health): Message => ({
  host: health.host, agentVersion: health.agentVersion, timeMs: health.timeMs, grade: health.grade,
  items: health.items.map((item) => ({ subsystem: item.subsystem, grade: item.grade, reason: item.reason, valuesJson: JSON.stringify(item.values) })),
});

/** Calls `tell` now and then every `everyS` seconds until the stream ends. */
function repeat(call: ServerWritableStream<Message, Message>, method: string, everyS: number, tell: () => Promise<void>): void {
  const fail = (error: unknown): void => { clearInterval(timer); call.emit('error', denial(error)); };
  const timer = setInterval(() => { tell().catch(fail); }, everyS * 1000);
  call.on('cancelled', () => { clearInterval(timer); });
  try { authorize(call, method); } catch (error) { fail(error); return; }
  tell().catch(fail);
}

/** grpc.health.v1: "" and the agent's service for the host as a whole, else one subsystem. */
async function serving(services: Services, name: string): Promise<string> {
  if (name === '' || name === 'tandem.v1.AgentService') return 'SERVING';
  const item = (await services.health()).items.find((each) => each.subsystem === name);
  if (item === undefined) throw new Denied(status.NOT_FOUND, `no subsystem ${name}; tandem health lists them`);
  return item.grade === 'critical' ? 'NOT_SERVING' : 'SERVING';
}

function agentHandlers(services: Services): UntypedServiceImplementation {
  const { dispatcher, leases } = services;
  return {
    Execute: (call: ServerDuplexStream<Message, Message>) => { execute(services, call); },
    Attach: (call: ServerWritableStream<Message, Message>) => { attach(services, call); },
    Confirm: unary('Confirm', (request, { name }, peer) => {
      const run = String(request['runId']), refusal = leases.refusal(run, Number(request['fence']));
      if (refusal !== undefined) throw new Denied(status.FAILED_PRECONDITION, refusal);
      return dispatcher.confirmations.confirm({ run, command: String(request['commandId']), peer, by: name });
    }),
    Stop: unary('Stop', (request, caller) => dispatcher.stop(String(request['runId']), `${String(request['reason']) || 'asked for'} (by ${caller.name})`)),
    AcquireLease: unary('AcquireLease', (request) => {
      dispatcher.run(String(request['runId'])); // refuses a run id that is not one
      const { granted, lease } = leases.acquire(String(request['runId']), String(request['owner']), Math.min(Number(request['ttlS']) || 60, 86_400), Boolean(request['takeOver']));
      return { granted, fence: granted ? lease.fence : 0, holderOwner: lease.owner, holderRunId: lease.run, expiresMs: lease.expiresMs };
    }),
    ReleaseLease: unary('ReleaseLease', (request) => ({ released: leases.release(String(request['runId']), Number(request['fence'])) })),
    GetHealth: unary('GetHealth', async () => ({ health: healthMessage(await services.health()) })),
    WatchHealth: (call: ServerWritableStream<Message, Message>) => {
      const everyS = Math.min(Math.max(Number(call.request['everyS']) || 5, 1), 3600);
      repeat(call, 'WatchHealth', everyS, async () => { call.write({ health: healthMessage(await services.health()) }); });
    },
    GetFacts: unary('GetFacts', async () => ({ factsJson: JSON.stringify(await services.facts()) })),
    ListOperations: unary('ListOperations', () => services.operations()),
  };
}

function healthHandlers(services: Services): UntypedServiceImplementation {
  return {
    Check: unary('Check', async (request) => ({ status: await serving(services, String(request['service'])) })),
    Watch: (call: ServerWritableStream<Message, Message>) => {
      let last = '';
      repeat(call, 'Watch', 5, async () => {
        const now = await serving(services, String(call.request['service'])).catch(() => 'SERVICE_UNKNOWN');
        if (now !== last) call.write({ status: now });
        last = now;
      });
    },
  };
}

/** Starts listening; resolves with the port. mTLS only: no certificate of the site's CA, no connection. */
export async function serve(services: Services, tls: Tls, address: string): Promise<{ port: number; close(): Promise<void> }> {
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 20_000,
    'grpc.max_concurrent_streams': 100,
    interceptors: [(_method, call) => { services.dispatcher.confirmations.hear(call.getPeer()); return new ServerInterceptingCall(call); }],
  });
  server.addService(agentService, agentHandlers(services));
  server.addService(healthService, healthHandlers(services));
  const credentials = ServerCredentials.createSsl(tls.ca, [{ private_key: tls.key, cert_chain: tls.certificate }], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => { if (error === null) resolve(bound); else reject(error); });
  });
  return { port, close: () => new Promise((resolve) => { server.tryShutdown(() => { resolve(); }); }) };
}
