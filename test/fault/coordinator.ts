import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ground } from './host.ts';
import { makePoint, type Point } from './point.ts';
import { FLAGS, MEMORY } from './snapshot.ts';

/** One call of the coordinator's command line in a process of its own. */
export interface Coordinator {
  point: Point;
  /** The exit code; `killed` when it was. */
  ended: Promise<number | 'killed'>;
  kill(): void;
  out(): string;
  err(): string;
}

/** `folder` holds site.yaml, the state and what the call prints. `prepare` comes before it starts. */
export async function startCoordinator(ground: Ground, folder: string, number: number, argv: string[], prepare: (point: Point) => void = () => undefined): Promise<Coordinator> {
  const own = join(folder, `call-${String(number)}`);
  mkdirSync(join(own, 'synced'), { recursive: true });
  const point = await makePoint(ground.library, own, own);
  point.environment['FAULT_SYNCED'] = join(folder, 'synced');
  prepare(point);
  const out = openSync(join(own, 'out'), 'w'), err = openSync(join(own, 'err'), 'w');
  const child = spawn(ground.node, [...FLAGS, '--snapshot-blob', ground.coordinator, 'tandem', '--site', join(folder, 'site.yaml'), '--state', join(folder, 'state'), ...argv],
    { stdio: ['ignore', out, err], env: { ...MEMORY, PATH: process.env['PATH'], HOME: folder, ...point.environment } });
  closeSync(out);
  closeSync(err);
  const ended = new Promise<number | 'killed'>((resolve) => { child.once('exit', (code) => { point.close(); resolve(code ?? 'killed'); }); });
  const read = (file: string): string => readFileSync(join(own, file), 'utf8');
  return { point, ended, kill() { child.kill('SIGKILL'); }, out: () => read('out'), err: () => read('err') };
}
