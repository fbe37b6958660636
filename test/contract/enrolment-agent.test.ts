// An agent without a certificate, as a process, and a raw client: what the wire lets through. The coordinator's own side is in enrolment.test.ts.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { codeText, proofOf } from '../../proto/enrolment.ts';
import { createList } from '../../coordinator/pki/revocation-list.ts';
import { fingerprintOf, killerAtRename, peerOf, rawCaller, site, unenrolledHost, type RawCaller, type Unenrolled } from './enrolment-process.ts';

let lab: Awaited<ReturnType<typeof site>>;
beforeAll(async () => { lab = await site(); });

let host: Unenrolled, callers: RawCaller[];
beforeEach(() => { host = unenrolledHost(); callers = []; });
afterEach(async () => { callers.forEach((caller) => { caller.close(); }); await host.remove(); });

const dial = async (port: number): Promise<RawCaller> => { const caller = await rawCaller(port); callers.push(caller); return caller; };
const refusal = async (answer: Promise<unknown>): Promise<ServiceError> => await answer.then(() => { throw new Error('it was not refused'); }, (error: unknown) => error as ServiceError);
const enrolled = (): boolean => existsSync(join(host.certs, 'agent.crt'));
async function worksAt(port: number): Promise<void> {
  const link = lab.link(port);
  try { expect(await link.call('ListOperations', {})).toMatchObject({ host: 'h1' }); } finally { link.close(); }
}

test('from nothing to mTLS in one process on one port; the code is in no log and works once', async () => {
  const agent = await host.start(), code = host.codeOfProcess(), caller = await dial(agent.port);
  expect(agent.said()).toMatch(/is not enrolled; it waits for that on port \d+\nFor a code, on this host: tandem agent enrol\n/);
  expect(fingerprintOf(await peerOf(agent.port)).equals(code.fingerprint)).toBe(true);
  const { nonce, csrPem, message } = await caller.request(code), offer = await lab.offer(code, nonce, csrPem);
  expect(String((await caller.call('InstallCertificate', { ...offer }))['fingerprintSha256'])).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  await agent.says(new RegExp(`of h1 listening on port ${String(agent.port)}\n`));
  await worksAt(agent.port);
  expect(fingerprintOf(await peerOf(agent.port)).equals(code.fingerprint)).toBe(true); // its key never changed
  for (const [method, again] of [['BeginEnrolment', {}], ['RequestCertificate', message], ['InstallCertificate', offer]] as const) {
    expect((await refusal(caller.call(method, { ...again }))).code, method).not.toBe(status.OK); // the service is gone
  }
  // The letters after the fingerprint's.
  for (const secret of [code.secret.toString('hex'), code.secret.toString('base64'), ...codeText(code).split('-').slice(11)]) expect(agent.said()).not.toContain(secret);
  expect(readdirSync(host.state)).not.toContain('enrolment.json');
  await agent.kill();
  const restarted = await host.start();
  expect(restarted.said()).not.toContain('not enrolled');
  await worksAt(restarted.port);
});

test('nothing but enrolment is served, nobody needs a certificate for it, and the work in the journal waits', async () => {
  const agent = await host.start(), link = lab.link(agent.port);
  await expect(link.call('ListOperations', {})).rejects.toThrow(/self-signed|not enrolled/i);
  link.close();
  const caller = await dial(agent.port);
  for (const path of ['/tandem.v1.AgentService/ListOperations', '/grpc.health.v1.Health/Check', '/tandem.v1.EnrolmentService/Steal']) {
    const error = await new Promise<ServiceError | null>((resolve) => { caller.client.makeUnaryRequest(path, () => Buffer.alloc(0), (bytes) => bytes, {}, (problem) => { resolve(problem); }); });
    expect(error?.code, path).toBe(status.UNIMPLEMENTED);
  }
  expect(existsSync(join(host.state, 'runs'))).toBe(false);
});

test('wrong, replaced and expired codes; a thousand wrong proofs make a code void', async () => {
  const agent = await host.start(), old = await host.code(), code = await host.code(), caller = await dial(agent.port);
  const wrong = { ...code, secret: Buffer.alloc(16, 7) };
  for (const bad of [wrong, old]) expect(await refusal(caller.request(bad))).toMatchObject({ code: status.PERMISSION_DENIED, details: 'refused: no valid code or wrong proof' });
  const tries = join(host.state, 'enrolment-tries.json'), counted = JSON.parse(readFileSync(tries, 'utf8')) as { wrong: number };
  expect(counted.wrong).toBe(2);
  writeFileSync(tries, JSON.stringify({ ...counted, wrong: 998 }));
  expect((await caller.request(code)).csrPem).toContain('CERTIFICATE REQUEST');
  for (let n = 0; n < 2; n += 1) await refusal(caller.request(wrong));
  expect(await refusal(caller.request(code))).toMatchObject({ code: status.PERMISSION_DENIED, details: expect.stringMatching(/void after 1000 wrong proofs/) as string });
  const fresh = await host.code(), file = join(host.state, 'enrolment.json'), kept = JSON.parse(readFileSync(file, 'utf8')) as { untilMs: number };
  writeFileSync(file, JSON.stringify({ ...kept, untilMs: Date.now() - 1 })); // an hour later
  expect(await refusal(caller.request(fresh))).toMatchObject({ details: expect.stringMatching(/^refused: the code has expired/) as string });
  expect((await caller.request(await host.code())).csrPem).toContain('CERTIFICATE REQUEST');
  expect(enrolled()).toBe(false);
});

test('recorded messages sent again: the same bytes, with another nonce, as another step, to a restarted agent', async () => {
  const agent = await host.start(), code = await host.code(), caller = await dial(agent.port);
  const { nonce, csrPem, message } = await caller.request(code), offer = await lab.offer(code, nonce, csrPem);
  expect(await refusal(caller.call('RequestCertificate', message))).toMatchObject({ code: status.FAILED_PRECONDITION });
  expect(await refusal(caller.call('RequestCertificate', { ...message, nonce: await caller.begin() }))).toMatchObject({ code: status.PERMISSION_DENIED });
  expect(await refusal(caller.call('InstallCertificate', { ...offer, nonce: await caller.begin() }))).toMatchObject({ code: status.FAILED_PRECONDITION });
  expect(await refusal(caller.call('InstallCertificate', { ...offer, proof: message['proof'] }))).toMatchObject({ code: status.PERMISSION_DENIED });
  expect(await refusal(caller.call('InstallCertificate', { ...offer }))).toMatchObject({ code: status.FAILED_PRECONDITION });
  await agent.kill();
  const later = await dial((await host.start()).port);
  for (const [method, again] of [['RequestCertificate', message], ['InstallCertificate', offer]] as const) expect(await refusal(later.call(method, { ...again })), method).toMatchObject({ code: status.FAILED_PRECONDITION });
  expect(enrolled()).toBe(false);
});

test('a certificate that was tampered with on the way, or is for another key, is refused with words', async () => {
  const agent = await host.start(), code = await host.code(), caller = await dial(agent.port), foreign = await site();
  const first = await caller.request(code), offer = await lab.offer(code, first.nonce, first.csrPem);
  expect(await refusal(caller.call('InstallCertificate', { ...offer, caPem: foreign.authority.certificatePem }))).toMatchObject({ code: status.PERMISSION_DENIED });
  const second = await caller.request(code), mixed = { ...await lab.offer(code, second.nonce, second.csrPem), caPem: foreign.authority.certificatePem };
  const answer = await refusal(caller.call('InstallCertificate', { ...mixed, proof: proofOf('install', code, mixed.nonce, mixed.certificatePem, mixed.caPem, mixed.crlPem) }));
  expect(answer).toMatchObject({ code: status.INVALID_ARGUMENT, details: 'refused: ca.crt has not signed agent.crt' });
  expect(enrolled()).toBe(false);
});

test('oversized and senseless messages, and a flood from another address, leave an enrolment its way', async () => {
  const agent = await host.start(), code = await host.code(), caller = await dial(agent.port);
  const mine = await caller.begin();
  expect(await refusal(caller.call('RequestCertificate', { hostName: 'h'.repeat(70_000), nonce: mine, proof: Buffer.alloc(32) }))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  for (const bad of [{ hostName: 'h1' }, { hostName: '', nonce: mine, proof: Buffer.alloc(32) }, { hostName: 'h1', nonce: Buffer.alloc(33), proof: Buffer.alloc(32) }]) expect(await refusal(caller.call('RequestCertificate', bad))).toMatchObject({ code: status.INVALID_ARGUMENT });
  const port = await forwarding(agent.port, '127.0.0.2'), eve = await dial(port);
  const outcomes = await Promise.all(Array.from({ length: 2000 }, async () => await eve.begin().then(() => 'answered', (error: unknown) => (error as ServiceError).code)));
  expect(outcomes.filter((each) => each === status.RESOURCE_EXHAUSTED).length).toBeGreaterThan(1000);
  expect(outcomes.filter((each) => each === 'answered').length).toBeGreaterThan(10);
  const going = Array.from({ length: 300 }, async () => await eve.begin().catch(() => undefined));
  const { csrPem } = await caller.call('RequestCertificate', { hostName: 'h1', nonce: mine, proof: proofOf('request', code, mine, 'h1') });
  await caller.call('InstallCertificate', { ...await lab.offer(code, mine, String(csrPem)) });
  await Promise.all(going);
  await agent.says(/listening on port/);
  await worksAt(agent.port);
});

const proxies: (() => void)[] = [];
afterEach(() => { proxies.splice(0).forEach((close) => { close(); }); });
/** What connects here arrives at the agent from that loopback address. */
async function forwarding(port: number, localAddress: string): Promise<number> {
  const { connect } = await import('node:net');
  const server = createServer((inward) => {
    const outward = connect({ host: '127.0.0.1', port, localAddress });
    inward.pipe(outward).pipe(inward);
    for (const socket of [inward, outward]) socket.on('error', () => { inward.destroy(); outward.destroy(); });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  proxies.push(() => { server.close(); });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test.each(['ca.crt', 'ca.crl', 'agent.crt'])('killed in the installation just before %s: not enrolled after a restart, and the same code enrols it then', async (name) => {
  const code = await host.code(), agent = await host.start('--import', killerAtRename(host.folder, name)), caller = await dial(agent.port);
  const { nonce, csrPem } = await caller.request(code), crlPem = await createList(lab.authority, 1, [], Date.now()), { certificatePem, caPem } = await lab.offer(code, nonce, csrPem);
  const install = { nonce, certificatePem, caPem, crlPem, proof: proofOf('install', code, nonce, certificatePem, caPem, crlPem) };
  expect((await refusal(caller.call('InstallCertificate', install))).code).toBe(status.UNAVAILABLE);
  await agent.ended;
  expect([enrolled(), existsSync(join(host.certs, 'ca.crt'))]).toEqual([false, name !== 'ca.crt']);
  const restarted = await host.start(), again = await dial(restarted.port);
  expect(restarted.said()).toContain('not enrolled');
  const second = await again.request(code);
  await again.call('InstallCertificate', { ...await lab.offer(code, second.nonce, second.csrPem) });
  await restarted.says(/listening on port/);
  await worksAt(restarted.port);
});

test('a disk that takes no more: told, not enrolled, and the same code enrols it when there is room', async () => {
  const code = await host.code(), agent = await host.start(), caller = await dial(agent.port), first = await caller.request(code);
  mkdirSync(join(host.certs, 'agent.crt.new')); // nothing can be written there
  expect((await refusal(caller.call('InstallCertificate', { ...await lab.offer(code, first.nonce, first.csrPem) }))).details).toMatch(/It is not enrolled; the code is still good$/);
  rmSync(join(host.certs, 'agent.crt.new'), { recursive: true });
  const second = await caller.request(code);
  await caller.call('InstallCertificate', { ...await lab.offer(code, second.nonce, second.csrPem) });
  await agent.says(/listening on port/);
});

test('a certificate that a person puts in place is taken up by the agent that waits', async () => {
  const agent = await host.start(), code = await host.code(), { certificatePem } = await lab.offer(code, Buffer.alloc(32), (await (await dial(agent.port)).request(code)).csrPem);
  writeFileSync(join(host.certs, 'agent.crt'), certificatePem); // as copied by hand, the authority's last
  await new Promise((resolve) => { setTimeout(resolve, 2500); });
  expect(agent.said()).not.toContain('listening');
  writeFileSync(join(host.certs, 'ca.crt'), lab.authority.certificatePem);
  await agent.says(/listening on port/);
  await worksAt(agent.port);
  expect(readdirSync(host.state)).not.toContain('enrolment.json');
});
