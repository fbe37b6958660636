// The coordinator's side of an enrolment against a stand-in for the agent, which answers as an honest one never would.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostKey, type HostKey } from '../../agent/enrolment/key.ts';
import { requestFor, selfSigned } from '../../agent/enrolment/request.ts';
import { codeText, proofOf, type Code } from '../../proto/enrolment.ts';
import { enrolmentService } from '../../proto/wire.ts';
import { certificatesIn, readLedger } from '../../coordinator/pki/ledger.ts';
import { siteHere, type SiteHere } from './command-line.ts';

type Message = Record<string, unknown>;
interface Answers { nonce: Buffer; csrPem: string; proof: Buffer; takes: boolean }

let folder: string, key: HostKey, code: Code, server: Server, site: SiteHere, answers: Answers, installs: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
  key = hostKey(folder);
  code = { fingerprint: key.fingerprint, secret: randomBytes(16) };
  const nonce = randomBytes(32), csrPem = await requestFor(key, 'h1');
  answers = { nonce, csrPem, proof: proofOf('csr', code, nonce, csrPem), takes: false };
  installs = 0;
  server = new Server();
  const answer = (make: () => Message) => (_call: ServerUnaryCall<Message, Message>, callback: sendUnaryData<Message>): void => { callback(null, make()); };
  server.addService(enrolmentService, {
    BeginEnrolment: answer(() => ({ nonce: answers.nonce, agentVersion: '0' })),
    RequestCertificate: answer(() => ({ csrPem: answers.csrPem, proof: answers.proof })),
    InstallCertificate: (_call: unknown, callback: sendUnaryData<Message>) => { installs += 1; if (answers.takes) callback(null, { fingerprintSha256: '' }); else callback({ code: status.INVALID_ARGUMENT, details: 'agent.crt is of \u001b[31mno use' }); },
  });
  const tls = ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key.pem), cert_chain: Buffer.from(await selfSigned(key)) }], false);
  const port = await new Promise<number>((resolve, reject) => { server.bindAsync('127.0.0.1:0', tls, (error, bound) => { if (error === null) resolve(bound); else reject(error); }); });
  site = siteHere(port);
  await site.tandem('pki', 'init');
});
afterEach(() => { server.forceShutdown(); site.remove(); rmSync(folder, { recursive: true }); });

const enrol = async (): Promise<{ code: number; err: string }> => await site.tandem('enrol', 'h1', '--code', codeText(code));
const made = (): string[] => certificatesIn(readLedger(join(site.folder, 'pki'))).filter(({ role }) => role === 'agent').map(({ serial }) => serial);

test.each<[string, (honest: Answers) => Answers | Promise<Answers>, number, string]>([
  ['holds the key and does not know the code', (honest) => ({ ...honest, proof: randomBytes(32) }), 3, 'h1: it holds the key but does not prove that it knows the code'],
  ['gives back a proof of another length', (honest) => ({ ...honest, proof: Buffer.alloc(0) }), 3, 'h1: it holds the key but does not prove that it knows the code'],
  ['proves another request than it hands over', async (honest) => ({ ...honest, csrPem: await requestFor(key, 'h2') }), 3, 'h1: it holds the key but does not prove that it knows the code'],
  ['gives a nonce that is none', (honest) => ({ ...honest, nonce: Buffer.alloc(4) }), 3, 'h1: its nonce has 4 bytes instead of 32'],
  ['asks for a certificate of another key', async (honest) => { const csrPem = await requestFor(hostKey(join(folder, 'other')), 'h1'); return { ...honest, csrPem, proof: proofOf('csr', code, honest.nonce, csrPem) }; }, 3, 'h1: it asks for a certificate of another key than the code names'],
  ['hands over what is no request', (honest) => ({ ...honest, csrPem: 'hello', proof: proofOf('csr', code, honest.nonce, 'hello') }), 2, 'request of h1:1:1: found text that is no certificate signing request, expected one made by tandem agent enrol'],
])('a host that %s is given nothing', async (_what, change, exit, err) => {
  answers = await change(answers);
  expect(await enrol()).toMatchObject({ code: exit, err });
  expect([made(), installs]).toEqual([[], 0]);
});

test('a host that refuses the certificate: it is told how to go on, and the next try hands over the same one', async () => {
  const first = await enrol(), [serial] = made();
  expect(first.code).toBe(3);
  expect(first.err).toBe(`Certificate ${String(serial)} was made (${join(site.folder, 'pki/issued/h1')}/agent.crt) but is not known to be installed. It is of use to this host's own key only.\n`
    + `Next: the same command again installs it; or: tandem pki revoke h1 --serial ${String(serial)} --reason TEXT\nh1: agent.crt is of no use`);
  await enrol();
  expect([made(), installs]).toEqual([[serial], 2]);
});

test('a host that took the certificate and does not answer with it: that is told, and what was revoked for it', { timeout: 90_000 }, async () => {
  await enrol();
  const [old] = made();
  answers.takes = true;
  const { code: exit, out, err } = await site.tandem('enrol', 'h1', '--code', codeText(code), '--again', '--reason', 'new disk'), [, serial] = made();
  expect([exit, out]).toEqual([5, `Revoked: ${String(old)}. The other hosts learn of it by: tandem pki publish`]);
  expect(err).toMatch(new RegExp(`^Certificate ${String(serial)} \\(.*\\) is installed on h1, which has not yet answered with it\\.\nNext: tandem hosts; if it does not answer, on the host: tandem agent status\nh1 cannot be reached`));
});

test('nobody is there', async () => {
  server.forceShutdown();
  expect(await enrol()).toMatchObject({ code: 5, err: expect.stringMatching(/^h1 cannot be reached: connect ECONNREFUSED/) as string });
  expect(made()).toEqual([]);
});
