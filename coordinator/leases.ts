import { AgentRefused, Unreachable, type Link } from './link.ts';

/** Another run holds a host; `lapsed` when its coordinator has not renewed the lease in time. */
export class Locked extends Error {
  readonly holder: string;
  readonly lapsed: boolean;
  constructor(host: string, holder: string, owner: string, lapsed: boolean) {
    super(holder === '' ? `${host} no longer knows this run's lease` : `${host} is held by run ${holder} of ${owner}${lapsed ? ', whose coordinator has gone' : ''}`);
    this.name = 'Locked';
    this.holder = holder;
    this.lapsed = lapsed;
  }
}

/** Seconds a lease holds without being renewed; a coordinator that is gone blocks a host no longer than this. */
const LEASE_S = 120;

/** The leases of one run on all its hosts: all or none are held. */
export class Leases {
  readonly #request: { runId: string; owner: string; ttlS: number; takeOver: boolean };
  #hosts: readonly { host: string; link: Link }[];
  readonly #note: (host: string, text: string) => void;
  readonly #fences = new Map<string, number>();
  #renewal: NodeJS.Timeout | undefined;

  constructor({ run, by, takeOver }: { run: string; by: string; takeOver: boolean }, hosts: { host: string; link: Link }[], note: (host: string, text: string) => void) {
    this.#request = { runId: run, owner: by, ttlS: LEASE_S, takeOver };
    this.#hosts = hosts;
    this.#note = note;
  }

  /** The fencing number that this host gave; 0 without a lease, with which every agent refuses commands. */
  fence(host: string): number { return this.#fences.get(host) ?? 0; }

  /** Takes all, or gives back what was granted and throws Locked, Unreachable, AgentRefused. */
  async take(): Promise<void> {
    try {
      await this.#ask();
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  /** Takes one host more. Throws as `take`; the others stay held. */
  async join(host: string, link: Link): Promise<void> {
    await this.#askOne(host, link);
    this.#hosts = [...this.#hosts, { host, link }];
  }

  /** Renews them now and then until `let`. `onLost`: a host refuses, since another coordinator has taken it. */
  keep(onLost: (error: Locked) => void): void {
    this.#renewal = setInterval(() => {
      this.#ask().catch((error: unknown) => { if (error instanceof Locked) onLost(error); else this.#note('', `lease not renewed: ${(error as Error).message}`); });
    }, (LEASE_S * 1000) / 3);
  }

  let(): void { clearInterval(this.#renewal); }

  /** Gives back what was granted; a host that cannot be reached, or cannot do it now (a full disk), is asked again for so long: it would stay held. */
  async release(patienceS: number = 0): Promise<void> {
    const untilMs = performance.now() + patienceS * 1000;
    await Promise.all(this.#hosts.filter(({ host }) => this.#fences.has(host)).map(async ({ host, link }) => {
      for (;;) {
        try { await link.call('ReleaseLease', { runId: this.#request.runId, fence: this.fence(host) }); return; } catch (error) {
          const mayPass = error instanceof Unreachable || (error instanceof AgentRefused && ['INTERNAL', 'RESOURCE_EXHAUSTED'].includes(error.code));
          if (!mayPass || performance.now() > untilMs) { this.#note(host, `lease not released: ${(error as Error).message}`); return; }
        }
        await new Promise((resolve) => { setTimeout(resolve, 500); });
      }
    }));
  }

  /** Asks every host, so that what was granted is known when one refuses. */
  async #ask(): Promise<void> {
    const asked = await Promise.allSettled(this.#hosts.map(async ({ host, link }) => { await this.#askOne(host, link); }));
    for (const answer of asked) if (answer.status === 'rejected') throw answer.reason;
  }

  async #askOne(host: string, link: Link): Promise<void> {
    const answer = await link.call('AcquireLease', { ...this.#request, fence: this.fence(host) });
    if (answer['granted'] !== true) throw new Locked(host, String(answer['holderRunId']), String(answer['holderOwner']), answer['lapsed'] === true);
    this.#fences.set(host, Number(answer['fence']));
  }
}

/** Gives back what a run that is done still holds: its last release was lost. Answers per host whether it was held, or why that cannot be told. */
export async function releaseDone(run: string, owner: string, links: ReadonlyMap<string, Link>): Promise<{ host: string; held: boolean; trouble?: string }[]> {
  return await Promise.all([...links].map(async ([host, link]) => {
    try {
      return { host, held: (await link.call('ReleaseLease', { runId: run, fence: 0, owner }))['released'] === true };
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof AgentRefused)) throw error;
      return { host, held: false, trouble: error.message };
    }
  }));
}
