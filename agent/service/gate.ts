import { status, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { day, serialOf } from '../enrolment/revoked.ts';
import type { Revocations } from '../revocation.ts';
import { callerOf, type Caller } from '../roles.ts';

export type Message = Record<string, unknown>;
export type Stream = ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>;
/** The caller, and the serial number of the certificate that says so. */
type Peer = Caller & { serial: string };
type Call = ServerUnaryCall<Message, Message> | Stream;
/** Where the gate learns who was revoked: agent/revocation.ts. */
export interface RevocationSource { current(): Promise<Revocations> }

const OBSERVER_CALLS = new Set(['GetHealth', 'WatchHealth', 'GetFacts', 'ListOperations', 'Check', 'Watch']);
/** How often open calls are looked at, milliseconds: a revoked peer is off within ten seconds. */
const SWEEP_MS = 5000;

/** The call is answered with this status and these words. */
export class Denied extends Error {
  readonly code: status;
  constructor(code: status, message: string) { super(message); this.code = code; }
}

/** Lets a call in by its certificate's role, and no revoked one; puts an open call out when its peer is revoked meanwhile. */
export class Gate {
  readonly #source: RevocationSource;
  readonly #open = new Map<Stream, { peer: Peer; end: (reason: Denied) => void }>();
  readonly #timer: NodeJS.Timeout;

  constructor(source: RevocationSource, sweepMs: number = SWEEP_MS) {
    this.#source = source;
    this.#timer = setInterval(() => { this.#sweep().catch((error: unknown) => { console.error(error); }); }, sweepMs).unref();
  }

  /** Who calls, if that role may make this call. Throws Denied. */
  async admit(call: Call, method: string): Promise<Peer> {
    const { sslPeerCertificate: certificate } = call.getAuthContext(), caller = callerOf(certificate);
    if (caller === undefined) throw new Denied(status.UNAUTHENTICATED, 'the certificate names no role: expected a URI spiffe://SITE/operator/NAME or spiffe://SITE/observer/NAME');
    const peer = { ...caller, serial: serialOf(certificate?.serialNumber ?? '') }, reason = revoked(peer, await this.#source.current());
    if (reason !== undefined) throw reason;
    if (caller.role === 'observer' && !OBSERVER_CALLS.has(method)) throw new Denied(status.PERMISSION_DENIED, `${caller.name} is an observer; ${method} is for operators`);
    return peer;
  }

  /** `admit`, and `end` is called when the peer is revoked while the call is open. Work that was accepted goes on: it was authorised then. */
  async keep(call: Stream, method: string, end: (reason: Denied) => void): Promise<void> {
    const peer = await this.admit(call, method);
    this.#open.set(call, { peer, end });
    const forget = (): void => { this.#open.delete(call); };
    for (const event of ['finish', 'close', 'error', 'cancelled']) call.once(event, forget);
    if (call.cancelled || call.destroyed) forget(); // it went before anybody listened
  }

  /** Calls that are open. */
  get open(): number { return this.#open.size; }

  close(): void { clearInterval(this.#timer); }

  async #sweep(): Promise<void> {
    if (this.#open.size === 0) return;
    const revocations = await this.#source.current();
    for (const { peer, end } of this.#open.values()) {
      const reason = revoked(peer, revocations);
      if (reason !== undefined) end(reason);
    }
  }
}

function revoked({ name, serial }: Peer, revocations: Revocations): Denied | undefined {
  const on = revocations.revokedOn(serial);
  return on === undefined ? undefined : new Denied(status.UNAUTHENTICATED, `certificate ${serial} of ${name} was revoked on ${day(on)}`);
}
