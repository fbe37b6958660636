import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { isGood, type Event, type EventKind, type Json, type Mode, type Result } from '../proto/events.ts';
import type { SignedHead } from '../proto/heads.ts';
import { Journal } from '../proto/journal.ts';
import { asTold } from '../proto/wire.ts';

type Of<K extends EventKind['kind']> = Extract<Event, { kind: K }>;

/** What the journal says of one command; output is left on disk. */
export interface Trace {
  accepted: Of<'accepted'>;
  checked?: Of<'checked'>;
  spawned?: Of<'spawned'>;
  applied?: Of<'applied'>;
  /** A change that can cut the host off: how far it is. */
  armed?: Of<'armed'>;
  awaiting?: Of<'awaiting'>;
  confirmed?: Of<'confirmed'>;
  reverting?: Of<'reverting'>;
  verified?: Of<'verified'>;
  finished?: Of<'finished'>;
}

interface Finish { step: string; result: Result }
const batchKey = (batch: string, mode: Mode): string => `${mode} ${batch}`;

/**
 * Before a change (the intent with the state found, a process about to start) and with a result, the line is on disk
 * when `record` returns. Those before it are then too: it is one file.
 */
function mustSync(event: Event): boolean {
  return SYNCED.includes(event.kind) || (event.kind === 'checked' && !event.satisfied);
}
const SYNCED: EventKind['kind'][] = ['finished', 'spawned', 'stopped', 'armed', 'confirmed', 'reverting', 'witnessed'];

/** Other lines wait so long for one of these, milliseconds, or until so many bytes of them wait; then they are put on disk together. */
const UNSYNCED_MS = 100, UNSYNCED_BYTES = 1024 * 1024;

/** Output kept of one step, characters; what is over goes uncounted into no journal. */
const OUTPUT_LIMIT_CHARS = 256 * 1024;

/**
 * One run on this host: its journal, an index of its commands, and the live events. An event is told to others only once its
 * line is on disk: what a loss of power takes back, nobody has heard of.
 */
export class RunLog {
  readonly run: string;
  readonly commands = new Map<string, Trace>();
  /** A person stopped the run: what was sent under this fencing number is skipped (in journals of 0.1.0: up to this attempt). */
  stopped: { reason: string; attempt: number; fence: number | undefined } | undefined;
  /** The coordinator's head that was kept last. */
  witnessed: SignedHead | undefined;
  #journal: Journal<Event>;
  #live = new EventEmitter();
  #outputChars = 0;
  /** Written and perhaps not on disk, in order: the lines after `toldSeq`. */
  #untold: Event[] = [];
  #toldSeq: number;
  #toldBytes: number;
  #soon: NodeJS.Timeout | undefined;
  readonly #open = new Set<string>();
  readonly #failed = new Map<string, Finish>();
  readonly #ofStep = new Map<string, Trace[]>();
  #beganMs = 0;
  #lastMs = 0;

  constructor(stateDir: string, run: string) {
    this.run = run;
    this.#live.setMaxListeners(0);
    this.#journal = new Journal<Event>(RunLog.path(stateDir, run));
    for (const event of this.#journal.replayed) this.#index(event);
    this.#toldSeq = this.#journal.length;
    this.#toldBytes = this.#journal.sizeBytes;
    if (this.#toldSeq > 0) this.#journal.sync(); // what an agent that was killed had written may be in memory only
    this.#journal.replayed.length = 0; // on disk and indexed: idle memory must not grow with every run there was
  }

  /** Whether a command was accepted and has no result. */
  get unfinished(): boolean { return this.#open.size > 0; }
  /** Whole lines at the journal's end do not hold: its coordinator must compare what it was told before anything goes on. */
  get damaged(): boolean { return this.#journal.damaged; }
  get openCount(): number { return this.#open.size; }
  /** Accepted, and without a result. */
  open(): [id: string, trace: Trace][] { return [...this.#open].flatMap((id) => { const trace = this.commands.get(id); return trace === undefined ? [] : [[id, trace] as [string, Trace]]; }); }
  /** Times of the first and of the last line, milliseconds since the epoch; 0 where there is none. */
  get span(): { beganMs: number; lastMs: number } { return { beganMs: this.#beganMs, lastMs: this.#lastMs }; }
  /** Whether somebody waits for its events. */
  get followed(): boolean { return this.#live.listenerCount('event') > 0; }
  close(): void { clearTimeout(this.#soon); this.#journal.close(); }

  /** The first command of this batch that did not end well; what comes after it is skipped. */
  failedIn(batch: string, mode: Mode): Finish | undefined { return this.#failed.get(batchKey(batch, mode)); }

  static path(stateDir: string, run: string): string { return join(stateDir, 'runs', run, 'journal.jsonl'); }

  get head(): string { return this.#journal.head; }
  get lastSeq(): number { return this.#journal.length; }
  /** The last line that is known to be on disk, and that others may be told of. */
  get toldSeq(): number { return this.#toldSeq; }

  /** Throws JournalFull. */
  record(command: string, step: string, kind: EventKind): Event {
    const event = asTold({ seq: this.#journal.length + 1, timeMs: Date.now(), run: this.run, command, step, ...this.#bounded(kind) }), synced = mustSync(event);
    this.#journal.append(event, synced);
    this.#index(event);
    this.#untold.push(event);
    if (synced) this.#tell();
    else if (this.#journal.sizeBytes - this.#toldBytes > UNSYNCED_BYTES) this.settle();
    else this.#soon ??= setTimeout(() => { try { this.settle(); } catch (error) { this.halt(error as Error); } }, UNSYNCED_MS).unref(); // the next line throws as well, and ends the work
    return event;
  }

  /** Puts every line on disk, and tells of those that were not. Throws JournalFull. */
  settle(): void {
    if (this.#toldSeq === this.lastSeq) return;
    this.#journal.sync();
    this.#tell();
  }

  #tell(): void {
    const events = this.#untold;
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#untold = [];
    this.#toldSeq = this.lastSeq;
    this.#toldBytes = this.#journal.sizeBytes;
    for (const event of events) this.#live.emit('event', event);
  }

  /** Some of the events from `fromSeq` on that may be told, output included, from the disk: one at least where there is one. */
  stored(fromSeq: number): Event[] { return this.#journal.some(Math.max(1, fromSeq)).filter(({ seq }) => seq <= this.#toldSeq); }

  /** Calls back with each event that is newly on disk until the returned function is called, or with the reason why there will be none for now. */
  follow(onEvent: (event: Event) => void, onHalt: (why: Error) => void = () => undefined): () => void {
    this.#live.on('event', onEvent).on('halt', onHalt);
    return () => { this.#live.off('event', onEvent).off('halt', onHalt); };
  }
  halt(why: Error): void { this.#live.emit('halt', why); }

  /** The first change of this step in this run that was not undone, and the attempts since: the state found before it, for revert. */
  changeBefore(step: string): { found: Json; attempts: number[] } | undefined {
    let change: { found: Json; attempts: number[] } | undefined;
    for (const { accepted, checked, finished } of this.#ofStep.get(step) ?? []) {
      const undone = finished?.result === 'reverted';
      if (accepted.mode === 'revert' && undone) change = undefined;
      if (accepted.mode !== 'apply' || undone || checked?.satisfied !== false) continue;
      if (change === undefined) change = { found: checked.found, attempts: [accepted.attempt] };
      else change.attempts.push(accepted.attempt);
    }
    return change;
  }

  /** The attempt of this run that undid this step; undefined where a change stands, or none was undone. */
  undoneBy(step: string): number | undefined {
    if (this.changeBefore(step) !== undefined) return undefined;
    return (this.#ofStep.get(step) ?? []).findLast(({ finished }) => finished?.result === 'reverted')?.accepted.attempt;
  }

  /** Whether a command of this run began to change this step and ended without a proof (failed, unknown), and none since has proven or undone it. */
  unproven(step: string): boolean {
    let open = false;
    for (const { accepted, checked, verified, finished } of this.#ofStep.get(step) ?? []) {
      if (finished === undefined) continue;
      if (finished.result === 'changed' || finished.result === 'reverted' || (finished.result === 'unchanged' && verified?.satisfied === true)) open = false;
      else if (accepted.mode === 'apply' && checked?.satisfied === false) open = true;
    }
    return open;
  }

  #bounded(kind: EventKind): EventKind {
    if (kind.kind === 'accepted' || kind.kind === 'checked') this.#outputChars = 0;
    if (kind.kind !== 'output') return kind;
    const room = Math.max(0, OUTPUT_LIMIT_CHARS - this.#outputChars);
    this.#outputChars += kind.text.length;
    return { ...kind, text: kind.text.slice(0, room) };
  }

  #index(event: Event): void {
    if (this.#beganMs === 0) this.#beganMs = event.timeMs;
    this.#lastMs = event.timeMs;
    if (event.kind === 'stopped') this.stopped = { reason: event.reason, attempt: event.attempt, fence: (event as { fence?: number }).fence };
    if (event.kind === 'witnessed') this.witnessed = event.head;
    if (event.kind === 'accepted') { this.#accept(event); return; }
    const trace = this.commands.get(event.command);
    if (trace === undefined) return;
    // The first intent to change stays: a later look, after an interruption, must not hide what was there before.
    if (event.kind === 'checked' && trace.checked?.satisfied !== false) trace.checked = event;
    if (event.kind === 'spawned') trace.spawned = event;
    if (event.kind === 'applied') trace.applied = event;
    if (event.kind === 'armed') trace.armed = event;
    if (event.kind === 'awaiting') trace.awaiting = event;
    if (event.kind === 'confirmed') trace.confirmed = event;
    if (event.kind === 'reverting') trace.reverting = event;
    if (event.kind === 'verified') trace.verified = event;
    if (event.kind === 'finished') this.#finish(trace, event);
  }

  #accept(event: Of<'accepted'>): void {
    const trace: Trace = { accepted: event }, before = this.#ofStep.get(event.step);
    this.commands.set(event.command, trace);
    this.#open.add(event.command);
    if (before === undefined) this.#ofStep.set(event.step, [trace]);
    else before.push(trace);
  }

  #finish(trace: Trace, event: Of<'finished'>): void {
    const { batch, mode, step } = trace.accepted, key = batchKey(batch, mode);
    trace.finished = event;
    this.#open.delete(event.command);
    if (!isGood(event.result, mode) && event.result !== 'skipped' && !this.#failed.has(key)) this.#failed.set(key, { step, result: event.result });
  }
}
