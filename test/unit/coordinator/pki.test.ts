import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostKey } from '../../../agent/enrolment/key.ts';
import { requestFor } from '../../../agent/enrolment/request.ts';
import { credentials } from '../../../coordinator/commands/links.ts';
import type { Context } from '../../../coordinator/context.ts';
import { InputError } from '../../../coordinator/input/problem.ts';
import { createAuthority, issue, type KeyPair } from '../../../coordinator/pki/certificates.ts';
import { keySha256, serialOf } from '../../../coordinator/pki/checks.ts';
import { checkWanted, enrol, keyOfRequest, type Wanted } from '../../../coordinator/pki/enrol.ts';
import { initPki, issueFor, readCredentials } from '../../../coordinator/pki/folder.ts';
import { certificatesIn, readLedger, type Certificate } from '../../../coordinator/pki/ledger.ts';
import { createList, readList, type RevocationList } from '../../../coordinator/pki/revocation-list.ts';
import { Revocations } from '../../../coordinator/pki/revocations.ts';
import { listToPublish, revoke } from '../../../coordinator/pki/revoke.ts';
import { x509 } from '../../../coordinator/pki/x509.ts';
import type { Site } from '../../../coordinator/site.ts';

const NOW_MS = Date.parse('2026-05-01T12:00:00Z'), DAY_MS = 86_400_000;
let folder: string;
beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'pki-')), 'pki');
  await initPki(folder, 'lab', NOW_MS);
});
afterEach(() => { rmSync(join(folder, '..'), { recursive: true }); });

const PLACE = { file: 'arguments', line: 1, column: 1 }, PLACES = { name: PLACE, serial: PLACE };
const file = (name: string): string => join(folder, name);
const text = (name: string): string => readFileSync(file(name), 'utf8');
const ledger = (): Certificate[] => certificatesIn(readLedger(folder));
const of = (name: string): Certificate[] => ledger().filter((each) => each.name === name);
const take = async (name: string, more: { role?: 'agent' | 'operator' | 'observer'; serial?: string } = {}, atMs = NOW_MS): ReturnType<typeof revoke> => await revoke(folder, { name, reason: 'test', ...more }, PLACES, atMs);
async function list(): Promise<RevocationList> {
  const read = await readList(text('ca.crl'), text('ca.crt'));
  if (typeof read === 'string') throw new Error(read);
  return read;
}
async function refusal(run: () => unknown): Promise<string> {
  try { await run(); } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.message.replaceAll(`${folder}/`, '');
  }
  throw new Error('nothing was refused');
}
/** A host with a key of its own. */
async function requestOfHost(name: string): Promise<{ csr: string; keySha256: string }> {
  const key = hostKey(join(folder, '..', name));
  return { csr: await requestFor(key, 'whatever'), keySha256: key.fingerprint.toString('hex') };
}
const wanted = (more: Partial<Wanted> = {}): Wanted => ({ name: 'h1', address: '192.0.2.7', again: false, reason: undefined, place: PLACE, ...more });

test('what is issued has the list beside it, so that the holder knows who is out of force', async () => {
  expect((await issueFor(folder, 'observer', 'eye', [], NOW_MS)).files).toEqual(['ca.crt', 'observer.crt', 'observer.key']);
  await take('eye');
  expect((await issueFor(folder, 'agent', 'h1', [], NOW_MS)).files).toEqual(['ca.crt', 'ca.crl', 'agent.crt', 'agent.key']);
  expect([text('issued/h1/ca.crl'), readdirSync(file('issued/h1')).sort()]).toEqual([text('ca.crl'), ['agent.crt', 'agent.key', 'ca.crl', 'ca.crt']]);
});

test('a serial number is the same whoever prints it: no zero in front, which one in sixteen would have', async () => {
  const authority: KeyPair = { certificatePem: text('ca.crt'), keyPem: text('ca.key') }, wrong: string[] = [];
  for (let n = 0; n < 100; n += 1) {
    const { serialNumber } = new X509Certificate((await issue(authority, 'observer', 'lab', 'ann', NOW_MS)).certificatePem);
    if (serialNumber.toLowerCase() !== serialOf(serialNumber)) wrong.push(serialNumber);
  }
  expect(wrong).toEqual([]);
});

test("one's own certificate: told on standard error 30 days before its end", async () => {
  const told: string[] = [], context = { siteFile: () => join(folder, '../site.yaml'), tell: (line: string) => { told.push(line); } } as unknown as Context;
  const site = { name: 'lab', pki: './pki' } as Site, authority: KeyPair = { certificatePem: text('ca.crt'), keyPem: text('ca.key') };
  for (const days of [31.5, 29.5]) { // certificates hold 730 days
    const { certificatePem, keyPem } = await issue(authority, 'operator', 'lab', 'ann', Date.now() - (730 - days) * DAY_MS);
    writeFileSync(file('operator.crt'), certificatePem);
    writeFileSync(file('operator.key'), keyPem);
    credentials(context, site, ['operator']);
  }
  expect(told).toEqual([expect.stringMatching(/^Note: .*operator\.crt expires on [0-9-]+, in 29 days; another: tandem pki issue ann --role operator$/)]);
  // Where the authority ends too, another certificate would end with it.
  const ending = await createAuthority('lab', Date.now() - 3630 * DAY_MS), { certificatePem, keyPem } = await issue(ending, 'operator', 'lab', 'ann', Date.now());
  for (const [name, pem] of [['ca.crt', ending.certificatePem], ['operator.crt', certificatePem], ['operator.key', keyPem]] as const) writeFileSync(file(name), pem);
  credentials(context, site, ['operator']);
  expect(told.at(-1)).toMatch(/in 19 days; the authority of the site ends with it: a new one is needed /);
});

test('the list: signed, numbered, with all that was revoked; openssl reads it', async () => {
  await issueFor(folder, 'agent', 'h1', [], NOW_MS);
  await issueFor(folder, 'observer', 'eye', [], NOW_MS);
  await take('h1');
  expect(await list()).toMatchObject({ number: 1, madeMs: NOW_MS, nextMs: NOW_MS + 30 * DAY_MS });
  await take('eye', {}, NOW_MS + DAY_MS);
  const { number, revoked } = await list();
  expect([number, [...revoked]]).toEqual([2, [[of('h1')[0]?.serial, new Date(NOW_MS)], [of('eye')[0]?.serial, new Date(NOW_MS + DAY_MS)]]]);
  const printed = execFileSync('openssl', ['crl', '-in', file('ca.crl'), '-CAfile', file('ca.crt'), '-noout', '-text'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  expect(printed).toMatch(/Version 2[^]*Authority Key Identifier[^]*CRL Number:\s+2/);
  expect(printed.match(/Serial Number/g)).toHaveLength(2);
  expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
});

test.each([1, 127, 128, 255, 256, 70_000])('a list with number %i is read with that number', async (number) => {
  const authority: KeyPair = { certificatePem: text('ca.crt'), keyPem: text('ca.key') };
  expect(await readList(await createList(authority, number, [], NOW_MS), authority.certificatePem)).toMatchObject({ number });
});

test('what is no list of this authority', async () => {
  const stranger = await createAuthority('lab', NOW_MS), ours = await createList({ certificatePem: text('ca.crt'), keyPem: text('ca.key') }, 1, [], NOW_MS);
  expect(await readList('', text('ca.crt'))).toBe('text that is no revocation list');
  expect(await readList(text('ca.crt'), text('ca.crt'))).toMatch(/no revocation list|has not signed/);
  expect(await readList(await createList(stranger, 1, [], NOW_MS), text('ca.crt'))).toBe("a revocation list that the site's authority has not signed");
  const der = Buffer.from(new x509.X509Crl(ours).rawData);
  der[der.indexOf('Tandem CA')] = 0x55;
  expect(await readList(x509.PemConverter.encode(der, 'X509 CRL'), text('ca.crt'))).toBe("a revocation list that the site's authority has not signed");
});

test('revoking: the nearest name, the role, the serial, what is revoked already', async () => {
  await issueFor(folder, 'agent', 'h1', [], NOW_MS);
  await issueFor(folder, 'observer', 'h1', [], NOW_MS);
  await issueFor(folder, 'observer', 'eye', [], NOW_MS);
  expect(await refusal(() => take('eya'))).toBe('arguments:1:1: found no certificate of "eya" in the ledger, expected one that tandem pki list shows: one of operator, h1, eye; did you mean "eye"?');
  expect(await refusal(() => take('ca'))).toContain('no certificate of "ca"');
  expect(await refusal(() => take('h1'))).toBe('arguments:1:1: found h1, who has certificates of role agent and observer, expected --role agent or --role observer');
  expect(await refusal(() => take('eye', { role: 'operator' }))).toContain('no certificate of operator "eye"');
  expect(await refusal(() => take('eye', { serial: 'abc' }))).toMatch(/found no certificate abc of eye, expected [0-9a-f]+$/);
  expect(await refusal(() => take('eye', {}, NOW_MS + 800 * DAY_MS))).toContain('only expired certificates of eye');
  expect(existsSync(file('ca.crl'))).toBe(false);
  expect((await take('h1', { role: 'observer' })).revoked).toMatchObject([{ role: 'observer' }]);
  const serial = of('eye')[0]?.serial ?? '';
  expect((await take('eye', { serial: `00:${serial.toUpperCase()}` })).revoked).toMatchObject([{ serial }]);
  expect(await take('eye')).toMatchObject({ revoked: [], before: [{ serial }] });
});

test('nobody revokes the certificate with which he works', async () => {
  expect(await refusal(() => take('operator'))).toMatch(/found certificate [0-9a-f]+, with which you work yourself, expected another's: you would lock yourself out/);
  expect(of('operator')).toMatchObject([{ revoked: undefined }]);
  const old = of('operator')[0]?.serial ?? '';
  await issueFor(folder, 'operator', 'operator', [], NOW_MS); // the next one, put in its place
  for (const name of ['operator.crt', 'operator.key']) copyFileSync(file(`issued/operator/${name}`), file(name));
  expect((await take('operator', { serial: old })).revoked).toMatchObject([{ serial: old }]);
});

test('a list that broke off between the ledger and the file is mended by the next command; an old one is made anew for publishing', async () => {
  expect(await listToPublish(folder, NOW_MS)).toBe('');
  await issueFor(folder, 'observer', 'eye', [], NOW_MS);
  await take('eye');
  unlinkSync(file('ca.crl'));
  expect(await listToPublish(folder, NOW_MS)).toBe(text('ca.crl'));
  expect((await list()).number).toBe(2);
  const same = text('ca.crl');
  expect(await listToPublish(folder, NOW_MS + 6 * DAY_MS)).toBe(same);
  expect(await listToPublish(folder, NOW_MS + 8 * DAY_MS)).not.toBe(same);
  expect(await list()).toMatchObject({ number: 3, nextMs: NOW_MS + 38 * DAY_MS });
  unlinkSync(file('ca.key')); // another operator's folder
  expect(await listToPublish(folder, NOW_MS + 80 * DAY_MS)).toBe(text('ca.crl'));
});

test('a request is signed for the name and address of the site file, whatever its subject says', async () => {
  const { csr, keySha256: key } = await requestOfHost('h1');
  expect(await keyOfRequest(csr, PLACE)).toBe(key);
  const { issued, certificatePem, crlPem, serial } = await enrol(folder, wanted(), csr, NOW_MS);
  const certificate = new X509Certificate(certificatePem);
  expect([certificate.subject.replaceAll('\n', ', '), certificate.subjectAltName, keySha256(certificate), crlPem, certificate.keyUsage]).toEqual(['CN=h1, OU=agent, O=lab', 'URI:spiffe://lab/agent/h1, DNS:h1, IP Address:192.0.2.7', key, '', ['1.3.6.1.5.5.7.3.1']]);
  expect(readdirSync(issued)).toEqual(['agent.crt', 'ca.crt']);
  expect(of('h1')).toMatchObject([{ serial, keySha256: key }]);
});

test('the same key again is given the same certificate; another key only with --again, which revokes the old one', async () => {
  const one = await requestOfHost('one'), two = await requestOfHost('two');
  const first = await enrol(folder, wanted(), one.csr, NOW_MS);
  expect(await enrol(folder, wanted(), one.csr, NOW_MS + DAY_MS)).toMatchObject({ serial: first.serial, revoked: [], madeBeforeMs: NOW_MS });
  expect(of('h1')).toHaveLength(1);
  const other = /found h1, which has certificate [0-9a-f]+ \(until 2028-04-30\) already, expected a host that has none, or --again --reason TEXT/;
  expect(await refusal(() => { checkWanted(folder, wanted(), two.keySha256, NOW_MS); })).toMatch(other);
  expect(await refusal(() => enrol(folder, wanted(), two.csr, NOW_MS))).toMatch(other);
  expect(await refusal(() => enrol(folder, wanted({ address: '192.0.2.8' }), one.csr, NOW_MS)), 'the address changed').toMatch(other);
  expect(await refusal(() => enrol(folder, wanted(), one.csr, NOW_MS + 720 * DAY_MS)), 'it ends soon').toMatch(other);
  const next = await enrol(folder, wanted({ again: true, reason: 'new disk' }), two.csr, NOW_MS);
  expect(next).toMatchObject({ revoked: [first.serial], crlPem: text('ca.crl') });
  expect([...(await list()).revoked.keys()]).toEqual([first.serial]);
  expect(of('h1')).toMatchObject([{ serial: first.serial, revoked: { reason: 'new disk' } }, { serial: next.serial, reason: 'new disk', revoked: undefined }]);
  expect(text('issued/h1/ca.crl')).toBe(text('ca.crl'));
});

test('a key that was made here is set aside, not overwritten, when the host makes its own', async () => {
  await issueFor(folder, 'agent', 'h1', [], NOW_MS);
  const key = text('issued/h1/agent.key');
  await enrol(folder, wanted({ again: true, reason: 'own key' }), (await requestOfHost('h1')).csr, NOW_MS);
  const names = readdirSync(file('issued/h1')), kept = names.find((name) => name.startsWith('agent.key.before-')) ?? 'none';
  expect([names.includes('agent.key'), readFileSync(file(`issued/h1/${kept}`), 'utf8')]).toEqual([false, key]);
});

test('the reader follows the file: a change within its interval, a bad file leaves in force what was read, and a new process refuses it', async () => {
  await issueFor(folder, 'observer', 'eye', [], NOW_MS);
  const reader = new Revocations(file('ca.crl'), text('ca.crt'), 20), serial = of('eye')[0]?.serial ?? '';
  await reader.read();
  let changes = 0;
  const stop = reader.watch(() => { changes += 1; });
  await take('eye');
  await expect.poll(() => reader.revoked(`00${serial.toUpperCase()}`)).toEqual(new Date(NOW_MS));
  expect([changes, reader.revoked('12')]).toEqual([1, undefined]);
  for (const bad of ['garbage', await createList(await createAuthority('lab', NOW_MS), 9, [], NOW_MS)]) {
    writeFileSync(file('ca.crl'), bad);
    expect(await refusal(() => reader.read())).toMatch(/^ca\.crl:1:1: found (text that is no|a) revocation list.*, expected the site's own \(copy it again/);
    expect(reader.revoked(serial)).toEqual(new Date(NOW_MS));
    expect(await refusal(() => readCredentials(folder, ['operator'], 'lab', NOW_MS).revocations.read())).toContain('ca.crl:1:1: found');
  }
  unlinkSync(file('ca.crl'));
  await reader.read();
  expect(reader.revoked(serial)).toEqual(new Date(NOW_MS));
  stop();
});

test('another authority is not begun over the ledger and list of the old one', async () => {
  for (const name of ['ca.crt', 'ca.key', 'operator.crt', 'operator.key']) unlinkSync(file(name));
  expect(await refusal(() => initPki(folder, 'lab', NOW_MS))).toContain('ledger.jsonl:1:1: found a file');
});
