import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeHost, type FaultHost, type Ground } from './host.ts';
import { startProxy, type Proxy } from './proxy.ts';
import type { Trial } from './generator.ts';

/** The hosts that one worker of the campaign uses for trial after trial, each behind a link that can be cut. */
export class Fleet {
  readonly #ground: Ground;
  readonly #folder: string;
  readonly #firstPort: number;
  readonly #hosts = new Map<string, { host: FaultHost; proxy: Proxy }>();

  constructor(ground: Ground, folder: string, firstPort: number) {
    this.#ground = ground;
    this.#folder = folder;
    this.#firstPort = firstPort;
  }

  /** The trial's hosts, as it finds them. */
  async take(trial: Trial): Promise<Map<string, { host: FaultHost; proxy: Proxy }>> {
    return new Map(await Promise.all(trial.hosts.map(async ({ name }) => {
      let own = this.#hosts.get(name);
      if (own === undefined) {
        const host = await makeHost(this.#ground, join(this.#folder, name), name, this.#firstPort + Number(name.slice(1)));
        own = { host, proxy: await startProxy(host.port) };
        this.#hosts.set(name, own);
      }
      await own.host.begin(trial);
      return [name, own] as const;
    })));
  }

  /** What the trial left on disk; nobody asks for it again. */
  tidy(run: string): void {
    for (const { host } of this.#hosts.values()) for (const part of [run, join('state/runs', run), join('state/runs', `${run}-second`), join('synced', run)]) rmSync(join(host.folder, part), { recursive: true, force: true });
  }

  /** Ends the agents in order, as `systemctl stop` does. */
  async end(): Promise<void> { await Promise.all([...this.#hosts.values()].map(({ host }) => host.kill('SIGTERM'))); }

  /** After a trial that went wrong the next one gets new hosts. */
  async remove(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map(async ({ host, proxy }) => { await host.remove(); await proxy.close(); }));
    this.#hosts.clear();
  }
}
