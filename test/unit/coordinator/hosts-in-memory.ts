import type { Command } from '../../../proto/command.ts';
import type { Event, EventKind, Finished } from '../../../proto/events.ts';
import type { RunSettings } from '../../../coordinator/hosts.ts';
import { AgentRefused, type Identity, type Link } from '../../../coordinator/link.ts';
import type { Plan } from '../../../coordinator/plan-format.ts';
import { createAuthority, issue } from '../../../coordinator/pki/certificates.ts';
import { Run } from '../../../coordinator/run.ts';
import type { RunRecord } from '../../../coordinator/store/runstore.ts';

/** Signs this side's heads; nobody here reads them. */
const identity: Promise<Identity> = createAuthority('lab', Date.now()).then(async (authority) => {
  const { certificatePem, keyPem } = await issue(authority, 'operator', 'lab', 'ops', Date.now());
  return { ca: Buffer.from(authority.certificatePem), certificate: Buffer.from(certificatePem), key: Buffer.from(keyPem) };
});

/** When a step was sent and when it had ended, counted over all hosts; `host` and `place` in its stream. */
export interface Sent { step: string; host: string; sentAt: number; endedAt: number }

/** Hosts of a plan without agents: each takes what it is sent, ends it after a while of its own, and tells of it as an agent would. A stand-in. */
export class HostsInMemory {
  readonly sent: Sent[] = [];
  readonly #plan: Plan;
  readonly #events = new Map<string, Event[]>();
  readonly #records: RunRecord[] = [];
  readonly #pause: () => number;
  readonly #fails: ReadonlySet<string>;
  #clock = 0;

  /** `pause`: how many turns of the event loop a step takes; `fails`: keys of steps that fail in the first attempt. */
  constructor(plan: Plan, pause: () => number, fails: ReadonlySet<string>) {
    this.#plan = plan;
    this.#pause = pause;
    this.#fails = fails;
  }

  /** One attempt of the run, going on from the ones before. */
  async attempt(more: Partial<RunSettings> = {}): Promise<number> {
    const settings: RunSettings = { run: 'r1', mode: 'apply', by: 'ann', subject: 'ops', own: await identity, patienceS: 0, takeOver: false, readSecret: () => '', ...more };
    const links = new Map(this.#plan.hosts.map(({ name }) => [name, this.#link(name)]));
    const store = { append: (record: RunRecord) => { this.#records.push(record); }, head: () => ({ n: 0, hash: '' }), close: () => undefined };
    const run = new Run(this.#plan, settings, links, store, { onStage: () => undefined, onEvent: () => undefined, onNote: () => undefined }, [...this.#records]);
    return await run.carryOut();
  }

  #link(host: string): Link {
    const events = this.#events.get(host) ?? [];
    this.#events.set(host, events);
    const link: Pick<Link, 'call' | 'execute' | 'attach' | 'close'> = {
      call: (method) => {
        if (method === 'ListOperations') return Promise.resolve({ catalogueDigest: this.#plan.catalogueDigest });
        if (method === 'AcquireLease') return Promise.resolve({ granted: true, fence: 1, expiresMs: Date.now() + 60_000 });
        return method === 'ReleaseLease' ? Promise.resolve({}) : Promise.reject(new AgentRefused(host, 'UNIMPLEMENTED', 'a stand-in'));
      },
      attach: (_run, from, onEvent) => { events.slice(from - 1).forEach(onEvent); return Promise.resolve(); },
      execute: async (commands, _patience, onEvent) => await this.#execute(host, commands, events, onEvent),
      close: () => undefined,
    };
    return link as Link;
  }

  async #execute(host: string, commands: Command[], events: Event[], onEvent: (event: Event) => void): Promise<Map<string, Finished>> {
    const results = new Map<string, Finished>(), sentAt = this.#clock += 1;
    const tell = (command: Command, kind: EventKind): Event => {
      const event: Event = { seq: events.length + 1, timeMs: 0, run: 'r1', command: command.id, step: command.step, ...kind };
      events.push(event);
      onEvent(event);
      return event;
    };
    for (const command of commands) tell(command, { kind: 'accepted', operation: command.operation, args: command.args, mode: command.mode, batch: command.batch, timeoutS: 1, attempt: command.attempt, needsSecrets: false, fence: 1 });
    let failed = false;
    for (const command of commands) {
      for (let turns = this.#pause(); turns > 0; turns -= 1) await new Promise((resolve) => { setImmediate(resolve); });
      const fails = command.attempt === 1 && this.#fails.has(`${command.step}@${host}`);
      const result = failed ? 'skipped' : fails ? 'failed' : 'changed';
      failed ||= fails;
      if (result !== 'skipped') this.sent.push({ step: command.step, host, sentAt, endedAt: result === 'failed' ? Infinity : this.#clock += 1 });
      results.set(command.id, tell(command, { kind: 'finished', result, code: fails ? 'command_failed' : '', reason: '', failure: null, durationMs: 0 }) as Finished);
    }
    return results;
  }
}
