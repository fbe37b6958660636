import { status, type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { JournalCorrupt, JournalFull } from '../../proto/journal.ts';
import { Refused } from '../dispatcher.ts';
import { callerOf, type Caller } from '../roles.ts';

export type Message = Record<string, unknown>;

const OBSERVER_CALLS = new Set(['GetHealth', 'WatchHealth', 'GetFacts', 'ListOperations', 'Check', 'Watch']);

/** The call is answered with this status and these words. */
export class Denied extends Error {
  readonly code: status;
  constructor(code: status, message: string) { super(message); this.code = code; }
}

type Call = ServerUnaryCall<Message, Message> | ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>;

/** Who calls, if that role may make this call. Throws Denied. */
export function authorize(call: Call, method: string): Caller {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const caller = callerOf(certificate);
  if (caller === undefined) throw new Denied(status.UNAUTHENTICATED, 'the certificate names no role: expected a URI spiffe://SITE/operator/NAME or spiffe://SITE/observer/NAME');
  if (caller.role === 'observer' && !OBSERVER_CALLS.has(method)) throw new Denied(status.PERMISSION_DENIED, `${caller.name} is an observer; ${method} is for operators`);
  return caller;
}

export function denial(error: unknown): { code: status; details: string } {
  if (error instanceof Denied) return { code: error.code, details: error.message };
  if (error instanceof JournalFull) return { code: status.RESOURCE_EXHAUSTED, details: error.message };
  if (error instanceof Refused || error instanceof JournalCorrupt) return { code: status.FAILED_PRECONDITION, details: error.message };
  if (error instanceof TypeError || error instanceof SyntaxError) return { code: status.INVALID_ARGUMENT, details: error.message };
  console.error(error);
  return { code: status.INTERNAL, details: 'the agent failed to answer; its own log says why' };
}

/** A call with one answer. */
export const unary = (method: string, answer: (request: Message, caller: Caller, peer: string) => Promise<Message> | Message) =>
  (call: ServerUnaryCall<Message, Message>, callback: sendUnaryData<Message>): void => {
    Promise.resolve().then(() => answer(call.request, authorize(call, method), call.getPeer())).then((value) => { callback(null, value); }, (error: unknown) => { callback(denial(error)); });
  };

/** Calls `tell` now and then every `everyS` seconds until the stream ends. */
export function repeat(call: ServerWritableStream<Message, Message>, method: string, everyS: number, tell: () => Promise<void>): void {
  const fail = (error: unknown): void => { clearInterval(timer); call.emit('error', denial(error)); };
  const timer = setInterval(() => { tell().catch(fail); }, everyS * 1000);
  call.on('cancelled', () => { clearInterval(timer); });
  try { authorize(call, method); } catch (error) { fail(error); return; }
  tell().catch(fail);
}
