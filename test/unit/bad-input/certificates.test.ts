import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InputError } from '../../../coordinator/input/problem.ts';
import { createAuthority, issue, type KeyPair } from '../../../coordinator/pki/certificates.ts';
import { initPki, issueFor, readCredentials } from '../../../coordinator/pki/folder.ts';

const NOW_MS = Date.parse('2026-05-01T12:00:00Z');
const YEAR_MS = 365 * 86_400_000;
let folder: string, authority: KeyPair;

const file = (name: string): string => join(folder, name);
const put = (name: string, text: string, mode = 0o600): void => { writeFileSync(file(name), text); chmodSync(file(name), mode); };
const putPair = (name: string, pair: KeyPair): void => { put(`${name}.crt`, pair.certificatePem); put(`${name}.key`, pair.keyPem); };
const edit = (name: string, change: (text: string) => string): void => { put(name, change(readFileSync(file(name), 'utf8'))); };

/** What is printed, with the folder's name taken out. */
async function refusal(run: () => unknown): Promise<string[]> {
  try { await run(); } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.message.replaceAll(`${folder}/`, '').split('\n');
  }
  throw new Error('nothing was refused');
}
const credentials = (atMs = NOW_MS, site = 'lab'): Promise<string[]> => refusal(() => readCredentials(folder, ['operator'], site, atMs));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  authority = await createAuthority('lab', NOW_MS);
  putPair('ca', authority);
  putPair('operator', await issue(authority, 'operator', 'lab', 'ops', NOW_MS));
});
afterEach(() => { rmSync(folder, { recursive: true }); });

test('what pki init and issue make is taken', async () => {
  expect(readCredentials(folder, ['operator'], 'lab', NOW_MS).holder).toEqual({ site: 'lab', role: 'operator', name: 'ops' });
  const { issued } = await issueFor(folder, 'agent', 'h1', ['10.0.0.1'], NOW_MS);
  expect(execFileSync('ls', [issued], { encoding: 'utf8' })).toBe('agent.crt\nagent.key\nca.crt\n');
  expect(readFileSync(join(issued, 'ca.crt'), 'utf8')).toBe(authority.certificatePem);
});

test('expired', async () => {
  expect(await credentials(NOW_MS + 3 * YEAR_MS)).toEqual(['operator.crt:1:1: found a certificate that expired on 2028-04-30, expected one valid on 2029-04-30 (tandem pki issue makes another)']);
});

test('not valid yet', async () => {
  putPair('operator', await issue(authority, 'operator', 'lab', 'ops', NOW_MS + YEAR_MS));
  expect(await credentials()).toEqual(["operator.crt:1:1: found a certificate that is valid from 2027-05-01 only, expected one valid on 2026-05-01 (is this machine's clock right?)"]);
});

test('the authority expired', async () => {
  expect(await credentials(NOW_MS + 11 * YEAR_MS)).toEqual(['ca.crt:1:1: found a certificate that expired on 2036-04-28, expected one valid on 2037-04-28 (the site needs a new authority: tandem pki init)']);
});

test('of another authority', async () => {
  putPair('operator', await issue(await createAuthority('lab', NOW_MS), 'operator', 'lab', 'ops', NOW_MS));
  expect(await credentials()).toEqual(["operator.crt:1:1: found a certificate that ca.crt has not signed, expected one of the site's own authority"]);
});

test('a key of another certificate', async () => {
  put('operator.key', (await issue(authority, 'operator', 'lab', 'ops', NOW_MS)).keyPem);
  expect(await credentials()).toEqual(['operator.key:1:1: found a key that does not belong to operator.crt, expected the key it was made with']);
});

test('not PEM', async () => {
  put('operator.crt', 'MIIB\n');
  expect(await credentials()).toEqual(['operator.crt:1:1: found text that is not PEM, expected "-----BEGIN CERTIFICATE-----"']);
});

test('empty', async () => {
  put('ca.crt', '\n');
  expect(await credentials()).toEqual(['ca.crt:1:1: found an empty file, expected "-----BEGIN CERTIFICATE-----"']);
});

test('a key where the certificate should be', async () => {
  edit('operator.crt', () => `# mixed up\n${readFileSync(file('operator.key'), 'utf8')}`);
  expect(await credentials()).toEqual(['operator.crt:2:1: found "-----BEGIN PRIVATE KEY-----", expected "-----BEGIN CERTIFICATE-----"']);
});

test('a character that is not base64, at its line and column', async () => {
  edit('operator.crt', (text) => text.split('\n').map((line, n) => (n === 3 ? `${line.slice(0, 6)}!${line.slice(7)}` : line)).join('\n'));
  expect(await credentials()).toEqual(['operator.crt:4:7: found a character that is not base64, expected base64 up to the line that begins with "-----END"']);
});

test('cut off', async () => {
  edit('operator.crt', (text) => text.split('\n').slice(0, 5).join('\n'));
  expect(await credentials()).toEqual(['operator.crt:5:1: found the end of the file, expected "-----END CERTIFICATE-----"']);
});

test('damaged inside', async () => {
  edit('operator.crt', (text) => text.split('\n').filter((_line, n) => n !== 2).join('\n'));
  expect(await credentials()).toEqual(['operator.crt:1:1: found a damaged certificate, expected an X.509 certificate']);
});

test('a damaged key, whose text is not repeated', async () => {
  edit('operator.key', (text) => text.split('\n').filter((_line, n) => n !== 1).join('\n'));
  expect(await credentials()).toEqual(['operator.key:1:1: found a damaged private key, expected an unencrypted private key']);
});

test('a key that others can read', async () => {
  chmodSync(file('operator.key'), 0o644);
  expect(await credentials()).toEqual([`operator.key:1:1: found mode 0644, which lets others at the key, expected mode 0600 (chmod 600 operator.key)`]);
});

test('a key behind a passphrase', async () => {
  edit('operator.key', (text) => text.replaceAll('PRIVATE KEY', 'ENCRYPTED PRIVATE KEY'));
  expect(await credentials()).toEqual(['operator.key:1:1: found a private key behind a passphrase, expected one without: nobody is there to type it at 3 a.m.']);
});

test('of another role', async () => {
  putPair('operator', await issue(authority, 'agent', 'lab', 'h1', NOW_MS));
  expect(await credentials()).toEqual(['operator.crt:1:1: found the certificate of agent h1, expected one of role operator']);
});

test('of no role', async () => {
  putPair('operator', await issue(authority, 'guest' as 'agent', 'lab', 'x', NOW_MS));
  expect(await credentials()).toEqual(['operator.crt:1:1: found a certificate that names no role, expected a URI spiffe://SITE/operator/NAME in it']);
});

test('of another site', async () => {
  expect(await credentials(NOW_MS, 'prod')).toEqual(['operator.crt:1:1: found a certificate of site lab, expected one of site prod']);
});

test('an authority that may not sign', async () => {
  put('ca.crt', readFileSync(file('operator.crt'), 'utf8'));
  expect(await credentials()).toEqual(["ca.crt:1:1: found a certificate that may not sign others, expected the certificate of the site's own authority"]);
});

test('not there', async () => {
  rmSync(file('operator.key'));
  expect(await credentials()).toEqual(['operator.key:1:1: found no file, expected the key of operator.crt']);
});

test('several at once are all told', async () => {
  putPair('operator', await issue(await createAuthority('lab', NOW_MS), 'observer', 'lab', 'eye', NOW_MS - 3 * YEAR_MS));
  expect((await credentials()).map((line) => line.slice(0, 50))).toEqual([
    'operator.crt:1:1: found a certificate that expired', 'operator.crt:1:1: found a certificate that ca.crt ', 'operator.crt:1:1: found the certificate of observe',
  ]);
});

test("issuing needs the authority's own key, and nothing is overwritten", async () => {
  await issueFor(folder, 'agent', 'h1', [], NOW_MS);
  expect(await refusal(() => issueFor(folder, 'agent', 'h1', [], NOW_MS))).toEqual(['issued/h1/agent.key:1:1: found a file, expected none: keys and certificates are never overwritten (move it away first)']);
  expect(await refusal(() => initPki(folder, 'lab', NOW_MS))).toEqual(['ca.key:1:1: found a file, expected none: keys and certificates are never overwritten (move it away first)']);
  await issueFor(folder, 'observer', 'h1', [], NOW_MS); // another role of the same name
  rmSync(file('ca.key')); // kept elsewhere, as one should
  expect(await refusal(() => initPki(folder, 'lab', NOW_MS))).toEqual(['ca.crt:1:1: found a file, expected none: keys and certificates are never overwritten (move it away first)']);
  expect(existsSync(file('ca.key')), 'no key without its certificate').toBe(false);
  put('ca.key', readFileSync(file('operator.key'), 'utf8'));
  expect(await refusal(() => issueFor(folder, 'agent', 'h2', [], NOW_MS))).toEqual(['ca.key:1:1: found a key that does not belong to ca.crt, expected the key it was made with']);
});
