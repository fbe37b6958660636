import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOfCoordinator, type FaultKind, type Trial } from './generator.ts';
import type { Scene } from './trial.ts';

const wait = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Bytes after what was synced are lost, torn, or something else; what was synced stays. */
function cutTail(journal: string, synced: string, { kept, then }: Trial['tail']): void {
  if (!existsSync(journal)) return;
  const size = statSync(journal).size, safe = existsSync(synced) ? Number(readFileSync(synced, 'latin1')) : 0;
  const left = safe + Math.floor(kept * (size - safe));
  truncateSync(journal, left);
  if (then !== 'nothing' && left < size) writeFileSync(journal, then === 'zeros' ? Buffer.alloc(size - left) : '#'.repeat(size - left), { flag: 'a' });
}

/** Fills a disk to its last byte; returns what frees it. */
function fill(folder: string): () => void {
  const path = join(folder, 'filler');
  for (const size of [65_536, 4096, 1]) {
    const block = Buffer.alloc(size, 1);
    try { for (;;) writeFileSync(path, block, { flag: 'a' }); } catch (error) { if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error; }
  }
  return () => { rmSync(path); };
}

/** A second coordinator elsewhere: its own state folder and certificate, the same plan. */
async function second(scene: Scene): Promise<void> {
  const { folder, ground, run } = scene, place = join(folder, 'second'), pki = join(place, 'pki'), own = join(ground.pki, 'issued/second');
  mkdirSync(pki, { recursive: true });
  for (const file of ['ca.crt', 'operator.crt', 'operator.key']) symlinkSync(join(own, file), join(pki, file));
  writeFileSync(join(place, 'site.yaml'), readFileSync(join(folder, 'site.yaml')));
  const name = `${run}-second`;
  await (await scene.begin(name, ['run', '--plan', join(folder, 'plan.json'), '--run-id', name, '--json', '--patience', '30'], place)).ended;
}

/** Does to a trial what its fault says, at its moment. Resolves when all is mended again, with whether the fault came: not where the call ended before its moment did. */
export async function inject(scene: Scene): Promise<boolean> {
  const { trial, host, proxy, folder, call, run } = scene, point = isOfCoordinator(trial.fault) ? call.point : host.point;
  const isThere = async (reached: Promise<void>, afterMs: number): Promise<boolean> => {
    const came = await Promise.race([reached.then(() => true), call.ended.then(() => false)]);
    if (came && afterMs > 0 && trial.fault !== 'two coordinators') {
      point.release();
      await wait(afterMs);
    }
    return came;
  };
  if (!await isThere(scene.reached, trial.moment.afterMs)) { point.disarm(); return false; } // else a later call would be held there for ever
  // Whoever finds a begun step afterwards cannot see what was done of it.
  if (trial.turn === 'unknown') writeFileSync(join(host.folder, 'blind'), '');
  const killCoordinator = async (): Promise<void> => { call.kill(); await call.ended; };
  const meanwhile = async (mended: Promise<void>): Promise<void> => { point.release(); await mended; };
  const acts: Record<FaultKind, () => Promise<unknown>> = {
    none: () => meanwhile(Promise.resolve()),
    'agent killed': () => host.kill(),
    async 'agent killed twice'() {
      const { lives } = host, again = host.point.arm(trial.second.when === 'b' ? undefined : trial.second);
      await host.kill();
      while (host.lives === lives) await wait(5);
      // Some while it starts, the others at a line that the second life writes.
      if (trial.second.when === 'b') await wait(trial.second.afterMs);
      else if (!await isThere(again, trial.second.afterMs)) { point.disarm(); return false; }
      await host.kill();
      return true;
    },
    'host lost': () => host.lose(),
    async 'power lost'() {
      host.whileDown = () => { cutTail(join(host.folder, 'state/runs', run, 'journal.jsonl'), join(host.folder, 'synced', run), trial.tail); };
      await host.lose();
    },
    'link cut': () => meanwhile(proxy.cut(trial.cutMs)),
    'link silent': () => meanwhile(proxy.silence(trial.cutMs)),
    async 'link cut, agent killed'() { await Promise.all([proxy.cut(trial.cutMs), host.kill()]); },
    'coordinator killed': killCoordinator,
    async 'coordinator power lost'() {
      await killCoordinator();
      cutTail(join(folder, 'state/runs', run, 'journal.jsonl'), join(folder, 'synced', run), trial.tail);
    },
    async 'coordinator and agent killed'() { await Promise.all([killCoordinator(), host.kill()]); },
    async 'disk full on agent'() {
      const free = fill(join(host.folder, 'state'));
      await meanwhile(Promise.race([wait(trial.cutMs), call.ended.then(() => undefined)]));
      free();
      if (trial.restartMs % 2 === 0) await host.kill(); // the others go on by themselves once there is room
    },
    async 'disk full on coordinator'() {
      const free = fill(join(folder, 'state'));
      await meanwhile(call.ended.then(() => undefined));
      free();
    },
    async 'agent clock back'() {
      writeFileSync(join(host.folder, 'clock'), `-${String(Math.min(trial.cutMs, 3000))}`);
      point.release();
    },
    async 'agent replaced'() {
      host.other = true;
      await host.kill();
    },
    // The first is held meanwhile, its hosts go on. What it has sent to them comes there first: a run that has failed gives its hosts back, and then they are anybody's.
    async 'two coordinators'() {
      await wait(200);
      const held = scene.places.every((one) => one.heldBy() === run);
      if (held) await second(scene);
      point.release();
      return held;
    },
  };
  return await acts[trial.fault]() !== false;
}
