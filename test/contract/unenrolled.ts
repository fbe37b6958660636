import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

/** A host h1 with the real agent in a process of its own, on loopback, not enrolled: what a person does at its console, and its files. */
export interface HostHere {
  folder: string; certs: string; state: string; port: number;
  said(): string;
  /** `tandem agent enrol`; gives the code that it printed. */
  code(...more: string[]): Promise<string>;
  agent(...argv: string[]): Promise<string>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startUnenrolled(): Promise<HostHere> {
  const folder = mkdtempSync(join(tmpdir(), 'unenrolled-')), certs = join(folder, 'certs'), state = join(folder, 'state');
  let child: ChildProcess | undefined, said = '', port = 0;
  const where = ['--certs', certs, '--state', state];
  const start = async (): Promise<void> => {
    const mine = spawn(process.execPath, [join(root, 'tandem.ts'), 'agent', 'serve', ...where, '--listen', `127.0.0.1:${String(port)}`], { stdio: ['ignore', 'pipe', 'pipe'] });
    child = mine;
    const begin = said.length;
    for (const stream of [mine.stdout, mine.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text; });
    port = await new Promise<number>((resolve, reject) => {
      mine.stdout.on('data', () => { const at = /on port (\d+)\D/.exec(said.slice(begin)); if (at !== null) resolve(Number(at[1])); });
      mine.once('exit', (code) => { reject(new Error(`the agent ended with ${String(code)}: ${said}`)); });
    });
  };
  const end = async (): Promise<void> => {
    const mine = child;
    if (mine === undefined || mine.exitCode !== null || mine.signalCode !== null) return;
    const ended = new Promise((resolve) => { mine.once('exit', resolve); });
    mine.kill();
    await ended;
  };
  const agent = async (...argv: string[]): Promise<string> => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(root, 'tandem.ts'), 'agent', ...argv, ...where]);
    return stdout + stderr;
  };
  await start();
  return {
    folder, certs, state, port, said: () => said, agent,
    async code(...more) {
      const printed = await agent('enrol', ...more), code = /^code +(\S+)$/m.exec(printed)?.[1];
      if (code === undefined) throw new Error(`no code in: ${printed}`);
      return code;
    },
    async restart() { await end(); await start(); },
    async stop() { await end(); rmSync(folder, { recursive: true }); },
  };
}

/** The site file dials another port from here on. */
export function dialAt(siteFolder: string, port: number): void {
  const file = join(siteFolder, 'site.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/port: \d+/, `port: ${String(port)}`));
}

/** Somebody in between: each connection is handed to `meet` with its number, from 1. */
export async function between(meet: (client: Socket, n: number) => void): Promise<{ port: number; close(): void; deaf(): void }> {
  const sockets = new Set<Socket>();
  let n = 0;
  const server: Server = createServer((client) => {
    sockets.add(client.on('error', () => undefined));
    n += 1;
    meet(client, n);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const deaf = (): void => { server.close(); };
  return { port: (server.address() as { port: number }).port, deaf, close() { deaf(); for (const socket of sockets) socket.destroy(); } };
}

/** Hands on bytes as they are, both ways; `answer` decides what becomes of the host's. */
export function forward(client: Socket, port: number, answer: (bytes: Buffer) => void = (bytes) => { client.write(bytes); }): Socket {
  const host = connect(port, '127.0.0.1').on('error', () => undefined);
  host.on('data', answer).on('close', () => { client.destroy(); });
  client.on('data', (bytes) => { host.write(bytes); }).on('close', () => { host.destroy(); });
  return host;
}
