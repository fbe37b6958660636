import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultKind, Moment } from './generator.ts';
import { diskOf, cutTail, type Scene } from './trial.ts';

const wait = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Waits for the moment of the process that is held; false when the run ended before it came. What follows at once happens while it is held. */
async function moment(scene: Scene, { point, afterMs }: { point: { reached: Promise<void>; release(): void } | undefined; afterMs: number }): Promise<boolean> {
  if (point === undefined) return false;
  const came = await Promise.race([point.reached.then(() => true), scene.firstEnd.then(() => false)]);
  if (came && afterMs > 0) {
    point.release();
    await wait(afterMs);
  }
  return came;
}

const DISK: Buffer = Buffer.alloc(4096, 1);
/** Fills a disk to its last byte; resolves with what frees it. */
function fill(folder: string): () => void {
  const path = join(folder, 'filler');
  for (const size of [4096, 512, 1]) try { for (;;) writeFileSync(path, DISK.subarray(0, size), { flag: 'a' }); } catch (error) { if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error; }
  return () => { rmSync(path); };
}

/** Does to a trial what its fault says, at its moment. Resolves when all is mended again. */
export async function inject(scene: Scene): Promise<void> {
  const { trial, hosts, proxies, folder, call, losses } = scene, host = hosts.get(trial.host)!, proxy = proxies.get(trial.host)!;
  const agentAt = ({ afterMs }: Moment): Promise<boolean> => moment(scene, { point: host.point, afterMs });
  const coordinatorAt = (): Promise<boolean> => moment(scene, { point: call.point, afterMs: trial.moment.afterMs });
  const lose = async (): Promise<void> => { losses.set(host.name, (losses.get(host.name) ?? 0) + 1); await host.lose(); };
  const killCoordinator = async (): Promise<void> => { call.kill(); await call.ended; };
  const acts: Record<FaultKind, () => Promise<void>> = {
    async 'agent killed'() { if (await agentAt(trial.moment)) await host.kill(); },
    async 'agent killed twice'() {
      host.next = { ...host.next };
      if (!await agentAt(trial.moment)) return;
      const lives = host.lives;
      host.next = { moment: trial.second };
      await host.kill();
      while (host.lives === lives) await wait(5);
      // Half of them while it starts, half at a line that the second life writes.
      if (trial.second.when === 'b') { await wait(trial.second.afterMs); await host.kill(); } else if (await agentAt(trial.second)) await host.kill();
    },
    async 'host lost'() { if (await agentAt(trial.moment)) await lose(); },
    async 'power lost'() {
      if (!await agentAt(trial.moment)) return;
      host.whileDown = async () => { cutTail(join(host.folder, 'state/runs', scene.run, 'journal.jsonl'), join(host.folder, 'synced', scene.run), trial.tail); };
      await lose();
    },
    async 'link cut'() {
      if (!await agentAt(trial.moment)) return;
      const cut = proxy.cut(trial.cutMs);
      host.point?.release();
      await cut;
    },
    async 'link silent'() {
      if (!await agentAt(trial.moment)) return;
      const silence = proxy.silence(trial.cutMs);
      host.point?.release();
      await silence;
    },
    async 'link cut, agent killed'() {
      if (!await agentAt(trial.moment)) return;
      const cut = proxy.cut(trial.cutMs);
      await host.kill();
      await cut;
    },
    async 'coordinator killed'() { if (await coordinatorAt()) await killCoordinator(); },
    async 'coordinator power lost'() {
      if (!await coordinatorAt()) return;
      await killCoordinator();
      cutTail(join(folder, 'state/runs', scene.run, 'journal.jsonl'), join(folder, 'synced', scene.run), trial.tail);
    },
    async 'coordinator and agent killed'() {
      if (!await coordinatorAt()) return;
      await Promise.all([killCoordinator(), host.kill()]);
    },
    async 'disk full on agent'() {
      if (!await agentAt(trial.moment)) return;
      const free = fill(diskOf(host.folder));
      host.point?.release();
      await Promise.race([wait(trial.cutMs), scene.firstEnd]);
      free();
      await host.kill(); // what its reason asks for: room, and a restart
    },
    async 'disk full on coordinator'() {
      if (!await coordinatorAt()) return;
      const free = fill(diskOf(folder));
      call.point.release();
      await scene.firstEnd;
      free();
    },
    async 'agent clock back'() {
      if (!await agentAt(trial.moment)) return;
      writeFileSync(join(host.folder, 'clock'), `-${String(trial.cutMs)}`);
      host.point?.release();
    },
    async 'agent replaced'() {
      if (!await agentAt(trial.moment)) return;
      host.next = { other: true };
      await host.kill();
    },
    async 'two coordinators'() {
      if (!await agentAt(trial.moment)) return;
      const second = join(folder, 'second'), pki = join(second, 'pki'), own = join(scene.ground.pki, 'issued/second');
      mkdirSync(pki, { recursive: true });
      for (const file of ['ca.crt', 'operator.crt', 'operator.key']) symlinkSync(join(own, file), join(pki, file));
      writeFileSync(join(second, 'site.yaml'), readFileSync(join(folder, 'site.yaml')));
      host.point?.release();
      const other = await scene.begin('second', ['run', '--plan', join(folder, 'plan.json'), '--run-id', 'second', '--json'], second);
      await other.ended;
    },
  };
  await acts[trial.fault]();
}
