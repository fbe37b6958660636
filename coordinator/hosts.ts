import { commandId, type Command } from '../proto/command.ts';
import type { Event, Finished, Json, Mode } from '../proto/events.ts';
import { awaited } from './arrivals.ts';
import { catchUp } from './catch-up.ts';
import { awayS, confirmAnew, confirmWithinS } from './confirm.ts';
import type { Ask } from './gatekeeper.ts';
import { Leases, Locked } from './leases.ts';
import { AgentRefused, Unreachable, type Identity, type Link } from './link.ts';
import { hostsFor } from './part.ts';
import type { Plan, PlanStep } from './plan-format.ts';
import type { RunRecord, RunWriter } from './store/runstore.ts';
import { EXIT } from './verdict.ts';
import { Witness } from './witness.ts';

export interface RunSettings {
  run: string;
  mode: Mode;
  /** The checkpoint that a revert goes back to. */
  to?: string;
  /** Go no further than the stage that carries this checkpoint. */
  until?: string;
  /** The hosts that are to be worked on; all where it is not given. */
  only?: readonly string[];
  /** Name written into the lease and the journal. */
  by: string;
  /** Name in the certificate: who a person's word is recorded under. */
  subject: string;
  /** Asks whoever sits there before a gated step; without it the host waits there. */
  ask?: Ask;
  /** Signs this side's chain heads. */
  own: Identity;
  /** Seconds for which a broken link is dialled again before its host counts as unreachable. */
  patienceS: number;
  /** Takes over a lease that has lapsed: its coordinator is gone. One that still holds is never taken. */
  takeOver: boolean;
  /** Value of a `coordinator-file:` reference; read when its step is sent and kept nowhere. */
  readSecret: (reference: string) => string;
}

export interface HostWatcher {
  /** A person stopped this attempt on one host. */
  onStopped(reason: string): void;
  onEvent(host: string, event: Event): void;
  onNote(host: string, text: string): void;
}

/** This coordinator let go of the run; the hosts go on with what they hold. */
export class Detached extends Error {}

/** Every attempt that a record knows of: a number is never given twice, whatever was lost of this journal. */
function attemptOf(record: RunRecord): number {
  if (record.type === 'begun') return record.attempt;
  return record.type === 'event' && (record.event.kind === 'accepted' || record.event.kind === 'stopped') ? record.event.attempt : 0;
}

/** Every `coordinator-file:` reference in a step's arguments. */
export function coordinatorSecrets(args: Json): string[] {
  if (typeof args === 'string') return args.startsWith('coordinator-file:') ? [args] : [];
  if (args === null || typeof args !== 'object') return [];
  return Object.values(args).flatMap(coordinatorSecrets);
}

/** The hosts of one run: their links and leases. What they tell goes on record first, then to whoever watches. */
export class Hosts {
  readonly settings: RunSettings;
  readonly #plan: Plan;
  /** Those of the plan that this attempt works on. */
  readonly #names: readonly string[];
  readonly #links: Map<string, Link>;
  readonly #store: RunWriter;
  readonly #watcher: HostWatcher;
  readonly #leases: Leases;
  /** Confirmations under way; a note of theirs belongs into this run. */
  readonly #confirming: Promise<void>[] = [];
  readonly #ended = new Set<string>();
  readonly #seen = new Map<string, Set<number>>();
  readonly #witness: Witness;
  readonly #records: readonly RunRecord[];
  /** Those that have not joined the run yet, each with the step at which it does. */
  readonly #awaited: Map<string, string>;
  #attempt = 1;
  #detached = false;

  /** `records`: what the run has on record from earlier attempts. */
  constructor(plan: Plan, settings: RunSettings, links: Map<string, Link>, store: RunWriter, watcher: HostWatcher, records: readonly RunRecord[]) {
    this.settings = settings;
    this.#plan = plan;
    this.#names = hostsFor(plan, settings.only);
    this.#links = links;
    this.#store = store;
    this.#watcher = watcher;
    this.#records = records;
    this.#awaited = awaited(plan, records);
    this.#witness = new Witness(settings.run, settings.own, store, records);
    this.#leases = new Leases(settings, this.#there.map((name) => ({ host: name, link: this.link(name) })), (host, text) => { this.note(host, text); });
  }

  /** The hosts of this attempt that have joined the run. */
  get #there(): string[] { return this.#names.filter((name) => !this.#awaited.has(name)); }

  get detached(): boolean { return this.#detached; }

  /** Of this attempt: 1, and one more than any that a host has heard of each time the run is gone on with. */
  get attempt(): number { return this.#attempt; }

  /**
   * Does the work while every host is proven and held, with all on record that they did in earlier attempts; the run's end is on record
   * when it resolves. Throws Locked, Unreachable, AgentRefused before any work, Detached.
   */
  async hold(work: (records: readonly RunRecord[]) => Promise<{ code: number; reason: string }>): Promise<number> {
    await Promise.all(this.#there.map(async (name) => { await this.#prove(name, this.link(name)); }));
    await this.#leases.take();
    const { run, mode, by, to, until, only } = this.settings;
    let records = this.#records;
    try {
      if (records.length > 0) records = await this.#catchUp();
      this.#attempt = 1 + records.reduce((highest, record) => Math.max(highest, attemptOf(record)), 0);
      this.#store.append({ type: 'begun', timeMs: Date.now(), run, planDigest: this.#plan.digest, mode, attempt: this.#attempt, by, ...(to === undefined ? {} : { to }), ...(until === undefined ? {} : { until }), ...(only === undefined ? {} : { only: [...only] }) });
    } catch (error) {
      await this.#leases.release().catch(() => undefined); // nothing of this attempt was sent
      throw this.#detached ? new Detached('detached') : error;
    }
    // Whoever holds the host now works there: nothing more is sent from here.
    this.#leases.keep((error) => { this.note('', error.message); this.detach(); });
    let end: { code: number; reason: string };
    try { end = await work(records); } catch (error) {
      throw this.#detached ? new Detached('detached') : error;
    } finally {
      this.#leases.let();
    }
    if (this.#detached) throw new Detached('detached');
    await Promise.all(this.#confirming);
    await this.#leases.release(end.code === EXIT.unreachable ? 0 : this.settings.patienceS); // there it was waited for already
    this.#store.append({ type: 'ended', timeMs: Date.now(), exitCode: end.code, reason: end.reason });
    await this.witness(this.#names);
    return end.code;
  }

  /** The agent answers, is the host that the plan means, and has the catalogue the plan was made with. Throws Unreachable, AgentRefused. */
  async #prove(name: string, link: Link): Promise<void> {
    const answer = await link.call('ListOperations', {});
    if (answer['catalogueDigest'] !== this.#plan.catalogueDigest) {
      throw new AgentRefused(name, 'FAILED_PRECONDITION', `agent ${String(answer['agentVersion'])} has another catalogue than this plan was made with; install this version there, then plan again`);
    }
  }

  /** A host joins the run, unless it has. Answers with what hinders it and a person can mend; undefined: it is there. Throws AgentRefused. */
  async arrive(host: string): Promise<string | undefined> {
    if (!this.#awaited.has(host)) return undefined;
    const link = this.link(host);
    let told = 0;
    try {
      await this.#prove(host, link);
      await this.#leases.join(host, link);
      await catchUp(host, link, this.settings, [], (event) => { told += 1; this.#hear(host, event); });
    } catch (error) {
      if (error instanceof Unreachable || error instanceof Locked) return error.message;
      throw error;
    }
    this.#awaited.delete(host);
    return told === 0 ? undefined : `it has done work of this run that was not on record here and is now: tandem resume ${this.settings.run}`;
  }

  /** What the hosts did that is not on record is put there, once each host has ended what it holds. Resolves with the whole record. Throws Unreachable, AgentRefused. */
  async #catchUp(): Promise<RunRecord[]> {
    const all = [...this.#records];
    await Promise.all(this.#there.map(async (name) => {
      await catchUp(name, this.link(name), this.settings, this.#records, (event) => { all.push({ type: 'event', host: name, event }); this.#hear(name, event); });
    }));
    return all;
  }

  /** Sends commands ahead and resolves with their results when all have ended. Throws Unreachable, AgentRefused. */
  async send(host: string, work: { command: Command; step: PlanStep }[]): Promise<Finished[]> {
    if (work.length === 0) return [];
    // A host that goes back by itself, or down and up, is cut off until then, and a little longer.
    const patienceS = Math.max(this.settings.patienceS, 30 + Math.max(0, ...work.map(({ step }) => Math.max(confirmWithinS(step), awayS(step)))));
    const results = await this.link(host).execute(work.map(({ command }) => command), patienceS, (event) => { this.#hear(host, event); });
    return work.flatMap(({ command }) => results.get(command.id) ?? []);
  }

  command(host: string, step: PlanStep, mode: Mode, attempt: number, batch: string): Command {
    const { run, readSecret } = this.settings, planDigest = this.#plan.digest;
    const secrets = Object.fromEntries(coordinatorSecrets(step.args).map((reference) => [reference, readSecret(reference)]));
    return { id: commandId({ run, planDigest, step: step.id, host, mode, attempt }), run, planDigest, step: step.id, batch: `${batch}/${String(attempt)}`, attempt, operation: step.operation, args: step.args, timeoutS: step.timeoutS, mode, fence: this.#leases.fence(host), secrets };
  }

  /** Each of these hosts and this side keep the other's signed head of the record so far (docs/audit.md); what hinders it is noted. */
  async witness(hosts: readonly string[]): Promise<void> {
    if (this.settings.mode === 'check') return;
    await Promise.all(hosts.filter((host) => !this.#awaited.has(host)).map(async (host) => {
      const trouble = await this.#witness.exchange(host, this.link(host), (event) => { this.#hear(host, event); });
      if (trouble !== undefined && !this.#detached) this.note(host, trouble);
    }));
  }

  #hear(host: string, event: Event): void {
    if (this.#detached) return;
    if (event.kind === 'stopped' && event.fence === this.#leases.fence(host)) this.#watcher.onStopped(event.reason);
    if (event.kind === 'finished') this.#ended.add(event.command);
    // A command sent again brings its events again: they are on record.
    const seen = this.#seen.get(host) ?? new Set<number>();
    this.#seen.set(host, seen);
    if (seen.has(event.seq)) return;
    seen.add(event.seq);
    this.#store.append({ type: 'event', host, event });
    this.#witness.hear(host, event);
    if (event.kind === 'awaiting') this.#confirm(host, event);
    this.#watcher.onEvent(host, event);
  }

  /** Beside the stream of work, which may hang by now. What comes of it is an event of the agent. */
  #confirm(host: string, { command, remainingMs }: Extract<Event, { kind: 'awaiting' }>): void {
    const request = { runId: this.settings.run, commandId: command, fence: this.#leases.fence(host) };
    const asked = confirmAnew(this.link(host), request, remainingMs, () => this.#detached || this.#ended.has(command)).catch((error: unknown) => { if (!this.#detached) this.note(host, (error as Error).message); });
    this.#confirming.push(asked);
  }

  /** Each host finishes the step in hand; the rest is skipped with this reason. */
  async stop(reason: string): Promise<void> {
    await Promise.all([...this.#links.entries()].filter(([host]) => !this.#awaited.has(host)).map(async ([host, link]) => {
      try { await link.call('Stop', { runId: this.settings.run, reason }); } catch (error) { this.note(host, `not told to stop: ${(error as Error).message}`); }
    }));
  }

  /** Lets go at once: nothing more is sent or written, `hold` rejects with Detached, leases lapse by themselves. */
  detach(): void {
    this.note('', 'the coordinator detached; the hosts went on with what they held');
    this.#detached = true;
    for (const link of this.#links.values()) link.close();
  }

  record(record: RunRecord): void { this.#store.append(record); }

  note(host: string, text: string): void {
    this.#store.append({ type: 'note', timeMs: Date.now(), host, text });
    this.#watcher.onNote(host, text);
  }

  link(host: string): Link {
    const link = this.#links.get(host);
    if (link === undefined) throw new Error(`no link to ${host}`);
    return link;
  }
}
