import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { digest, exchange, look } from '../../../agent/host/network.ts';
import type { Host } from '../../../agent/host/host.ts';
import { recordedHost, recordingSchema } from '../recorded-host.ts';

const folder = join(import.meta.dirname, '../../fixtures/api');

export interface Exchange {
  request: { method: string; port: number; path: string; body?: unknown };
  response: { status: number | null; headers: [string, string][]; body?: unknown; body_text?: string; transport_error?: string };
}

/** `juno/nova/070` -> the recorded exchange of that number (or more of its name). */
export function recorded(name: string): Exchange {
  const [release = '', service = '', start = ''] = name.split('/');
  const found = readdirSync(join(folder, release, service)).filter((file) => file.startsWith(start));
  if (found.length !== 1) throw new Error(`${name}: ${found.length} recordings`);
  return JSON.parse(readFileSync(join(folder, release, service, found[0]!), 'utf8')) as Exchange;
}

export interface Replay extends AsyncDisposable {
  /** The rc file's content for this cloud. */
  rc(over?: Record<string, string>): string;
  /** A host that really asks over loopback, with this rc file in /root/rc. */
  host(over?: Record<string, string>): Host;
  /** `METHOD :port/path` of what was asked, in order. */
  asked: string[];
  url: string;
}

/**
 * A STAND-IN for a cloud: a server on loopback that gives recorded answers to the requests they were given to. Several for one
 * request are given in turn, the last one for ever; what is not recorded is 599. Catalogs get the compute and network
 * services, which ran in another recording than the identity service.
 */
export async function replay(...exchanges: (string | Exchange)[]): Promise<Replay> {
  const all = exchanges.map((one) => (typeof one === 'string' ? recorded(one) : one));
  const asked: string[] = [];
  const keyOf = (method: string, port: number, path: string, body: unknown): string => `${method} :${port}${path} ${/tokens$/.test(path) ? JSON.stringify(body) : ''}`;
  const left = new Map<string, Exchange[]>();
  for (const one of all) {
    const key = keyOf(one.request.method, one.request.port, one.request.path, one.request.body);
    left.set(key, [...left.get(key) ?? [], one]);
  }
  const server: Server = createServer((request, reply) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece)).on('end', () => {
      const text = Buffer.concat(pieces).toString(), [, port = '0', path = ''] = /^\/p(\d+)(.*)$/.exec(request.url ?? '') ?? [];
      asked.push(`${request.method ?? ''} :${port}${path}`);
      const queue = left.get(keyOf(request.method ?? '', Number(port), path, text === '' ? undefined : JSON.parse(text)));
      const next = queue !== undefined && queue.length > 1 ? queue.shift() : queue?.[0];
      if (next === undefined) { reply.writeHead(599).end(`not recorded: ${request.method ?? ''} :${port}${path}`); return; }
      const { status, headers, body, body_text: plain = '' } = next.response;
      if (status === null) { reply.destroy(); return; }
      const here = (body === undefined ? plain : JSON.stringify(withNova(body))).replaceAll(/http:\/\/controller\.example\.test:(\d+)/g, (_all, number: string) => `${url}/p${number}`);
      reply.writeHead(status, headers.filter(([name]) => !/^content-length$/i.test(name)).flat()).end(here);
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rc = (over: Record<string, string> = {}): string => Object.entries({ OS_USERNAME: 'admin', OS_TENANT_NAME: 'admin', OS_PASSWORD: 'secret', OS_AUTH_URL: `${url}/p5000/v2.0/`, ...over })
    .map(([name, value]) => `export ${name}=${value}\n`).join('');
  return {
    url, asked, rc,
    host: (over = {}) => {
      const text = rc(over);
      return { ...recordedHost(recordingSchema.parse({ files: { '/root/rc': text }, secrets: { 'rc:/root/rc#OS_PASSWORD': /OS_PASSWORD=(.*)/.exec(text)?.[1] } })), http: look, send: exchange, digest };
    },
    async [Symbol.asyncDispose]() { server.closeAllConnections(); await new Promise((resolve) => { server.close(resolve); }); },
  };
}

const NOVA = 'http://controller.example.test:8774/v2/9075fadef38f4eccb36f32ad261bcc30', NEUTRON = 'http://controller.example.test:9696';
function withNova(body: unknown): unknown {
  const { access, token } = body as { access?: { serviceCatalog?: unknown[] }; token?: { catalog?: unknown[] } };
  const entries = [['compute', 'nova', NOVA], ['network', 'neutron', NEUTRON]] as const;
  access?.serviceCatalog?.push(...entries.map(([type, name, at]) => ({ type, name, endpoints: [{ region: 'RegionOne', publicURL: at, internalURL: at, adminURL: at }] })));
  token?.catalog?.push(...entries.map(([type, name, at]) => ({ type, name, endpoints: [{ region: 'RegionOne', interface: 'public', url: at }] })));
  return body;
}
