// Both sides of docs/decisions/0012-enrolment.md: the real agent in a process of its own, the real commands here.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { hostKey } from '../../agent/enrolment/key.ts';
import { selfSigned } from '../../agent/enrolment/request.ts';
import { pinnedPeer } from '../../coordinator/enrolment-link.ts';
import { certificatesIn, readLedger, type Certificate } from '../../coordinator/pki/ledger.ts';
import { codeOf, codeText, proofOf, type Code } from '../../proto/enrolment.ts';
import { enrolmentService } from '../../proto/wire.ts';
import { siteHere, type SiteHere } from './command-line.ts';
import { between, dialAt, forward, startUnenrolled, type HostHere } from './unenrolled.ts';

// Several agents are started in turn, and one test waits for an answer that never comes.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

let host: HostHere, site: SiteHere, pki: string;

beforeEach(async () => {
  host = await startUnenrolled();
  site = siteHere(host.port);
  pki = join(site.folder, 'pki');
  expect(await site.tandem('pki', 'init')).toMatchObject({ code: 0 });
});
afterEach(async () => { site.remove(); await host.stop(); });

const holding = (part: string): string => expect.stringContaining(part) as string, like = (form: RegExp): string => expect.stringMatching(form) as string;
const madeFor = (name: string): Certificate[] => certificatesIn(readLedger(pki)).filter((each) => each.name === name);
const enrol = async (code: string, ...more: string[]): Promise<{ code: number; out: string; err: string }> => await site.tandem('enrol', 'h1', '--code', code, ...more);
const parsed = (text: string): Code => { const code = codeOf(text); if (typeof code === 'string') throw new Error(code); return code; };

test('by code: the key stays on the host; the same command again finds it done; the code is used up', async () => {
  expect(await site.tandem('hosts')).toMatchObject({ code: 5, out: like(/h1 +controller +\S+ +not enrolled/), err: holding('On it: tandem agent enrol; then here: tandem enrol h1 --code CODE') });
  const code = await host.code();
  const first = await enrol(code);
  expect(first).toMatchObject({ code: 0, out: like(/^h1 is enrolled: certificate [0-9a-f]+, valid until \d{4}-\d\d-\d\d; agent \S+ answers as h1\.$/), err: 'Next: tandem hosts shows who answers.' });
  expect(readFileSync(join(host.certs, 'agent.crt'), 'utf8').trim()).toBe(readFileSync(join(pki, 'issued/h1/agent.crt'), 'utf8').trim());
  expect(readdirSync(join(pki, 'issued/h1'))).toEqual(['agent.crt', 'ca.crt']);
  expect(new X509Certificate(readFileSync(join(host.certs, 'agent.crt'))).subjectAltName).toBe('URI:spiffe://lab/agent/h1, DNS:h1, IP Address:127.0.0.1');
  expect(madeFor('h1')).toMatchObject([{ role: 'agent', reason: 'enrolled by code', by: like(/^operator, .+@.+/), revoked: undefined }]);
  expect(await site.tandem('hosts')).toMatchObject({ code: 0 });
  const second = await enrol(code);
  expect(second).toMatchObject({ code: 0, out: holding('h1 is enrolled already with this very certificate') });
  expect(madeFor('h1')).toHaveLength(1);
  expect(host.said() + first.out + first.err + second.out + second.err).not.toContain(code);
});

/** `tandem` as a process of its own, fed by standard input. */
async function tandemFed(input: string, ...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../tandem.ts'), '--site', join(site.folder, 'site.yaml'), '--state', join(site.folder, 'state'), ...argv]);
  let out = '', err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text; });
  child.stdin.end(input);
  const code = await new Promise<number>((resolve) => { child.once('close', (exit) => { resolve(exit ?? -1); }); });
  return { code, out, err };
}

test('the command that the host prints takes the code from standard input, and says it nowhere', async () => {
  const printed = await host.agent('enrol', '--name', 'h1'), code = /^code +(\S+)$/m.exec(printed)?.[1] ?? '';
  const words = /^ {2}tandem (enrol h1 --code -)$/m.exec(printed)?.[1]?.split(' ') ?? [];
  expect(words).toHaveLength(4);
  const wrong = await tandemFed(`${code.slice(6)}\n`, ...words);
  expect(wrong).toMatchObject({ code: 2, err: holding('code:1:1: found a code that is none') });
  expect(await tandemFed('', ...words)).toMatchObject({ code: 2, err: holding('code:1:1: found a code that is none') });
  expect(madeFor('h1')).toEqual([]);
  const enrolled = await tandemFed(` ${code.toLowerCase()}\n`, ...words); // as it is pasted
  expect(enrolled).toMatchObject({ code: 0, out: like(/^h1 is enrolled: certificate /) });
  for (const { out, err } of [wrong, enrolled]) expect((out + err).toUpperCase()).not.toContain(code.slice(6, 40));
});

test('a used code is good for nothing: not even where the host has lost the certificate that it was used for', async () => {
  const code = await host.code();
  expect(await enrol(code)).toMatchObject({ code: 0 });
  rmSync(join(host.certs, 'agent.crt')); // its key is still the one that the code names
  await host.restart();
  expect(host.said()).toMatch(/is not enrolled; it waits for that on port \d+\n[^]*is not enrolled; it waits/);
  expect(await enrol(code)).toMatchObject({ code: 3, err: 'h1: refused: no valid code or wrong proof' });
  expect(existsSync(join(host.certs, 'agent.crt'))).toBe(false);
  expect(await enrol(await host.code())).toMatchObject({ code: 0, out: holding('It is the certificate that was made for this key on') });
});

test('wrong, mistyped and expired codes, and the code of another host', async () => {
  const text = await host.code(), code = parsed(text);
  expect(await enrol(codeText({ ...code, secret: Buffer.alloc(16) }))).toMatchObject({ code: 3, err: 'h1: refused: no valid code or wrong proof' });
  const mistyped = await enrol(`${text.startsWith('A') ? 'C' : 'A'}${text.slice(1)}`);
  expect(mistyped).toMatchObject({ code: 2, err: 'code:1:1: found a code that is none: a letter is wrong: its check sum does not hold, expected the code as tandem agent enrol printed it on the host' });
  expect(await enrol(codeText({ ...code, fingerprint: Buffer.alloc(32, 7) }))).toMatchObject({ code: 3, err: `h1: the host at 127.0.0.1:${String(host.port)} holds another key than the code names: somebody may be in between, or the code is another host's` });
  expect(await site.tandem('enrol', 'h2', '--code', text)).toMatchObject({ code: 2, err: holding('found no host "h2"') });
  const file = join(host.state, 'enrolment.json'), kept = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...kept, untilMs: Date.now() - 1 }));
  expect(await enrol(text)).toMatchObject({ code: 3, err: holding('h1: refused: the code has expired; on the host, tandem agent enrol makes another') });
  expect(madeFor('h1')).toEqual([]);
  expect(existsSync(join(host.certs, 'agent.crt'))).toBe(false);
  expect(await enrol(await host.code())).toMatchObject({ code: 0 });
});

test('somebody in between with a key of his own is refused, at the first connection and at the second; one who only hands on is harmless', async () => {
  const code = await host.code(), own = hostKey(join(host.folder, 'thief')), tls = { key: own.pem, cert: await selfSigned(own) };
  const taken: Buffer[] = [];
  const intercept = (client: Socket): void => {
    const secure = new TLSSocket(client, { isServer: true, secureContext: createSecureContext(tls), ALPNProtocols: ['h2'] });
    secure.on('error', () => undefined).on('data', (bytes: Buffer) => { taken.push(bytes); });
  };
  for (const from of [1, 2]) {
    const thief = await between((client, n) => { if (n >= from) intercept(client); else forward(client, host.port); });
    dialAt(site.folder, thief.port);
    const { code: exit, err } = await enrol(code);
    thief.close();
    expect([from, exit]).toEqual([from, 3]);
    expect(err).toContain(from === 1 ? 'holds another key than the code names: somebody may be in between' : 'it holds another key than the code names, and held the right one a moment ago: somebody may be in between');
  }
  expect(Buffer.concat(taken).length, 'not a word was said to him').toBe(0);
  expect(madeFor('h1')).toEqual([]);
  const seen: Buffer[] = [], harmless = await between((client) => { forward(client, host.port, (bytes) => { seen.push(bytes); client.write(bytes); }); });
  dialAt(site.folder, harmless.port);
  expect(await enrol(code)).toMatchObject({ code: 0 });
  harmless.close();
  expect(seen.length).toBeGreaterThan(0);
  expect(Buffer.concat(seen).includes('CERTIFICATE REQUEST')).toBe(false);
});

/** A client that sends what it is told, over TLS with the host's own certificate. */
async function raw(code: Code): Promise<{ send(method: string, message: object): Promise<Record<string, unknown>>; close(): void }> {
  const peer = await pinnedPeer({ host: 'h1', address: '127.0.0.1', port: host.port }, code);
  const client = new Client(`127.0.0.1:${String(host.port)}`, credentials.createSsl(Buffer.from(peer.toString()), null, null, { checkServerIdentity: () => undefined }), { 'grpc.ssl_target_name_override': 'h1', 'grpc.use_local_subchannel_pool': 1 });
  return {
    async send(method, message) {
      const definition = enrolmentService[method];
      if (definition === undefined) throw new Error(method);
      return await new Promise((resolve, reject) => {
        client.makeUnaryRequest(definition.path, definition.requestSerialize, definition.responseDeserialize, message, new Metadata(), { deadline: Date.now() + 5000 }, (error: ServiceError | null, answer?: Record<string, unknown>) => {
          if (error === null) resolve(answer ?? {});
          else reject(error);
        });
      });
    },
    close() { client.close(); },
  };
}

test('a recorded enrolment is good for nothing: not the same messages, not with a new nonce, not for another step, not for the next code', async () => {
  const code = parsed(await host.code());
  const first = await raw(code), nonce = (await first.send('BeginEnrolment', {}))['nonce'] as Buffer;
  const request = { hostName: 'h1', nonce, proof: proofOf('request', code, nonce, 'h1') };
  const { csrPem } = await first.send('RequestCertificate', request);
  expect(csrPem).toContain('BEGIN CERTIFICATE REQUEST');
  await expect(first.send('RequestCertificate', request)).rejects.toMatchObject({ code: status.FAILED_PRECONDITION, details: holding('this nonce is not open') });
  const fresh = (await first.send('BeginEnrolment', {}))['nonce'] as Buffer;
  await expect(first.send('RequestCertificate', { ...request, nonce: fresh })).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  await expect(first.send('InstallCertificate', { nonce, certificatePem: '', caPem: '', crlPem: '', proof: request.proof })).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  // The coordinator enrols it; what was recorded before is sent to the enrolled agent, and to the same host waiting with a new code.
  expect(await enrol(codeText(code))).toMatchObject({ code: 0 });
  await expect(first.send('RequestCertificate', request)).rejects.toBeDefined();
  first.close();
  const next = await host.code('--again');
  await host.restart();
  const later = await raw(parsed(next));
  await expect(later.send('RequestCertificate', request)).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
  const nonce2 = (await later.send('BeginEnrolment', {}))['nonce'] as Buffer;
  await expect(later.send('RequestCertificate', { ...request, nonce: nonce2 })).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  later.close();
  expect(await enrol(codeText(code), '--again', '--reason', 'old code'), 'a code that a newer one has replaced').toMatchObject({ code: 3, err: 'h1: refused: no valid code or wrong proof' });
  expect(madeFor('h1').map((each) => each.revoked), 'nothing is revoked before the host has proven itself').toEqual([undefined]);
});

test('a host installed anew is enrolled again only when asked for; its old certificate is revoked in the same act', async () => {
  await enrol(await host.code());
  const [old] = madeFor('h1');
  rmSync(host.certs, { recursive: true }); // the reinstallation: another key
  await host.restart();
  const code = await host.code();
  expect(await enrol(code)).toMatchObject({ code: 2, err: like(/found h1, which has certificate [0-9a-f]+ \(until [0-9-]+\) already, expected a host that has none, or --again --reason TEXT/) });
  expect(await enrol(code, '--again')).toMatchObject({ code: 2, err: holding('--reason TEXT') });
  expect(await enrol(code, '--again', '--reason', 'new disk')).toMatchObject({ code: 0, out: holding(`Revoked: ${String(old?.serial)}.`), err: 'Next: tandem pki publish' });
  expect(madeFor('h1')).toMatchObject([{ serial: old?.serial, revoked: { reason: 'new disk' } }, { reason: 'new disk', revoked: undefined }]);
  expect(readFileSync(join(host.certs, 'ca.crl'), 'utf8').trim()).toBe(readFileSync(join(pki, 'ca.crl'), 'utf8').trim());
  expect(await site.tandem('pki', 'publish')).toMatchObject({ code: 0, out: 'h1: has number 1 already' });
  expect(JSON.parse((await site.tandem('pki', 'list', '--json')).out)).toMatchObject([{ role: 'authority', state: 'valid', daysLeft: 3649 }, { serial: old?.serial, state: 'revoked', revoked: { reason: 'new disk' } }, { name: 'h1', state: 'valid', daysLeft: 729 }, { name: 'operator', state: 'valid' }]);
  expect((await site.tandem('pki', 'list')).out).toMatch(new RegExp(`h1 +agent +revoked on .* ${String(old?.serial)} .* new disk`));
});

test('by file: nothing is signed or revoked for another key than the one that was told, and no other authority is taken', async () => {
  const first = await host.agent('enrol', '--request', join(host.folder, 'first.csr'), '--name', 'h1'), request = join(host.folder, 'h1.csr');
  const fingerprint = /fingerprint +([0-9A-F:]{95})/.exec(first)?.[1] ?? 'none', other = fingerprint.replace(/^../, (pair) => (pair === '00' ? '01' : '00'));
  writeFileSync(request, readFileSync(join(host.folder, 'first.csr')));
  const byFile = async (...more: string[]): ReturnType<typeof site.tandem> => await site.tandem('enrol', 'h1', '--request', request, ...more);
  expect(await byFile()).toMatchObject({ code: 2, err: holding('--request without --fingerprint') });
  expect(await byFile('--fingerprint', 'AB:CD')).toMatchObject({ code: 2, err: holding('64 hexadecimal digits') });
  expect(await site.tandem('enrol', 'h1', '--code', await host.code(), '--fingerprint', fingerprint)).toMatchObject({ code: 2, err: holding('--fingerprint without --request') });
  expect(await byFile('--fingerprint', other)).toMatchObject({ code: 2, err: holding(`found a request of another key, ${fingerprint}, expected the one of h1, ${other}: somebody may have changed the file`) });
  expect([madeFor('h1'), existsSync(join(pki, 'issued/h1'))]).toEqual([[], false]);
  const { code, out, err } = await byFile('--fingerprint', fingerprint.replaceAll(':', '').toLowerCase());
  const authority = new X509Certificate(readFileSync(join(pki, 'ca.crt'))).fingerprint256;
  expect([code, out.includes(`Fingerprint of ca.crt: ${authority}`)]).toEqual([0, true]);
  expect(err).toBe(`Next: copy ${join(pki, 'issued/h1')}/ to h1, and there, with the fingerprint of ca.crt from this screen, not from the medium:\n  tandem agent enrol --certificate FOLDER --authority ${authority}`);
  // Somebody who has the medium signs the host's own request by his own authority.
  const stranger = siteHere(host.port);
  await stranger.tandem('pki', 'init');
  expect(await stranger.tandem('enrol', 'h1', '--request', request, '--fingerprint', fingerprint)).toMatchObject({ code: 0 });
  await expect(host.agent('enrol', '--certificate', join(stranger.folder, 'pki/issued/h1'), '--authority', authority)).rejects.toThrow();
  stranger.remove();
  expect(readdirSync(host.certs)).toEqual(['agent.key']);
  await host.agent('enrol', '--certificate', join(pki, 'issued/h1'), '--authority', authority);
  await expect.poll(async () => (await site.tandem('hosts')).code, { timeout: 20_000, interval: 500 }).toBe(0);
  const [made] = madeFor('h1');
  expect(made).toMatchObject({ reason: 'enrolled by file' });
  expect(await byFile('--fingerprint', other, '--again', '--reason', 'forged')).toMatchObject({ code: 2 });
  expect(madeFor('h1'), 'nothing is revoked for it').toEqual([made]);
});

test('the answer to the installation is lost: the same command finds it done', async () => {
  const code = await host.code();
  const lossy = await between((client) => {
    forward(client, host.port, (bytes) => { setTimeout(() => { if (!client.destroyed) client.write(bytes); }, 300); });
  });
  const cut = setInterval(() => { if (existsSync(join(host.certs, 'agent.crt'))) { lossy.close(); clearInterval(cut); } }, 20);
  dialAt(site.folder, lossy.port);
  expect(await enrol(code)).toMatchObject({ code: 5, err: holding('Next: the same command again installs it') });
  clearInterval(cut);
  dialAt(site.folder, host.port);
  expect(await enrol(code)).toMatchObject({ code: 0, out: holding('h1 is enrolled already with this very certificate') });
  expect(madeFor('h1')).toHaveLength(1);
});
