import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';

/** The longest path that a socket may have on Linux, bytes. */
const LONGEST = 107;
/** How long another one's look at the same socket is waited for; it takes a moment, so more is somebody in the way. */
const TURN_MS = 2000;

/** Held until it is closed, or this process ends, however it does. */
export interface Held { close(done?: () => void): void }

/**
 * Keeps a second process off what lies beside `socketPath`, by a socket that answers. One that hangs holds it still. Throws with
 * the words of `heldBy` when another holds it.
 */
export async function holdAlone(socketPath: string, heldBy: () => Error): Promise<Held> {
  const bytes = Buffer.byteLength(socketPath);
  if (bytes > LONGEST) throw new Error(`${socketPath}: ${String(bytes)} bytes, a socket's path has at most ${String(LONGEST)}; choose a state folder with a shorter path`);
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  // Two who found a dead socket in the same moment would each take the other's away: they take turns.
  const turn = await takeTurn(`\0tandem-${createHash('sha256').update(socketPath).digest('hex')}`);
  try {
    if (await answers(socketPath)) throw heldBy();
    rmSync(socketPath, { force: true }); // left by one that was killed
    return (await listenAt(socketPath)).unref();
  } finally {
    turn?.close();
  }
}

/** A name of the kernel's, gone with its process. Anybody on this machine may sit on it, so it is not insisted on. */
async function takeTurn(name: string): Promise<Server | undefined> {
  for (const untilMs = performance.now() + TURN_MS; performance.now() < untilMs;) {
    try { return await listenAt(name); } catch { await new Promise((resolve) => { setTimeout(resolve, 20); }); }
  }
  return undefined;
}

async function listenAt(path: string): Promise<Server> {
  const server = createServer((socket) => { socket.destroy(); });
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(path, resolve); });
  return server;
}

async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path, () => { socket.destroy(); resolve(true); });
    socket.once('error', () => { resolve(false); });
  });
}
