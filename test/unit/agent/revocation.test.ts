// The agent's revocation list: what was read stays in force, whatever happens to the file; only the site's authority may change it.
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { serialOf } from '../../../agent/enrolment/revoked.ts';
import { Refused } from '../../../agent/refused.ts';
import { RevocationKeeper } from '../../../agent/revocation.ts';
import { createAuthority, issue, type KeyPair } from '../../../coordinator/pki/certificates.ts';
import { createList } from '../../../coordinator/pki/revocation-list.ts';
import { KEY, keyFromPem, x509 } from '../../../coordinator/pki/x509.ts';

const DAY_MS = 86_400_000, EVE = '0a1b2c3d', OTHER = '7f000001';
let authority: KeyPair, stranger: KeyPair, own: KeyPair;
beforeAll(async () => {
  [authority, stranger] = [await createAuthority('lab', Date.now()), await createAuthority('lab', Date.now())];
  own = await issue(authority, 'agent', 'lab', 'h1', Date.now());
});

let folder: string, file: string, keeper: RevocationKeeper;
const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'revocation-'));
  file = join(folder, 'ca.crl');
  keeper = started();
  said.mockClear();
});
afterEach(() => { rmSync(folder, { recursive: true }); });

/** As after a start of the agent. */
const started = (): RevocationKeeper => new RevocationKeeper(file, Buffer.from(authority.certificatePem), Buffer.from(own.certificatePem));
const list = async (number: number, serials: string[] = [EVE], { by = authority, atMs = Date.now() } = {}): Promise<string> =>
  await createList(by, number, serials.map((serial) => ({ serial, atMs })), atMs);
const revoked = async (serial = EVE): Promise<boolean> => (await keeper.current()).revokedOn(serial) !== undefined;
const item = async () => (await keeper.current()).item;

test('without a file nobody is revoked, and that is well', async () => {
  expect([await revoked(), (await item()).grade, (await item()).reason]).toEqual([false, 'ok', 'none']);
});

test('a list is obeyed from the next question on after it was put there, and so is a newer one', async () => {
  expect(await revoked()).toBe(false);
  writeFileSync(file, await list(1));
  expect([await revoked(), await revoked(OTHER)]).toEqual([true, false]);
  expect(await item()).toMatchObject({ grade: 'ok', values: { number: 1, revoked: 1 } });
  writeFileSync(file, await list(2, [EVE, OTHER]));
  expect([await revoked(), await revoked(OTHER)]).toEqual([true, true]);
});

test('serial numbers are compared whatever their case and zeros', async () => {
  writeFileSync(file, await list(1, ['00ab01']));
  for (const serial of ['AB01', 'ab01', '00AB01', '0:AB:01', '0000000ab01']) expect(await revoked(serial), serial).toBe(true);
  for (const serial of ['', '0', 'AB010', 'AB1']) expect(await revoked(serial), serial).toBe(false);
  expect([serialOf('0'), serialOf('000'), serialOf('')]).toEqual(['0', '0', '']);
});

test("the serial of a TLS peer is found in openssl's own list", async () => {
  // openssl ca -gencrl of openssl 3.0, with this authority
  for (const [name, text] of [['ca.crt', authority.certificatePem], ['ca.key', authority.keyPem], ['h1.crt', own.certificatePem], ['index', ''], ['number', '0A\n'],
    ['ca.cnf', `[ca]\ndefault_ca=x\n[x]\ndatabase=${folder}/index\ncrlnumber=${folder}/number\ndefault_md=sha256\ncertificate=${folder}/ca.crt\nprivate_key=${folder}/ca.key\ndefault_crl_days=30\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n`]] as const) writeFileSync(join(folder, name), text);
  const openssl = (...args: string[]) => execFileSync('openssl', ['ca', '-config', join(folder, 'ca.cnf'), ...args], { stdio: 'pipe' });
  openssl('-revoke', join(folder, 'h1.crt'));
  openssl('-gencrl', '-out', file);
  expect(await revoked(new X509Certificate(own.certificatePem).serialNumber)).toBe(true);
  expect(await item()).toMatchObject({ grade: 'critical', values: { number: 10, revoked: 1 } });
});

test.each<[string, RegExp, () => Promise<string> | string]>([
  ['garbage', /text that is no revocation list/, () => 'nonsense'],
  ['nothing', /text that is no revocation list/, () => ''],
  ['a certificate', /text that is no revocation list/, () => authority.certificatePem],
  ['half a list', /text that is no revocation list/, async () => (await list(3)).slice(0, 200)],
  ["another authority's list", /the site's authority has not signed/, async () => await list(3, [], { by: stranger })],
  ['a changed list', /text that is no revocation list|has not signed/, async () => flipped(await list(3, []))],
  ['an older list', /has number 1, an older one/, async () => await list(1, [])],
])('%s in place of the list changes nothing, and health says so', async (_what, why, text) => {
  writeFileSync(file, await list(2));
  expect(await revoked()).toBe(true);
  writeFileSync(file, await text());
  expect(await revoked()).toBe(true);
  const { grade, reason } = await item();
  expect([grade, reason]).toEqual(['warn', expect.stringMatching(why)]);
  expect(reason).toMatch(/; number 2 of \S+ is in force$/);
  expect(said).toHaveBeenCalledTimes(1);
  writeFileSync(file, await list(3));
  expect(await item()).toMatchObject({ grade: 'ok', values: { number: 3 } });
});

/** One bit of the signature or before it. */
function flipped(pem: string): string {
  const lines = pem.trim().split('\n'), der = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  der[der.length - 10] = (der[der.length - 10] ?? 0) ^ 1;
  return `${lines[0] ?? ''}\n${der.toString('base64')}\n${lines.at(-1) ?? ''}\n`;
}

test('a list of changes only, and one that names no next, must not be taken for the whole: they are refused', async () => {
  const number = new x509.Extension('2.5.29.20', false, Buffer.from([0x02, 0x01, 0x02])), delta = new x509.Extension('2.5.29.27', true, Buffer.from([0x02, 0x01, 0x01])); // RFC 5280, 5.2.4
  const nextUpdate = new Date(Date.now() + DAY_MS), issuer = new x509.X509Certificate(authority.certificatePem).subjectName;
  for (const [more, why] of [[{ extensions: [number, delta], nextUpdate }, 'covers only a part'], [{ extensions: [number] }, 'does not say when the next one is due']] as const) {
    writeFileSync(file, await list(1));
    expect((await item()).grade).toBe('ok');
    const made = await x509.X509CrlGenerator.create({ issuer, signingAlgorithm: KEY, signingKey: await keyFromPem(authority.keyPem), entries: [], ...more, extensions: [...more.extensions] });
    writeFileSync(file, x509.PemConverter.encode(made.rawData, 'X509 CRL'));
    expect([await revoked(), (await item()).reason]).toEqual([true, expect.stringContaining(why)]);
  }
});

test('garbage from the start is told: nobody is known to be revoked', async () => {
  writeFileSync(file, 'nonsense');
  expect(await item()).toMatchObject({ grade: 'warn', reason: expect.stringContaining('no list is in force') as string });
});

test('a list that was taken away stays in force until the agent is started anew', async () => {
  writeFileSync(file, await list(1));
  expect(await revoked()).toBe(true);
  rmSync(file);
  expect(await revoked()).toBe(true);
  expect(await item()).toMatchObject({ grade: 'warn', reason: expect.stringContaining('was taken away; number 1') as string });
  keeper = started();
  expect(await item()).toMatchObject({ grade: 'ok', reason: 'none' });
});

test('a list past its date is obeyed all the same, and health warns', async () => {
  writeFileSync(file, await list(1, [EVE], { atMs: Date.now() - 31 * DAY_MS }));
  expect(await revoked()).toBe(true);
  expect(await item()).toMatchObject({ grade: 'warn', reason: expect.stringContaining('a newer one was due on') as string });
});

test('a file that only looks unchanged is read again', async () => {
  writeFileSync(file, await list(1));
  const when = new Date();
  utimesSync(file, when, when);
  await revoked();
  writeFileSync(file, (await list(2, [OTHER])));
  utimesSync(file, when, when);
  expect([await revoked(), await revoked(OTHER)]).toEqual([false, true]);
});

test('its own certificate in the list is critical and in the log, once', async () => {
  const serial = new X509Certificate(own.certificatePem).serialNumber;
  writeFileSync(file, await list(1, [serial]));
  expect(await item()).toMatchObject({ grade: 'critical', reason: expect.stringContaining(`own certificate ${serialOf(serial)} was revoked`) as string });
  writeFileSync(file, await list(2, [serial, EVE]));
  expect((await item()).grade).toBe('critical');
  expect(said).toHaveBeenCalledTimes(1);
});

test('put takes a newer list onto the disk, and no older, equal or foreign one', async () => {
  expect(await keeper.put(await list(2))).toEqual({ taken: true, number: 2 });
  expect([await revoked(), await (async () => { keeper = started(); return await revoked(); })()]).toEqual([true, true]);
  const kept = readFileSync(file, 'utf8');
  expect(await keeper.put(kept)).toEqual({ taken: false, number: 2 });
  await expect(keeper.put(await list(2, []))).rejects.toThrow(Refused);
  await expect(keeper.put(await list(2, []))).rejects.toThrow(/^this host holds another revocation list with the same number 2, of .*: the pki folder that signed this one is behind/);
  expect(await keeper.put(await list(1, []))).toEqual({ taken: false, number: 2 });
  await expect(keeper.put(await list(9, [], { by: stranger }))).rejects.toThrow("a revocation list that the site's authority has not signed");
  for (const text of ['', 'x', authority.certificatePem]) await expect(keeper.put(text)).rejects.toThrow(TypeError);
  expect([readFileSync(file, 'utf8'), await revoked()]).toEqual([kept, true]);
});

test('put brings back what garbage or a loss took away; of many at once the newest stays', async () => {
  writeFileSync(file, 'nonsense');
  expect(await keeper.put(await list(1))).toEqual({ taken: true, number: 1 });
  expect((await item()).grade).toBe('ok');
  const lists = await Promise.all([5, 3, 6, 4, 2].map(async (number) => await list(number)));
  await Promise.all(lists.map(async (pem) => await keeper.put(pem)));
  expect([(await item()).values['number'], await keeper.put(lists[2] ?? '').then(({ taken }) => taken)]).toEqual([6, false]);
  for (const spoil of [() => { rmSync(file); }, () => { writeFileSync(file, 'nonsense'); }]) {
    spoil();
    expect(await keeper.put(lists[2] ?? '')).toEqual({ taken: true, number: 6 }); // the same one again
    expect((await item()).grade).toBe('ok');
  }
  keeper = started();
  expect((await item()).values['number']).toBe(6);
});
