import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';

/** The longest path that a socket may have on Linux, bytes. */
const LONGEST = 107;

/**
 * Keeps a second process off what lies beside `socketPath`. Held by a socket until this process ends, however it does; one that
 * hangs holds it still. Throws with the words of `heldBy` when another holds it.
 */
export async function holdAlone(socketPath: string, heldBy: () => Error): Promise<Server> {
  if (Buffer.byteLength(socketPath) > LONGEST) throw new Error(`${socketPath}: ${String(Buffer.byteLength(socketPath))} bytes, a socket's path has at most ${String(LONGEST)}; choose a state folder with a shorter path`);
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  if (await answers(socketPath)) throw heldBy();
  rmSync(socketPath, { force: true }); // left by one that was killed
  const server = createServer((socket) => { socket.destroy(); });
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(socketPath, resolve); });
  return server.unref();
}

async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path, () => { socket.destroy(); resolve(true); });
    socket.once('error', () => { resolve(false); });
  });
}
