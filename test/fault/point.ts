import { createServer, type Socket } from 'node:net';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Moment } from './generator.ts';

/** Holds a process at one line of its journal, by faultpoint.c. */
export interface Point {
  environment: Record<string, string>;
  /** From now on, or from its start on, the process is to be held at this line; resolves when it is. */
  arm(moment: Pick<Moment, 'line' | 'when'> | undefined): Promise<void>;
  /** There is no such line any more; who is held there goes on. */
  disarm(): void;
  /** It goes on; one that was killed there has gone. */
  release(): void;
  close(): void;
}

/** `folder` as this process names it, `inside` as the process under test does. Runs' synced sizes are kept in its folder `synced`. */
export async function makePoint(library: string, folder: string, inside: string): Promise<Point> {
  const held: Socket[] = [], file = join(folder, 'point');
  const put = (text: string): void => { writeFileSync(`${file}.new`, text); renameSync(`${file}.new`, file); };
  let wanted = false;
  let reach = (): void => undefined;
  rmSync(join(folder, 'point.sock'), { force: true });
  const server = createServer((connection) => {
    connection.on('error', () => undefined); // the process was killed while it was held
    if (!wanted) { connection.destroy(); return; } // was on its way here when the point was taken back
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
      wanted = true;
      put(moment === undefined ? '0 b' : `${String(moment.line)} ${moment.when}`);
      await reached;
    },
    disarm() { wanted = false; put('0 b'); release(); },
    release,
    close() { release(); server.close(); },
  };
}
