import { status, type ServerDuplexStream, type ServerWritableStream } from '@grpc/grpc-js';
import type { Event } from '../../proto/events.ts';
import { commandFromWire, eventToWire } from '../../proto/wire.ts';
import type { Dispatcher } from '../dispatcher.ts';
import type { LeaseKeeper } from '../lease.ts';
import { NoJournal } from '../refused.ts';
import type { RunLog } from '../runlog.ts';
import { denial } from './calls.ts';
import { Denied, type Gate, type Message, type Stream } from './gate.ts';

interface Work { gate: Gate; dispatcher: Dispatcher; leases: LeaseKeeper }

/** Commands of one stream that may wait. */
const MAX_COMMANDS_WAITING = 20_000;

/**
 * Sends a run's events from `fromSeq` on, each once and in order: live ones, and stored ones where it began late or the
 * reader was slow. A reader that takes nothing holds no event in memory: they are on disk and read when it goes on.
 */
function pump(call: Stream, log: RunLog, fromSeq: number, wanted: (event: Event) => boolean, sent: (event: Event) => void): () => void {
  let next = fromSeq, blocked = false;
  const pass = (event: Event): void => {
    if (blocked || event.seq < next) return;
    next = event.seq + 1;
    if (!wanted(event)) return;
    if (!call.write({ event: eventToWire(event) })) { blocked = true; call.once('drain', () => { blocked = false; catchUp(); }); }
    sent(event);
  };
  const catchUp = (): void => {
    try { while (!blocked && next <= log.toldSeq) log.stored(next).forEach(pass); } catch (error) { unfollow(); call.emit('error', denial(error)); }
  };
  const unfollow = log.follow(pass, (why) => { unfollow(); call.emit('error', denial(why)); });
  catchUp();
  return unfollow;
}

/** One Execute stream: commands in, the events of just these commands out; it ends when the last has finished. */
export function execute({ gate, dispatcher, leases }: Work, call: ServerDuplexStream<Message, Message>): void {
  const open = new Set<string>(), mine = new Set<string>(), unfollow: (() => void)[] = [];
  let halfClosed = false, over = false, followed: string | undefined;
  const endIfDone = (): void => { if (halfClosed && open.size === 0) call.end(); };
  const fail = (error: unknown): void => { over = true; unfollow.forEach((stop) => { stop(); }); call.emit('error', denial(error)); };
  const noteSent = (event: Event): void => { if (event.kind === 'finished') { open.delete(event.command); endIfDone(); } };
  const take = (request: Message): void => {
    try {
      if (over) return;
      const command = commandFromWire((request['command'] ?? {}) as Message);
      const refusal = leases.refusal(command.run, command.fence);
      if (refusal !== undefined) throw new Denied(status.FAILED_PRECONDITION, refusal);
      if (open.size >= MAX_COMMANDS_WAITING) throw new Denied(status.RESOURCE_EXHAUSTED, `more than ${String(MAX_COMMANDS_WAITING)} commands wait on one stream`);
      if (followed === undefined) {
        const log = dispatcher.run(command.run);
        followed = command.run;
        unfollow.push(pump(call, log, log.lastSeq + 1, (event) => mine.has(event.command) || event.kind === 'stopped', noteSent));
      }
      if (followed !== command.run) throw new Denied(status.INVALID_ARGUMENT, 'one stream carries the commands of one run');
      const log = dispatcher.run(command.run), known = log.commands.get(command.id);
      if (known !== undefined) log.settle(); // to this stream's pump these are no events of its own yet
      mine.add(command.id);
      open.add(command.id);
      const trace = dispatcher.submit(command);
      // Accepted in an earlier stream: its events so far are sent again, then the live ones follow.
      if (known !== undefined) for (const event of [trace.accepted, trace.checked, trace.awaiting, trace.verified, trace.finished]) if (event !== undefined && event.seq <= log.toldSeq) { call.write({ event: eventToWire(event) }); noteSent(event); }
    } catch (error) { fail(error); }
  };
  // Once a stream: its certificate cannot change. Nothing is read before.
  gate.keep(call, 'Execute', fail).then(() => { call.on('data', take); }, fail);
  call.on('end', () => { halfClosed = true; endIfDone(); });
  call.on('close', () => { unfollow.forEach((stop) => { stop(); }); });
  call.on('cancelled', () => { unfollow.forEach((stop) => { stop(); }); });
}

/** One Attach stream: a run's stored events, then live ones until the run is idle. */
export function attach({ gate, dispatcher, leases }: Work, call: ServerWritableStream<Message, Message>): void {
  let unfollow = (): void => undefined;
  const fail = (error: unknown): void => { unfollow(); call.emit('error', denial(error)); };
  call.on('cancelled', () => { unfollow(); });
  gate.keep(call, 'Attach', fail).then(() => {
    if (call.cancelled) return;
    const run = String(call.request['runId']);
    // Its coordinator asks what it still holds; all others get what is on disk, and start nothing.
    if (leases.current.run === run) dispatcher.goOn();
    const log = dispatcher.known(run);
    if (log === undefined) throw new NoJournal(run);
    let last = 0;
    const endIfIdle = (): void => { if (!dispatcher.pending(run) && last >= log.lastSeq) { unfollow(); call.end(); } };
    const from = Math.max(1, Number(call.request['fromSeq']));
    if (from > log.lastSeq) last = log.lastSeq;
    unfollow = pump(call, log, from, () => true, (event) => {
      last = event.seq;
      setImmediate(endIfIdle);
    });
    endIfIdle();
  }).catch(fail);
}
