import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JournalCorrupt } from '../../../proto/journal.ts';
import { createAuthority } from '../../../coordinator/pki/certificates.ts';
import { keySha256, serialOf } from '../../../coordinator/pki/checks.ts';
import { initPki, issueFor } from '../../../coordinator/pki/folder.ts';
import { certificatesIn, readLedger, stateOf, withLedger, type Certificate } from '../../../coordinator/pki/ledger.ts';
import { revoke } from '../../../coordinator/pki/revoke.ts';

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

test('every certificate that is made stands in the ledger: whose, until when, by whom, why', async () => {
  await issueFor(folder, 'agent', 'h1', [], NOW_MS);
  const certificate = new X509Certificate(text('issued/h1/agent.crt'));
  expect(ledger().map(({ role, name, reason }) => [role, name, reason])).toEqual([['authority', 'ca', 'pki init'], ['operator', 'operator', 'pki init'], ['agent', 'h1', 'pki issue']]);
  expect(of('h1')).toEqual([{ type: 'issued', role: 'agent', name: 'h1', serial: serialOf(certificate.serialNumber), keySha256: keySha256(certificate), notAfterMs: certificate.validToDate.getTime(), by: expect.stringMatching(/^operator, \S+@\S+$/) as string, atMs: NOW_MS, reason: 'pki issue', revoked: undefined }]);
});

test('a folder from before the ledger: it begins with what lies there, and is not begun by reading', async () => {
  await issueFor(folder, 'agent', 'h1', [], NOW_MS);
  await issueFor(folder, 'observer', 'eye', [], NOW_MS);
  const before = ledger().map(({ serial }) => serial).sort();
  unlinkSync(file('ledger.jsonl'));
  writeFileSync(file('issued/eye/agent.crt'), 'no certificate');
  writeFileSync(file('observer.crt'), (await createAuthority('lab', NOW_MS)).certificatePem); // of another authority
  expect(ledger().map(({ serial }) => serial).sort()).toEqual(before);
  expect(of('h1')).toMatchObject([{ reason: 'found in issued/h1/agent.crt', by: 'unknown' }]);
  expect(existsSync(file('ledger.jsonl'))).toBe(false);
  await take('h1');
  expect(of('h1')).toMatchObject([{ reason: 'found in issued/h1/agent.crt', revoked: { reason: 'test' } }]);
  expect(text('ledger.jsonl').split('\n')).toHaveLength(4 + 1 + 1 + 1);
});

test('a ledger that was tampered with is not gone on with', async () => {
  writeFileSync(file('ledger.jsonl'), text('ledger.jsonl').replace('"name":"ca"', '"name":"cb"'));
  expect(() => readLedger(folder)).toThrow(JournalCorrupt);
  await expect(issueFor(folder, 'agent', 'h1', [], NOW_MS)).rejects.toThrow(JournalCorrupt);
  expect(existsSync(file('issued/h1/agent.key'))).toBe(false);
});

test('writers wait for each other', async () => {
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map(async (name) => await issueFor(folder, 'observer', name, [], NOW_MS)));
  expect(ledger().filter(({ role }) => role === 'observer').map(({ name }) => name).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  const order: string[] = [];
  const first = withLedger(folder, async () => { order.push('first in'); await sleep(200); order.push('first out'); });
  await expect.poll(() => order).toEqual(['first in']);
  await withLedger(folder, () => { order.push('second'); });
  await first;
  expect(order).toEqual(['first in', 'first out', 'second']);
  await expect(withLedger(folder, () => { throw new Error('broke off'); })).rejects.toThrow('broke off');
  await withLedger(folder, () => { order.push('free again'); });
  expect(order.at(-1)).toBe('free again');
});

test('another process waits too; one that was killed holds nothing; the folder may have a long path', async () => {
  const long = join(folder, 'f'.repeat(120)), ready = join(folder, '..', 'ready');
  mkdirSync(long);
  const script = `import { withLedger } from ${JSON.stringify(join(import.meta.dirname, '../../../coordinator/pki/ledger.ts'))};
    import { writeFileSync } from 'node:fs';
    await withLedger(${JSON.stringify(long)}, async () => { writeFileSync(${JSON.stringify(ready)}, ''); await new Promise((done) => { setTimeout(done, 60_000); }); });`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: 'inherit' }), ended = new Promise((resolve) => { child.once('exit', resolve); });
  try {
    await expect.poll(() => existsSync(ready), { timeout: 20_000 }).toBe(true);
    expect(statSync(join(long, 'ledger.sock')).isSocket()).toBe(true);
    let inside = false;
    const waiting = withLedger(long, () => { inside = true; });
    await sleep(500);
    expect(inside).toBe(false);
    child.kill('SIGKILL');
    await ended;
    await waiting;
    expect(readdirSync(long)).toEqual(['ledger.jsonl']);
  } finally { child.kill('SIGKILL'); }
}, 40_000);

test('states: valid, expiring within 30 days, expired, revoked', () => {
  const notAfterMs = NOW_MS + 100 * DAY_MS, state = (atMs: number, revoked?: Certificate['revoked']): string => stateOf({ notAfterMs, revoked }, atMs);
  expect([state(NOW_MS), state(NOW_MS + 70 * DAY_MS), state(NOW_MS + 70 * DAY_MS + 1), state(notAfterMs), state(notAfterMs + 1), state(NOW_MS, {} as Certificate['revoked'])])
    .toEqual(['valid', 'valid', 'expiring', 'expiring', 'expired', 'revoked']);
});
