import { createServer, type Socket } from 'node:net';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Moment } from './generator.ts';

/** Holds a process at one line of its journal, by faultpoint.c. */
export interface Point {
  environment: Record<string, string>;
  /** From now on, or from its start on, the process is to be held at this line; resolves when it is. */
  arm(moment: Pick<Moment, 'line' | 'when'> | undefined): Promise<void>;
  /** It goes on; one that was killed there has gone. */
  release(): void;
  close(): void;
}

/** `folder` as this process names it, `inside` as the process under test does. Runs' synced sizes are kept in its folder `synced`. */
export async function makePoint(library: string, folder: string, inside: string): Promise<Point> {
  const held: Socket[] = [], file = join(folder, 'point');
  let reach = (): void => undefined;
  rmSync(join(folder, 'point.sock'), { force: true });
  const server = createServer((connection) => {
    connection.on('error', () => undefined); // the process was killed while it was held
    held.push(connection);
    reach();
  });
  await new Promise<void>((resolve) => { server.listen(join(folder, 'point.sock'), resolve); });
  server.unref();
  const release = (): void => { for (const connection of held.splice(0)) connection.destroy(); };
  return {
    environment: { LD_PRELOAD: library, FAULT_FILE: join(inside, 'point'), FAULT_SOCKET: join(inside, 'point.sock'), FAULT_SYNCED: join(inside, 'synced') },
    async arm(moment) {
      const reached = new Promise<void>((resolve) => { reach = resolve; });
      writeFileSync(`${file}.new`, moment === undefined ? '0 b' : `${String(moment.line)} ${moment.when}`);
      renameSync(`${file}.new`, file);
      await reached;
    },
    release,
    close() { release(); server.close(); },
  };
}
