import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';

/** The longest path that a socket may have on Linux, bytes; the name it is made under is a little longer than its own. */
const LONGEST = 107, MARGIN = 20;
let made = 0;

/** Held until it is closed, or this process ends, however it does. */
export interface Held { close(done?: () => void): void }

/**
 * Keeps a second process off what lies beside `socketPath`, by a socket that answers. One that hangs holds it still. Throws with
 * the words of `heldBy` when another holds it.
 */
export async function holdAlone(socketPath: string, heldBy: () => Error): Promise<Held> {
  const bytes = Buffer.byteLength(socketPath);
  if (bytes > LONGEST - MARGIN) throw new Error(`${socketPath}: ${String(bytes)} bytes, at most ${String(LONGEST - MARGIN)} can be held by a socket; choose a state folder with a shorter path`);
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  const own = `${socketPath}.${String(process.pid)}-${String(made += 1)}`;
  for (;;) {
    if (await answers(socketPath)) throw heldBy();
    await clearDead(socketPath, `${own}.old`, heldBy);
    rmSync(own, { force: true });
    const server = await listenAt(own);
    try {
      linkSync(own, socketPath); // fails where another was quicker, unlike a rename
      rmSync(own);
      return { close(done) { rmSync(socketPath, { force: true }); server.close(done); } };
    } catch (error) {
      server.close();
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Takes away what a killed one left; what was put in its place meanwhile, and answers, goes back. */
async function clearDead(path: string, aside: string, heldBy: () => Error): Promise<void> {
  try { renameSync(path, aside); } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const alive = await answers(aside);
  if (alive) linkSync(aside, path);
  rmSync(aside, { force: true });
  if (alive) throw heldBy();
}

async function listenAt(path: string): Promise<Server> {
  const server = createServer((socket) => { socket.destroy(); });
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(path, resolve); });
  return server.unref();
}

async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path, () => { socket.destroy(); resolve(true); });
    socket.once('error', () => { resolve(false); });
  });
}
