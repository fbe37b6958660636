import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

/**
 * Keeps a second agent off a state folder: both would write one journal and carry out the same steps. Held by a socket in
 * the folder until this process ends, however it does; an agent that hangs holds it still. Throws when another holds it.
 */
export async function holdAlone(stateDir: string): Promise<Server> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, 'agent.sock');
  if (await answers(path)) throw new Error(`another agent works on ${stateDir}; tandem agent status shows the one that systemd started`);
  rmSync(path, { force: true }); // left by one that was killed
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
