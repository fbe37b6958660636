// The agent's side of an enrolment without the wire: who knows the code gets a certificate in, nobody else, and each message serves once.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Exchange, type Installation } from '../../../agent/enrolment/exchange.ts';
import { hostKey, type HostKey } from '../../../agent/enrolment/key.ts';
import { makeCode, PendingCode } from '../../../agent/enrolment/pending.ts';
import { requestFor } from '../../../agent/enrolment/request.ts';
import { certify, createAuthority, requestOf, type KeyPair } from '../../../coordinator/pki/certificates.ts';
import { createList } from '../../../coordinator/pki/revocation-list.ts';
import { codeOf, proofOf, proves, type Code, type ProofOf } from '../../../proto/enrolment.ts';

const MINUTE_MS = 60_000, DAY_MS = 86_400_000, FROM = '192.0.2.1';
let authority: KeyPair, other: KeyPair;
beforeAll(async () => { [authority, other] = [await createAuthority('lab', Date.now()), await createAuthority('lab', Date.now())]; });

let folder: string, certs: string, state: string, key: HostKey, code: Code, clockMs: number, exchange: Exchange;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exchange-'));
  [certs, state, clockMs] = [join(folder, 'pki'), join(folder, 'state'), Date.now()];
  key = hostKey(certs);
  code = freshCode();
  exchange = waiting();
});
afterEach(() => { rmSync(folder, { recursive: true }); });

function freshCode(): Code {
  const made = codeOf(makeCode(state, key.fingerprint, 60, clockMs).text);
  if (typeof made === 'string') throw new Error(made);
  return made;
}
/** As after a start of the agent. */
const waiting = (): Exchange => new Exchange({ certs, key, code: new PendingCode(state), csrFor: (host) => requestFor(key, host), nowMs: () => clockMs });
const enrolled = (): boolean => existsSync(join(certs, 'agent.crt'));

const asked = (nonce: Buffer, hostName = 'h1', step: ProofOf = 'request') => ({ hostName, nonce, proof: proofOf(step, code, nonce, hostName) });
async function request(hostName = 'h1', of: Exchange = exchange): Promise<{ nonce: Buffer; csrPem: string; proof: Buffer }> {
  const nonce = of.begin(FROM);
  return { nonce, ...await of.request(FROM, asked(nonce, hostName)) };
}
interface Deviation { signer?: KeyPair; caPem?: string; name?: string; role?: 'agent' | 'operator'; atMs?: number; crlPem?: string; csrPem?: string; forged?: boolean }
async function signed(csrPem: string, { signer = authority, caPem = signer.certificatePem, name = 'h1', role = 'agent', atMs = clockMs, crlPem = '', forged = false }: Deviation = {}) {
  const read = await requestOf(csrPem);
  if (typeof read === 'string') throw new Error(read);
  const certificatePem = await certify(signer, read.key, role, 'lab', name, atMs, []);
  return { certificatePem: forged ? withOtherSignature(certificatePem) : certificatePem, caPem, crlPem };
}
/** Says all that the authority's own would say. */
function withOtherSignature(pem: string): string {
  const der = Buffer.from(new X509Certificate(pem).raw);
  der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
}
const proven = (nonce: Buffer, offered: Omit<Installation, 'nonce' | 'proof'>, step: ProofOf = 'install'): Installation =>
  ({ ...offered, nonce, proof: proofOf(step, code, nonce, offered.certificatePem, offered.caPem, offered.crlPem) });

test('who knows the code gets a request that proves the same, and installs its certificate; the code is gone then', async () => {
  const { nonce, csrPem, proof } = await request();
  expect(proves(proof, proofOf('csr', code, nonce, csrPem))).toBe(true);
  expect(await requestOf(csrPem)).toMatchObject({ keySha256: key.fingerprint.toString('hex') });
  const offered = await signed(csrPem);
  expect(await exchange.install(proven(nonce, offered))).toMatchObject({ site: 'lab', host: 'h1' });
  expect(await exchange.enrolled).toMatchObject({ host: 'h1' });
  expect(new X509Certificate(readFileSync(join(certs, 'agent.crt'))).fingerprint256).toBe(new X509Certificate(offered.certificatePem).fingerprint256);
  expect(new X509Certificate(readFileSync(join(certs, 'ca.crt'))).fingerprint256).toBe(new X509Certificate(authority.certificatePem).fingerprint256);
  expect([existsSync(join(certs, 'ca.crl')), existsSync(join(state, 'enrolment.json'))]).toEqual([false, false]);
});

test('a wrong code gets no request, in the words of an agent that has no code at all', async () => {
  const nonce = exchange.begin(FROM);
  const wrong = { ...asked(nonce), proof: proofOf('request', { ...code, secret: Buffer.alloc(16) }, nonce, 'h1') };
  const refusal = await exchange.request(FROM, wrong).catch((error: unknown) => error);
  new PendingCode(state).drop();
  const later = exchange.begin(FROM);
  await expect(exchange.request(FROM, asked(later))).rejects.toThrow((refusal as Error).message);
  expect(refusal).toMatchObject({ kind: 'proof', message: 'refused: no valid code or wrong proof' });
});

test('a code that was used opens nothing again', async () => {
  const { nonce, csrPem } = await request();
  await exchange.install(proven(nonce, await signed(csrPem)));
  await expect(request()).rejects.toThrow('refused: no valid code or wrong proof');
  rmSync(join(certs, 'agent.crt')); // as enrolled again, with the old code
  await expect(request('h1', waiting())).rejects.toThrow('refused: no valid code or wrong proof');
});

test('an expired code is refused, also between the two steps and after the clock was set back', async () => {
  clockMs += 59.5 * MINUTE_MS;
  const { nonce, csrPem } = await request();
  clockMs += MINUTE_MS;
  await expect(exchange.install(proven(nonce, await signed(csrPem)))).rejects.toThrow('refused: the code has expired');
  await expect(request()).rejects.toThrow('refused: the code has expired');
  clockMs -= 66 * MINUTE_MS; // before it was made
  await expect(request()).rejects.toThrow('refused: the code has expired');
  clockMs += 2 * MINUTE_MS; // a little is forgiven
  expect((await request()).csrPem).toContain('CERTIFICATE REQUEST');
  expect(enrolled()).toBe(false);
});

test('a new code makes the one before it void, also for an exchange that was begun with it', async () => {
  const { nonce, csrPem } = await request(), message = proven(nonce, await signed(csrPem)), old = code;
  code = freshCode();
  await expect(exchange.install(message)).rejects.toThrow('wrong proof');
  const again = exchange.begin(FROM);
  await expect(exchange.request(FROM, { hostName: 'h1', nonce: again, proof: proofOf('request', old, again, 'h1') })).rejects.toThrow('wrong proof');
  expect((await request()).csrPem).toContain('CERTIFICATE REQUEST');
});

test('a message is good once, for its own nonce, step, host name and address', async () => {
  const first = exchange.begin(FROM), message = asked(first);
  const { csrPem } = await exchange.request(FROM, message);
  await expect(exchange.request(FROM, message)).rejects.toThrow('this nonce is not open');
  await expect(exchange.request(FROM, { ...message, nonce: exchange.begin(FROM) })).rejects.toThrow('wrong proof');
  await expect(exchange.request(FROM, { ...asked(exchange.begin(FROM)), hostName: 'h2' })).rejects.toThrow('wrong proof');
  await expect(exchange.request(FROM, asked(exchange.begin(FROM), 'h1', 'install'))).rejects.toThrow('wrong proof');
  await expect(exchange.request('192.0.2.2', asked(exchange.begin(FROM)))).rejects.toThrow('this nonce is not open');
  await expect(exchange.install(proven(exchange.begin(FROM), await signed(csrPem)))).rejects.toThrow('this nonce is not open'); // nothing was requested with it
  await expect(exchange.install(proven(first, await signed(csrPem), 'request'))).rejects.toThrow('wrong proof');
  await expect(exchange.install(proven(first, await signed(csrPem)))).rejects.toThrow('this nonce is not open'); // the wrong one spent it
  expect(enrolled()).toBe(false);
});

test('a recorded enrolment is worth nothing on the same agent later, nor on another host', async () => {
  const { nonce, csrPem } = await request(), recorded = { request: asked(nonce), install: proven(nonce, await signed(csrPem)) };
  await exchange.install(recorded.install);
  rmSync(join(certs, 'agent.crt'));
  const restarted = waiting(); // the same code even: as if dropping it had failed
  makeCode(state, key.fingerprint, 60, clockMs);
  restarted.begin(FROM);
  await expect(restarted.request(FROM, recorded.request)).rejects.toThrow('this nonce is not open');
  await expect(restarted.install(recorded.install)).rejects.toThrow('this nonce is not open');
  const elsewhere = hostKey(join(folder, 'pki2')), theirs = { ...code, fingerprint: elsewhere.fingerprint };
  expect(proves(recorded.request.proof, proofOf('request', theirs, nonce, 'h1'))).toBe(false);
  expect(enrolled()).toBe(false);
});

const wrongProof = async (n: number, from = FROM): Promise<void> => { await expect(exchange.request(from, { ...asked(exchange.begin(from)), proof: Buffer.alloc(32, n) })).rejects.toThrow('no valid code or wrong proof'); };
const triesAre = (wrong: number): void => { writeFileSync(join(state, 'enrolment-tries.json'), JSON.stringify({ code: createHash('sha256').update(code.secret).digest('hex').slice(0, 16), wrong })); };

test('the fifth wrong proof is told with its address, once; the code stays good', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  for (let n = 0; n < 4; n += 1) await wrongProof(n);
  expect(said).not.toHaveBeenCalled();
  for (let n = 0; n < 16; n += 1) await wrongProof(n, '192.0.2.66');
  expect(said.mock.calls).toEqual([["enrolment: 5 wrong proofs of this host's code, the last from 192.0.2.66"]]);
  expect((await request()).csrPem).toContain('CERTIFICATE REQUEST');
  said.mockRestore();
});

test('a thousand wrong proofs make the code void, for the right proof too and after a restart; a new code works', async () => {
  triesAre(998);
  await wrongProof(1);
  expect((await request()).csrPem).toContain('CERTIFICATE REQUEST');
  await wrongProof(2);
  await expect(request()).rejects.toThrow('refused: the code is void after 1000 wrong proofs');
  await expect(request('h1', waiting())).rejects.toThrow('void after 1000 wrong proofs');
  code = freshCode();
  expect((await request('h1', exchange)).csrPem).toContain('CERTIFICATE REQUEST');
});

test('wrong proofs count also where the disk takes nothing', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  triesAre(995);
  mkdirSync(join(state, 'enrolment-tries.json.new'));
  for (let n = 0; n < 5; n += 1) await wrongProof(n);
  await expect(request()).rejects.toThrow('void after 1000 wrong proofs');
  expect(said).toHaveBeenCalledTimes(5);
  said.mockRestore();
});

test('a nonce is open for two minutes; an address may have eight', async () => {
  const late = exchange.begin(FROM);
  clockMs += 2 * MINUTE_MS;
  await expect(exchange.request(FROM, asked(late))).rejects.toThrow('this nonce is not open');
  const { nonce, csrPem } = await request(), offered = await signed(csrPem);
  clockMs += 2 * MINUTE_MS;
  await expect(exchange.install(proven(nonce, offered))).rejects.toThrow('this nonce is not open');
  const [oldest, second] = Array.from({ length: 9 }, () => exchange.begin(FROM)) as [Buffer, Buffer];
  await expect(exchange.request(FROM, asked(oldest))).rejects.toThrow('this nonce is not open');
  expect(await exchange.request(FROM, asked(second))).toHaveProperty('csrPem');
});

test('an exchange that has ended installs nothing', async () => {
  const { nonce, csrPem } = await request(), message = proven(nonce, await signed(csrPem));
  const going = exchange.install(message);
  exchange.end();
  await expect(going).rejects.toMatchObject({ kind: 'nonce' });
  await expect(request()).rejects.toThrow('no valid code');
  expect(enrolled()).toBe(false);
});

test.each<[string, RegExp, () => Promise<Deviation> | Deviation]>([
  ['of another key', /for another key than this host's/, async () => ({ csrPem: await requestFor(hostKey(join(folder, 'pki2')), 'h1') })],
  ['of another host', /agent\.crt is of h2; the request was for h1/, () => ({ name: 'h2' })],
  ['of another role', /names no host/, () => ({ role: 'operator' })],
  ['signed by another authority than the one that came with it', /ca\.crt has not signed agent\.crt/, () => ({ signer: other, caPem: authority.certificatePem })],
  ['that only claims to be signed', /ca\.crt has not signed agent\.crt/, () => ({ forged: true })],
  ['of an authority that is none', /ca\.crt is no certificate of an authority/, async () => ({ caPem: (await signed(await requestFor(key, 'h1'))).certificatePem })],
  ['with two authorities', /ca\.crt: expected one certificate/, () => ({ caPem: authority.certificatePem + other.certificatePem })],
  ['with a text for an authority', /ca\.crt: text that is no certificate/, () => ({ caPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' })],
  ['that expired', /agent\.crt expired on/, () => ({ atMs: clockMs - 731 * DAY_MS })],
  ['of tomorrow', /agent\.crt is valid from .* only; this host's clock says/, () => ({ atMs: clockMs + DAY_MS })],
  ['with a text for a revocation list', /ca\.crl: text that is no revocation list/, () => ({ crlPem: 'none' })],
  ["with another authority's revocation list", /ca\.crl: a revocation list that the site's authority has not signed/, async () => ({ crlPem: await createList(other, 1, [], clockMs) })],
])('a certificate %s is not installed', async (_what, why, deviate) => {
  const { nonce, csrPem } = await request(), deviation = await deviate();
  await expect(exchange.install(proven(nonce, await signed(deviation.csrPem ?? csrPem, deviation)))).rejects.toThrow(why);
  expect([enrolled(), existsSync(join(certs, 'ca.crt'))]).toEqual([false, false]);
  const again = await request(); // the code is still good
  await exchange.install(proven(again.nonce, await signed(again.csrPem)));
});

test('a certificate that is revoked already is not installed, by the list that came or a newer one that is here', async () => {
  const { nonce, csrPem } = await request(), offered = await signed(csrPem), { serialNumber } = new X509Certificate(offered.certificatePem);
  const list = await createList(authority, 2, [{ serial: serialNumber, atMs: clockMs }], clockMs);
  await expect(exchange.install(proven(nonce, { ...offered, crlPem: list }))).rejects.toThrow(/which was revoked on/);
  writeFileSync(join(certs, 'ca.crl'), list);
  const second = await request();
  await expect(exchange.install(proven(second.nonce, { ...offered, crlPem: await createList(authority, 1, [], clockMs) }))).rejects.toThrow(/which was revoked on/);
  const third = await request();
  await exchange.install(proven(third.nonce, { ...await signed(third.csrPem), crlPem: await createList(authority, 1, [], clockMs) }));
  expect(readFileSync(join(certs, 'ca.crl'), 'utf8')).toBe(list); // the newer one stays
});

test('a disk that takes no more leaves the host not enrolled, and the code good', async () => {
  const { nonce, csrPem } = await request();
  mkdirSync(join(certs, 'agent.crt.new')); // the last write fails
  await expect(exchange.install(proven(nonce, await signed(csrPem)))).rejects.toThrow(/could not keep the certificate: .* It is not enrolled; the code is still good/);
  expect([enrolled(), existsSync(join(certs, 'ca.crt')), existsSync(join(certs, 'ca.crt.new'))]).toEqual([false, false, false]);
  rmSync(join(certs, 'agent.crt.new'), { recursive: true });
  const again = await request();
  await exchange.install(proven(again.nonce, await signed(again.csrPem, { signer: other })));
  expect(new X509Certificate(readFileSync(join(certs, 'ca.crt'))).fingerprint256).toBe(new X509Certificate(other.certificatePem).fingerprint256);
});

test('of two who both know the code, one enrols', async () => {
  const a = await request(), b = await request(), messages = [proven(a.nonce, await signed(a.csrPem)), proven(b.nonce, await signed(b.csrPem))];
  const outcomes = await Promise.allSettled(messages.map(async (message) => await exchange.install(message)));
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test.each([['a nonce of 31 bytes', { nonce: Buffer.alloc(31) }], ['a proof of no bytes', { proof: Buffer.alloc(0) }], ['a proof of 33 bytes', { proof: Buffer.alloc(33) }], ['a host name with a slash', { hostName: '../h1' }], ['a host name of 64 letters', { hostName: 'h'.repeat(64) }]])('%s is no message, and no wrong proof', async (_what, part) => {
  for (let n = 0; n < 6; n += 1) await expect(exchange.request(FROM, { ...asked(exchange.begin(FROM)), ...part })).rejects.toMatchObject({ kind: 'message' });
  expect((await request()).csrPem).toContain('CERTIFICATE REQUEST');
});
