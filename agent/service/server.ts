import {
  Server, ServerCredentials, ServerInterceptingCall, status, type ServerDuplexStream, type ServerWritableStream, type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Json } from '../../proto/events.ts';
import { agentService, healthService, MAX_MESSAGE_BYTES } from '../../proto/wire.ts';
import type { Dispatcher } from '../dispatcher.ts';
import { exchangeHeads } from '../heads.ts';
import type { Health } from '../health/health.ts';
import { hasLapsed, type LeaseKeeper } from '../lease.ts';
import { checkRunId, Refused } from '../refused.ts';
import type { RevocationKeeper } from '../revocation.ts';
import { repeat, unary } from './calls.ts';
import { Denied, Gate, type Message } from './gate.ts';
import { attach, execute } from './work.ts';

/** How long open calls may hold a server that closes, in milliseconds. */
const CLOSE_MS = 1000;

/** What the server hands calls on to; it holds no logic of its own. */
export interface Services {
  dispatcher: Dispatcher;
  leases: LeaseKeeper;
  revocations: Pick<RevocationKeeper, 'current' | 'put'>;
  health(): Promise<Health>;
  facts(): Promise<Json>;
  /** ListOperationsResponse as a message. */
  operations(): Promise<Message>;
}

export interface Tls { ca: Buffer; certificate: Buffer; key: Buffer }

const healthMessage = (health: Health): Message => ({
  host: health.host, agentVersion: health.agentVersion, timeMs: health.timeMs, grade: health.grade,
  items: health.items.map((item) => ({ subsystem: item.subsystem, grade: item.grade, reason: item.reason, valuesJson: JSON.stringify(item.values) })),
});

/** grpc.health.v1: "" and the agent's service for the host as a whole, else one subsystem. */
async function serving(services: Services, name: string): Promise<string> {
  if (name === '' || name === 'tandem.v1.AgentService') return 'SERVING';
  const item = (await services.health()).items.find((each) => each.subsystem === name);
  if (item === undefined) throw new Denied(status.NOT_FOUND, `no subsystem ${name}; tandem health lists them`);
  return item.grade === 'critical' ? 'NOT_SERVING' : 'SERVING';
}

/** Whether a run has work without a result here; a journal that cannot be trusted may hold some. */
function leavesWork(dispatcher: Dispatcher, run: string): boolean {
  try { return dispatcher.known(run)?.unfinished === true; } catch (error) {
    if (error instanceof Refused) return true;
    throw error;
  }
}

function agentHandlers(services: Services, gate: Gate, tls: Tls): UntypedServiceImplementation {
  const { dispatcher, leases } = services, work = { gate, dispatcher, leases };
  return {
    Execute: (call: ServerDuplexStream<Message, Message>) => { execute(work, call); },
    Attach: (call: ServerWritableStream<Message, Message>) => { attach(work, call); },
    Confirm: unary(gate, 'Confirm', (request, { name }, peer) => {
      const run = String(request['runId']), refusal = leases.refusal(run, Number(request['fence']));
      if (refusal !== undefined) throw new Denied(status.FAILED_PRECONDITION, refusal);
      return dispatcher.confirmations.confirm({ run, command: String(request['commandId']), peer, by: name });
    }),
    Stop: unary(gate, 'Stop', (request, caller) => dispatcher.stop(String(request['runId']), `${String(request['reason']) || 'asked for'} (by ${caller.name})`)),
    AcquireLease: unary(gate, 'AcquireLease', async (request, { name: caller }) => {
      checkRunId(String(request['runId'])); // and no more: who asks in vain leaves nothing here
      const { granted, lease } = leases.acquire({ run: String(request['runId']), owner: String(request['owner']), ttlS: Math.min(Number(request['ttlS']) || 60, 86_400), takeOver: Boolean(request['takeOver']), fence: Number(request['fence']), caller, catalogue: String((await services.operations())['catalogueDigest']) });
      return { granted, fence: granted ? lease.fence : 0, holderOwner: granted || (lease.caller ?? caller) === caller ? lease.owner : `${lease.owner} (certificate of ${String(lease.caller)})`, holderRunId: lease.run, expiresMs: lease.expiresMs, lapsed: !granted && hasLapsed(lease) };
    }),
    ReleaseLease: unary(gate, 'ReleaseLease', (request, { name: caller }) => {
      const run = String(request['runId']), fence = Number(request['fence']), owner = String(request['owner']);
      const unfinished = leases.current.run === run && leavesWork(dispatcher, run);
      // Who has no number takes the run for done: this host may know better.
      if (fence === 0 && unfinished && leases.isOf(run, owner, caller)) throw new Denied(status.FAILED_PRECONDITION, `run ${run} has unfinished work on this host, and keeps it`);
      return { released: leases.release(run, fence, owner, caller, unfinished) };
    }),
    PutRevocations: unary(gate, 'PutRevocations', async (request) => ({ ...await services.revocations.put(String(request['crlPem'])) })),
    GetHealth: unary(gate, 'GetHealth', async () => ({ health: healthMessage(await services.health()) })),
    WatchHealth: (call: ServerWritableStream<Message, Message>) => {
      const everyS = Math.min(Math.max(Number(call.request['everyS']) || 5, 1), 3600);
      repeat(gate, call, 'WatchHealth', everyS, async () => { call.write({ health: healthMessage(await services.health()) }); });
    },
    GetFacts: unary(gate, 'GetFacts', async () => ({ factsJson: JSON.stringify(await services.facts()) })),
    ExchangeHeads: unary(gate, 'ExchangeHeads', (request, { name }) => exchangeHeads(dispatcher, tls, name, request)),
    ListOperations: unary(gate, 'ListOperations', () => services.operations()),
    ListRuns: unary(gate, 'ListRuns', () => ({ runs: dispatcher.list() })),
    RemoveRun: unary(gate, 'RemoveRun', (request) => dispatcher.remove(String(request['runId']), leases.current.run)),
  };
}

function healthHandlers(services: Services, gate: Gate): UntypedServiceImplementation {
  return {
    Check: unary(gate, 'Check', async (request) => ({ status: await serving(services, String(request['service'])) })),
    Watch: (call: ServerWritableStream<Message, Message>) => {
      let last = '';
      repeat(gate, call, 'Watch', 5, async () => {
        const now = await serving(services, String(call.request['service'])).catch(() => 'SERVICE_UNKNOWN');
        if (now !== last) call.write({ status: now });
        last = now;
      });
    },
  };
}

/** Starts listening; resolves with the port. mTLS only: no certificate of the site's CA, no connection. `sweepMs`: how often open calls are held against the revocation list. */
export async function serve(services: Services, tls: Tls, address: string, sweepMs?: number): Promise<{ port: number; close(): Promise<void> }> {
  const gate = new Gate(services.revocations, sweepMs);
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 20_000,
    'grpc.max_concurrent_streams': 100,
    interceptors: [(_method, call) => { services.dispatcher.confirmations.hear(call.getPeer()); return new ServerInterceptingCall(call); }],
  });
  server.addService(agentService, agentHandlers(services, gate, tls));
  server.addService(healthService, healthHandlers(services, gate));
  const credentials = ServerCredentials.createSsl(tls.ca, [{ private_key: tls.key, cert_chain: tls.certificate }], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => { if (error === null) resolve(bound); else reject(error); });
  });
  return { port, close: () => new Promise((resolve) => {
    gate.close();
    const force = setTimeout(() => { server.forceShutdown(); resolve(); }, CLOSE_MS); // a dial under way is never counted out
    server.tryShutdown(() => { clearTimeout(force); resolve(); });
  }) };
}
