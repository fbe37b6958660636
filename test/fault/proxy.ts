import { connect, createServer, type Socket } from 'node:net';

/** The link between a coordinator and one agent: what goes through can be cut or swallowed. */
export interface Proxy {
  port: number;
  /** Every connection is reset and new ones are refused, for so long. */
  cut(ms: number): Promise<void>;
  /** Nothing is passed on in either direction and nobody is told; then every connection is reset. */
  silence(ms: number): Promise<void>;
  close(): Promise<void>;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

export async function startProxy(to: number): Promise<Proxy> {
  const open = new Set<Socket>();
  let closed = false, silent = false;
  const reset = (): void => { for (const socket of open) socket.resetAndDestroy(); };
  const server = createServer((near) => {
    if (closed) { near.resetAndDestroy(); return; }
    const far = connect(to, '127.0.0.1');
    for (const [from, into] of [[near, far], [far, near]] as const) {
      open.add(from);
      from.on('data', (data) => { if (!silent) into.write(data); });
      from.on('error', () => undefined); // a reset; 'close' follows
      from.on('end', () => { if (!silent) into.end(); });
      from.on('close', () => { open.delete(from); if (!silent) into.destroy(); });
    }
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    port: (server.address() as { port: number }).port,
    async cut(ms) {
      closed = true;
      reset();
      await wait(ms);
      closed = false;
    },
    async silence(ms) {
      silent = true;
      await wait(ms);
      reset();
      silent = false;
    },
    async close() { reset(); await new Promise((resolve) => { server.close(resolve); }); },
  };
}
