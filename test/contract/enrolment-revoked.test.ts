// Revocation on both sides of docs/decisions/0012-enrolment.md: the real agent in a process of its own, the real commands here.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Link } from '../../coordinator/link.ts';
import { readCredentials, type Credentials } from '../../coordinator/pki/folder.ts';
import { certificatesIn, readLedger, type Certificate } from '../../coordinator/pki/ledger.ts';
import { createList } from '../../coordinator/pki/revocation-list.ts';
import { siteHere, type SiteHere } from './command-line.ts';
import { startUnenrolled, type HostHere } from './unenrolled.ts';

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
const credentialsOf = (folder: string): Credentials => readCredentials(folder, ['operator'], 'lab', Date.now());
const linkOf = (own: Credentials): Link => new Link({ host: 'h1', address: '127.0.0.1', port: host.port }, own);

test('an agent that was revoked is refused, on an open connection within 10 s and on a new one', async () => {
  await enrol(await host.code());
  const own = credentialsOf(pki), link = linkOf(own);
  let reports = 0;
  const watching = link.watchHealth(1, () => { reports += 1; }, new AbortController().signal).then(() => 'ended', (error: unknown) => (error as Error).message);
  await expect.poll(() => reports, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(await site.tandem('pki', 'revoke', 'h1', '--reason', 'its disk was stolen')).toMatchObject({ code: 0, out: like(/^Revoked certificate [0-9a-f]+ \(until [0-9-]+\) of agent h1\.$/), err: 'Next: tandem pki publish' });
  const words = new RegExp(`^h1: its certificate ${String(madeFor('h1')[0]?.serial)} was revoked on \\d{4}-\\d\\d-\\d\\d$`);
  expect(await Promise.race([watching, sleep(10_000, 'nothing within 10 s')])).toMatch(words);
  await expect(link.call('GetHealth', {})).rejects.toThrow(words);
  const again = linkOf(own);
  await expect(again.call('GetHealth', {})).rejects.toThrow(words);
  again.close();
  expect(await site.tandem('hosts')).toMatchObject({ code: 5, out: like(/not enrolled/), err: holding('was revoked on') });
  expect(await site.tandem('pki', 'publish')).toMatchObject({ code: 0, out: holding('it is sent nothing') });
});

test('an operator who was revoked: the list is published, the agent ends her open stream within 10 s, and her own program refuses', async () => {
  await enrol(await host.code());
  expect(await site.tandem('pki', 'issue', 'ann', '--role', 'operator')).toMatchObject({ code: 0 });
  const hers = join(site.folder, 'hers');
  mkdirSync(hers);
  for (const name of ['ca.crt', 'operator.crt', 'operator.key']) writeFileSync(join(hers, name), readFileSync(join(pki, name === 'ca.crt' ? 'issued/ann/ca.crt' : `issued/ann/${name}`)), { mode: 0o600 });
  const own = credentialsOf(hers), link = linkOf(own);
  let reports = 0;
  const watching = link.watchHealth(1, () => { reports += 1; }, new AbortController().signal).then(() => 'ended', (error: unknown) => (error as Error).message);
  await expect.poll(() => reports, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(await site.tandem('pki', 'revoke', 'an', '--reason', 'x')).toMatchObject({ code: 2, err: holding('did you mean "ann"?') });
  await site.tandem('pki', 'revoke', 'ann', '--reason', 'left the team');
  expect(await site.tandem('pki', 'publish')).toMatchObject({ code: 0, out: 'h1: taken, number 1' });
  expect(await Promise.race([watching, sleep(10_000, 'nothing within 10 s')])).toMatch(/^h1: .*revoked on/);
  await expect(linkOf(own).call('GetHealth', {})).rejects.toThrow(/revoked on/);
  expect(await site.tandem('pki', 'publish')).toMatchObject({ out: 'h1: has number 1 already' });
  expect(await site.tandem('hosts')).toMatchObject({ code: 0 });
  // The list reaches her: nothing is dialled any more.
  writeFileSync(join(hers, 'ca.crl'), readFileSync(join(pki, 'ca.crl')));
  writeFileSync(join(site.folder, 'site.yaml'), readFileSync(join(site.folder, 'site.yaml'), 'utf8').replace('runbook:', 'pki: ./hers\nrunbook:'));
  expect(await site.tandem('hosts')).toMatchObject({ code: 2, err: holding('operator.crt:1:1: found a certificate that was revoked on') });
});
test('a pki folder that is behind the hosts is told, and what they hold stays', async () => {
  await enrol(await host.code());
  const behind = join(site.folder, 'behind');
  cpSync(pki, behind, { recursive: true });
  for (const name of ['ann', 'bob']) {
    await site.tandem('pki', 'issue', name, '--role', 'observer');
    await site.tandem('pki', 'revoke', name, '--reason', 'left');
  }
  expect(await site.tandem('pki', 'publish')).toMatchObject({ code: 0, out: 'h1: taken, number 2' });
  const held = readFileSync(join(host.certs, 'ca.crl'));
  writeFileSync(join(site.folder, 'site.yaml'), readFileSync(join(site.folder, 'site.yaml'), 'utf8').replace('runbook:', 'pki: ./behind\nrunbook:'));
  const told = 'Next: this pki folder is behind: work with the newest copy of it, or restore its ledger.jsonl and ca.crl';
  for (const [name, words] of [['eve', 'h1: not taken: it holds a newer list, number 2; this one is number 1'], ['eva', 'h1: not taken: it holds another list with the same number 2']] as const) {
    await site.tandem('pki', 'issue', name, '--role', 'observer');
    await site.tandem('pki', 'revoke', name, '--reason', 'left too');
    expect(await site.tandem('pki', 'publish')).toMatchObject({ code: 3, out: words, err: holding(told) });
    expect(readFileSync(join(host.certs, 'ca.crl'))).toEqual(held);
  }
});

test('a list too long to go with a certificate is told, and publishing brings it', async () => {
  const authority = { certificatePem: readFileSync(join(pki, 'ca.crt'), 'utf8'), keyPem: readFileSync(join(pki, 'ca.key'), 'utf8') };
  const many = Array.from({ length: 1000 }, (_, n) => ({ serial: `70${n.toString(16).padStart(30, '0')}`, atMs: Date.now() }));
  writeFileSync(join(pki, 'ca.crl'), await createList(authority, 1, many, Date.now()));
  expect(await enrol(await host.code())).toMatchObject({ code: 0, out: holding('too long to go with a certificate'), err: 'Next: tandem pki publish' });
  expect(existsSync(join(host.certs, 'ca.crl'))).toBe(false);
  expect(await site.tandem('pki', 'publish')).toMatchObject({ code: 0, out: 'h1: taken, number 1' });
});
