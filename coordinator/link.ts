import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { Client, credentials, Metadata, status, type ServiceError, type ClientDuplexStream, type ClientReadableStream } from '@grpc/grpc-js';
import type { Command } from '../proto/command.ts';
import type { Event, Finished, Json } from '../proto/events.ts';
import { agentService, commandToWire, eventFromWire, MAX_MESSAGE_BYTES } from '../proto/wire.ts';
import { printable, printableAll } from './printable.ts';

type Message = Record<string, unknown>;

export interface Endpoint { host: string; address: string; port: number }
/** Who is no longer to be trusted: asked at every new connection, and on open ones whenever it changed. */
export interface RevokedAgents { revoked(serial: string): Date | undefined; watch(listener: () => void): () => void }
/** PEM texts of the site's CA and of the caller's certificate and key. */
export interface Identity { ca: Buffer; certificate: Buffer; key: Buffer; revocations?: RevokedAgents }

/** The host could not be reached, or broke off and did not come back in time. */
export class Unreachable extends Error {
  readonly host: string;
  constructor(host: string, why: string) { super(`${host} cannot be reached: ${why}`); this.host = host; this.name = 'Unreachable'; }
}

/** It answers with a key of its own that no authority has signed, as an agent does before it is enrolled. */
export class NotEnrolled extends Unreachable {
  constructor(host: string) {
    super(host, `it is not enrolled yet. On it: tandem agent enrol; then here: tandem enrol ${host} --code CODE`);
    this.name = 'NotEnrolled';
  }
}

/** The agent answered, and said no: the role, the lease, the request itself. */
export class AgentRefused extends Error {
  readonly host: string;
  readonly code: string;
  constructor(host: string, code: string, why: string) { super(`${host}: ${why}`); this.host = host; this.code = code; this.name = 'AgentRefused'; }
}

const RETRY = new Set([status.UNAVAILABLE, status.CANCELLED, status.DEADLINE_EXCEEDED, status.UNKNOWN]);

/** grpc-js wraps the reason in words of its own. */
export function plain(details: string): string {
  const seconds = /^Deadline exceeded after ([\d.]+)s/.exec(details)?.[1];
  if (seconds !== undefined) return `no answer within ${Number(seconds).toFixed(0)} s`;
  const why = /^No connection established\. Last error: (?:Error: )?(.*?)\. Resolution note:/s.exec(details)?.[1] ?? details;
  return /^Failed to connect\b/.test(why) ? ENDED_AT_ONCE : why;
}
/** All that grpc-js knows where the other side ends the connection in its handshake: there it is refused, and only there it is said why. */
const ENDED_AT_ONCE = 'it takes connections and ends them at once. Where that lasts, it does not take the certificate that it is shown: compare its clock (date) and its authority (ca.crt) with those here';

const SELF_SIGNED = /^self-signed certificate\b(?! in certificate chain)|DEPTH_ZERO_SELF_SIGNED_CERT/;

/** One agent: one channel, its calls as promises, and a stream of work that survives a broken link. */
export class Link {
  readonly endpoint: Endpoint;
  readonly #identity: Identity;
  readonly #client: Client;
  readonly #streams = new Set<{ cancel(): void }>();
  readonly #questions = new Set<{ cancel(): void }>();
  readonly #unwatch: (() => void) | undefined;
  #closed = false;
  /** Serial of the certificate that the agent showed last. */
  #serial: string | undefined;
  /** Why this agent is not to be talked to, whatever it answers. */
  #revoked: AgentRefused | undefined;

  constructor(endpoint: Endpoint, identity: Identity) {
    this.endpoint = endpoint;
    this.#identity = identity;
    this.#client = new Client(`${endpoint.address}:${String(endpoint.port)}`, credentials.createSsl(identity.ca, identity.key, identity.certificate, { checkServerIdentity: (name, certificate) => this.#check(name, certificate) }), {
      // The agent must prove to be this host, whatever address it was dialled at.
      'grpc.ssl_target_name_override': endpoint.host, 'grpc.default_authority': endpoint.host,
      'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 10_000, 'grpc.keepalive_permit_without_calls': 0,
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 3000,
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1, // else two links to one host share a connection, and a confirmation proves nothing
    });
    this.#unwatch = identity.revocations?.watch(() => { this.#cutIfRevoked(); });
  }

  /** Serial number (hex) of the certificate that the agent showed; undefined before the first connection. */
  get serial(): string | undefined { return this.#serial; }

  /** At each new connection: the name, then the revocation list, which grpc-js itself does not take. */
  #check(name: string, certificate: PeerCertificate): Error | undefined {
    this.#serial = certificate.serialNumber;
    this.#revoked = this.#refusal();
    return this.#revoked ?? checkServerIdentity(name, certificate);
  }

  #refusal(): AgentRefused | undefined {
    const since = this.#serial === undefined ? undefined : this.#identity.revocations?.revoked(this.#serial);
    return since === undefined ? undefined : new AgentRefused(this.endpoint.host, 'REVOKED', `its certificate ${String(this.#serial).toLowerCase()} was revoked on ${since.toISOString().slice(0, 10)}`);
  }

  /** On an open connection: what it says from here on is not listened to. */
  #cutIfRevoked(): void {
    const refusal = this.#refusal();
    if (refusal === undefined || this.#revoked !== undefined) return;
    this.#revoked = refusal;
    for (const call of this.#questions) call.cancel();
    this.close();
  }

  /** Keeps a call, so that it can be let go of, until it has ended. Throws where none may be made any more. */
  #keep<T extends { cancel(): void; once(event: 'status', listener: () => void): unknown }>(calls: Set<{ cancel(): void }>, begin: () => T): T {
    if (this.#closed) throw this.#revoked ?? new Unreachable(this.endpoint.host, 'this program has let go of it');
    const call = begin();
    calls.add(call);
    call.once('status', () => { calls.delete(call); });
    return call;
  }

  /** The same agent over a connection of its own; the caller closes it. */
  another(): Link { return new Link(this.endpoint, this.#identity); }

  /** Lets go of the host at once; work under way there goes on. */
  close(): void {
    this.#closed = true;
    this.#unwatch?.();
    for (const call of this.#streams) call.cancel();
    this.#client.close();
  }

  #failure(error: ServiceError): Error {
    const details = printable(error.details);
    if (this.#revoked !== undefined) return this.#revoked;
    if (SELF_SIGNED.test(plain(details))) return new NotEnrolled(this.endpoint.host);
    return RETRY.has(error.code) ? new Unreachable(this.endpoint.host, plain(details)) : new AgentRefused(this.endpoint.host, status[error.code], details);
  }

  /** One unary call by its name in agent.proto; its texts are printable. Throws Unreachable, AgentRefused. */
  async call(method: string, request: Message, timeoutS: number = 20): Promise<Message> {
    const definition = agentService[method];
    if (definition === undefined) throw new TypeError(`${method} is not in the contract`);
    return await new Promise((resolve, reject) => {
      this.#keep(this.#questions, () => this.#client.makeUnaryRequest(definition.path, definition.requestSerialize, definition.responseDeserialize, request,
        new Metadata(), { deadline: Date.now() + timeoutS * 1000 }, (error, answer) => {
          if (error !== null) reject(this.#failure(error));
          else resolve(printableAll(answer ?? {}));
        }));
    });
  }

  async facts(): Promise<Json> { return JSON.parse(String((await this.call('GetFacts', {}))['factsJson'])) as Json; }

  /**
   * Streams commands ahead and gives each event once, in order; resolves with the results when all have finished. After
   * a broken link the same ids are sent again for up to patienceS seconds: the agent does nothing twice.
   */
  async execute(commands: Command[], patienceS: number, onEvent: (event: Event) => void): Promise<Map<string, Finished>> {
    const results = new Map<string, Finished>();
    let lastSeq = 0, brokenSinceMs: number | undefined;
    const hear = (event: Event): void => {
      brokenSinceMs = undefined;
      if (event.kind === 'finished') results.set(event.command, event);
      if (event.seq <= lastSeq) return;
      lastSeq = event.seq;
      onEvent(event);
    };
    while (results.size < commands.length) {
      try {
        await this.#stream(commands.filter((command) => !results.has(command.id)), hear);
      } catch (error) {
        brokenSinceMs ??= performance.now();
        if (!(error instanceof Unreachable) || this.#closed || performance.now() - brokenSinceMs > patienceS * 1000) throw error;
        await new Promise((resolve) => { setTimeout(resolve, 300); });
      }
    }
    return results;
  }

  async #stream(commands: Command[], hear: (event: Event) => void): Promise<void> {
    const call = this.#open('Execute') as ClientDuplexStream<Message, Message>;
    const done = this.#drain(call, hear);
    for (const command of commands) {
      if (!call.write({ command: commandToWire(command) })) await Promise.race([new Promise((resolve) => { call.once('drain', resolve); }), done]);
    }
    call.end();
    await done;
  }

  /** Events of a run from a sequence number on, until the run is idle on that host. */
  async attach(run: string, fromSeq: number, onEvent: (event: Event) => void): Promise<void> {
    const definition = agentService['Attach'];
    if (definition === undefined) throw new TypeError('Attach is not in the contract');
    const call = this.#keep(this.#streams, () => this.#client.makeServerStreamRequest(definition.path, definition.requestSerialize, definition.responseDeserialize, { runId: run, fromSeq }));
    await this.#drain(call, onEvent);
  }

  /** Health reports as messages (agent.proto, Health) until `stop` is aborted. */
  async watchHealth(everyS: number, onHealth: (health: Message) => void, stop: AbortSignal): Promise<void> {
    const definition = agentService['WatchHealth'];
    if (definition === undefined) throw new TypeError('WatchHealth is not in the contract');
    const call = this.#keep(this.#streams, () => this.#client.makeServerStreamRequest(definition.path, definition.requestSerialize, definition.responseDeserialize, { everyS }));
    stop.addEventListener('abort', () => { call.cancel(); });
    await new Promise<void>((resolve, reject) => {
      call.on('data', (message: Message) => { onHealth(printableAll(message['health'] as Message)); });
      call.on('error', (error: ServiceError) => { if (stop.aborted) resolve(); else reject(this.#failure(error)); });
      call.on('end', () => { resolve(); });
    });
  }

  #open(method: string): unknown {
    const definition = agentService[method];
    if (definition === undefined) throw new TypeError(`${method} is not in the contract`);
    return this.#keep(this.#streams, () => this.#client.makeBidiStreamRequest(definition.path, definition.requestSerialize, definition.responseDeserialize, new Metadata()));
  }

  #eventOf(message: Message): Event {
    try { return eventFromWire((message['event'] ?? {}) as Message); } catch (error) {
      throw new AgentRefused(this.endpoint.host, 'INTERNAL', `sent what this version does not understand: ${printable((error as Error).message)}`);
    }
  }

  async #drain(call: ClientDuplexStream<Message, Message> | ClientReadableStream<Message>, hear: (event: Event) => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      // Thrown out of here it would end this program, and with it the work on every other host.
      call.on('data', (message: Message) => { if (this.#revoked === undefined) try { hear(this.#eventOf(message)); } catch (error) { reject(error instanceof Error ? error : new Error(String(error))); call.cancel(); } });
      call.on('error', (error: ServiceError) => { reject(this.#failure(error)); });
      call.on('end', () => { resolve(); });
    });
  }
}
