import { status, type sendUnaryData, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { JournalCorrupt, JournalFull } from '../../proto/journal.ts';
import { NoJournal, Refused } from '../refused.ts';
import type { Caller } from '../roles.ts';
import { Denied, type Gate, type Message } from './gate.ts';

export function denial(error: unknown): { code: status; details: string } {
  if (error instanceof Denied) return { code: error.code, details: error.message };
  if (error instanceof NoJournal) return { code: status.NOT_FOUND, details: error.message };
  if (error instanceof Refused || error instanceof JournalCorrupt) return { code: status.FAILED_PRECONDITION, details: error.message };
  if (error instanceof TypeError || error instanceof SyntaxError) return { code: status.INVALID_ARGUMENT, details: error.message };
  if (error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT'].includes(String(error.code))) return { code: status.RESOURCE_EXHAUSTED, details: `${error.message}; free space there` };
  if (error instanceof JournalFull) return { code: status.RESOURCE_EXHAUSTED, details: `${error.message}; look at that disk` };
  console.error(error);
  return { code: status.INTERNAL, details: 'the agent failed to answer; its own log says why' };
}

/** A call with one answer. */
export const unary = (gate: Gate, method: string, answer: (request: Message, caller: Caller, peer: string) => Promise<Message> | Message) =>
  (call: ServerUnaryCall<Message, Message>, callback: sendUnaryData<Message>): void => {
    const answered = gate.admit(call, method).then((caller) => answer(call.request, caller, call.getPeer()));
    answered.then((value) => { callback(null, value); }, (error: unknown) => { callback(denial(error)); });
  };

/** Calls `tell` now and then every `everyS` seconds until the stream ends. */
export function repeat(gate: Gate, call: ServerWritableStream<Message, Message>, method: string, everyS: number, tell: () => Promise<void>): void {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => { clearInterval(timer); };
  const fail = (error: unknown): void => { stop(); call.emit('error', denial(error)); };
  call.on('cancelled', stop);
  gate.keep(call, method, fail).then(async () => {
    if (call.cancelled) return;
    timer = setInterval(() => { tell().catch(fail); }, everyS * 1000);
    await tell();
  }).catch(fail);
}
