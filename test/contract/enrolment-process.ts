import { spawn, spawnSync } from 'node:child_process';
import { createHash, type X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { enrol } from '../../agent/enrolment/enrol.ts';
import { Link } from '../../coordinator/link.ts';
import { certify, createAuthority, issue, requestOf, type KeyPair } from '../../coordinator/pki/certificates.ts';
import { codeOf, proofOf, type Code } from '../../proto/enrolment.ts';
import { enrolmentService } from '../../proto/wire.ts';

type Message = Record<string, unknown>;
export interface Offer { nonce: Buffer; certificatePem: string; caPem: string; crlPem: string; proof: Buffer }

const root = join(import.meta.dirname, '../..');

/** One host without a certificate: its folders, and the real agent in a process of its own, which can be started again and killed. */
export interface Unenrolled {
  folder: string; certs: string; state: string;
  /** `tandem agent enrol` on this host, and the code that it prints. */
  code(): Promise<Code>;
  /** The same as a process of its own. */
  codeOfProcess(): Code;
  start(...nodeOptions: string[]): Promise<Running>;
  remove(): Promise<void>;
}
export interface Running {
  port: number; pid: number;
  said(): string;
  /** Resolves when it has printed this. */
  says(text: RegExp): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  ended: Promise<unknown>;
}

export function unenrolledHost(): Unenrolled {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'unenrolled-')), certs = join(folder, 'pki'), state = join(folder, 'state');
  const running: Running[] = [];
  return {
    folder, certs, state,
    async code() { return printedCode((await enrol({ certs, state, minutes: 60, again: false, name: 'h1' })).join('\n')); },
    codeOfProcess() {
      const { stdout, stderr } = spawnSync(process.execPath, [join(root, 'tandem.ts'), 'agent', 'enrol', '--certs', certs, '--state', state, '--name', 'h1'], { encoding: 'utf8' });
      return printedCode(stdout + stderr);
    },
    async start(...nodeOptions) {
      const started = await startProcess([...nodeOptions, join(root, 'tandem.ts'), 'agent', 'serve', '--state', state, '--certs', certs, '--listen', `127.0.0.1:${String(running.at(-1)?.port ?? 0)}`]);
      running.push(started);
      return started;
    },
    async remove() {
      for (const each of running) await each.kill();
      rmSync(folder, { recursive: true });
    },
  };
}

export function printedCode(said: string): Code {
  const code = codeOf(/^code +(\S+)$/m.exec(said)?.[1] ?? '');
  if (typeof code === 'string') throw new Error(`${code}: ${said}`);
  return code;
}

async function startProcess(args: string[]): Promise<Running> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  let said = '', over = false;
  const waiting = new Set<() => void>(), wake = (): void => { waiting.forEach((look) => { look(); }); };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text; wake(); });
  child.once('exit', () => { over = true; wake(); });
  const says = async (text: RegExp): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (text.test(said)) resolve(); else if (over) reject(new Error(`the agent ended: ${said}`)); else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  };
  await says(/on port (\d+)\n/);
  return {
    port: Number(/on port (\d+)\n/.exec(said)?.[1]), pid: child.pid ?? 0, said: () => said, says, ended,
    async kill(signal = 'SIGKILL') { child.kill(signal); await ended; },
  };
}

/** The certificate that the agent shows. */
export async function peerOf(port: number): Promise<X509Certificate> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      const shown = socket.getPeerX509Certificate();
      socket.destroy();
      if (shown === undefined) reject(new Error('no certificate')); else resolve(shown);
    }).once('error', reject);
  });
}
export const fingerprintOf = ({ publicKey }: X509Certificate): Buffer => createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest();

/** A caller without any care of its own: it sends what it is told to. */
export async function rawCaller(port: number) {
  const client = new Client(`127.0.0.1:${String(port)}`, credentials.createSsl(Buffer.from((await peerOf(port)).toString()), null, null, { checkServerIdentity: () => undefined }),
    { 'grpc.ssl_target_name_override': 'h1', 'grpc.default_authority': 'h1', 'grpc.use_local_subchannel_pool': 1 });
  const call = async (method: string, message: Message): Promise<Message> => {
    const { path, requestSerialize, responseDeserialize } = enrolmentService[method] ?? (() => { throw new TypeError(method); })();
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, new Metadata(), { deadline: Date.now() + 20_000 },
        (error: ServiceError | null, answer?: Message) => { if (error === null) resolve(answer ?? {}); else reject(error); });
    });
  };
  const begin = async (): Promise<Buffer> => (await call('BeginEnrolment', {}))['nonce'] as Buffer;
  return {
    client, call, begin,
    close: () => { client.close(); },
    /** The first two steps. */
    async request(code: Code): Promise<{ nonce: Buffer; csrPem: string; message: Message }> {
      const nonce = await begin(), message = { hostName: 'h1', nonce, proof: proofOf('request', code, nonce, 'h1') };
      return { nonce, csrPem: String((await call('RequestCertificate', message))['csrPem']), message };
    },
  };
}
export type RawCaller = Awaited<ReturnType<typeof rawCaller>>;

/** A site's authority with an operator, and what it signs for host h1. */
export async function site() {
  const authority = await createAuthority('lab', Date.now()), operator = await issue(authority, 'operator', 'lab', 'ops', Date.now());
  return {
    authority, operator,
    async offer(code: Code, nonce: Buffer, csrPem: string, signer: KeyPair = authority): Promise<Offer> {
      const read = await requestOf(csrPem);
      if (typeof read === 'string') throw new Error(read);
      const certificatePem = await certify(signer, read.key, 'agent', 'lab', 'h1', Date.now(), ['127.0.0.1']), caPem = signer.certificatePem, crlPem = '';
      return { nonce, certificatePem, caPem, crlPem, proof: proofOf('install', code, nonce, certificatePem, caPem, crlPem) };
    },
    link: (port: number): Link => new Link({ host: 'h1', address: '127.0.0.1', port }, { ca: Buffer.from(authority.certificatePem), certificate: Buffer.from(operator.certificatePem), key: Buffer.from(operator.keyPem) }),
  };
}

/** A module for node --import: the process ends itself, as by kill -9, where it would give a file its name for the nth time. */
export function killerAtRename(folder: string, name: string): string {
  const file = join(folder, `killer-${name}.mjs`);
  writeFileSync(file, `import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';
const rename = fs.renameSync;
fs.renameSync = (from, to) => { if (String(to).endsWith(${JSON.stringify(`/${name}`)})) { process.kill(process.pid, 'SIGKILL'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); } rename(from, to); };
syncBuiltinESMExports();`);
  return file;
}
