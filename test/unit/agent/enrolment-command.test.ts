// `tandem agent enrol` and the files of an enrolment: the key is made once, a code is one at a time, by file the same checks hold.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { enrol, type EnrolOptions } from '../../../agent/enrolment/enrol.ts';
import { hostKey } from '../../../agent/enrolment/key.ts';
import { PendingCode, standingOf } from '../../../agent/enrolment/pending.ts';
import { selfSigned } from '../../../agent/enrolment/request.ts';
import { agentStatus } from '../../../agent/status.ts';
import { certify, createAuthority, requestOf, type KeyPair } from '../../../coordinator/pki/certificates.ts';
import { createList } from '../../../coordinator/pki/revocation-list.ts';
import { main } from '../../../agent/main.ts';
import { codeOf, codeText, type Code } from '../../../proto/enrolment.ts';
import type { FileStat, Probe } from '../../../agent/host/host.ts';

let folder: string, certs: string, state: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'enrol-')); [certs, state] = [join(folder, 'pki'), join(folder, 'state')]; });
afterEach(() => { rmSync(folder, { recursive: true }); });

const run = async (more: Partial<EnrolOptions> = {}): Promise<string> => (await enrol({ certs, state, minutes: 60, again: false, name: 'h1', ...more })).join('\n');
const codeIn = (said: string) => codeOf(/^code +(\S+)$/m.exec(said)?.[1] ?? '');
const fingerprintIn = (signed: string): string => new X509Certificate(readFileSync(join(signed, 'ca.crt'))).fingerprint256;
/** As a person does who was told the right authority. */
const install = async (signed: string, more: Partial<EnrolOptions> = {}): Promise<string> => await run({ certificate: signed, authority: fingerprintIn(signed), ...more });
const current = () => new PendingCode(state).current(hostKey(certs).fingerprint, Date.now());

/** What the coordinator's folder holds for this request. */
async function signedFolder(name: string, request: string, authority?: KeyPair, crlPem?: string): Promise<string> {
  const signer = authority ?? await createAuthority('lab', Date.now()), read = await requestOf(readFileSync(request, 'utf8')), into = join(folder, `signed-${name}-${String(readdirSync(folder).length)}`);
  if (typeof read === 'string') throw new Error(read);
  mkdirSync(into);
  writeFileSync(join(into, 'agent.crt'), await certify(signer, read.key, 'agent', 'lab', name, Date.now(), []));
  writeFileSync(join(into, 'ca.crt'), signer.certificatePem);
  if (crlPem !== undefined) writeFileSync(join(into, 'ca.crl'), crlPem);
  return into;
}

test('it makes the key once and a code that names it, and says what to do next', async () => {
  const said = await run(), code = codeIn(said), pem = readFileSync(join(certs, 'agent.key'), 'utf8');
  expect(code).toMatchObject({ fingerprint: hostKey(certs).fingerprint });
  expect(said).toMatch(/^ {2}tandem enrol h1 --code -$/m); // on a command line the code would stand in the history and the process list
  expect(said.split(codeText(code as Code))).toHaveLength(2);
  expect(said.replaceAll(':', '').toLowerCase()).toContain(`fingerprint  ${hostKey(certs).fingerprint.toString('hex')}`);
  expect([join(certs, 'agent.key'), join(state, 'enrolment.json')].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
  await run();
  expect(readFileSync(join(certs, 'agent.key'), 'utf8')).toBe(pem);
  expect(readdirSync(certs)).toEqual(['agent.key']);
});

test('the fingerprint is the one that openssl and the coordinator compute', async () => {
  await run();
  const der = execFileSync('openssl', ['pkey', '-in', join(certs, 'agent.key'), '-pubout', '-outform', 'DER']);
  const sum = execFileSync('openssl', ['dgst', '-sha256', '-binary'], { input: der });
  expect(hostKey(certs).fingerprint.equals(sum)).toBe(true);
});

test('a new code makes the old one void; each lives for its minutes', async () => {
  const first = codeIn(await run({ minutes: 5 })), second = codeIn(await run({ minutes: 1440 }));
  expect(first).not.toEqual(second);
  expect(current()).toMatchObject({ code: second });
  const kept = readFileSync(join(state, 'enrolment.json'), 'utf8'), { untilMs, madeMs } = JSON.parse(kept) as { untilMs: number; madeMs: number };
  expect(untilMs - madeMs).toBe(86_400_000);
  expect([standingOf(kept, undefined, untilMs), typeof standingOf(kept, undefined, untilMs - 1)]).toEqual(['expired', 'object']);
});

test('a code for another key, a spoilt file and no file are no code', async () => {
  await run();
  rmSync(join(certs, 'agent.key'));
  expect(current()).toBe('none');
  for (const text of ['', 'null', '[]', '{', '{"code":1}', '{"code":"AAAAA","madeMs":0,"untilMs":9e15}']) {
    writeFileSync(join(state, 'enrolment.json'), text);
    expect(current(), text).toBe('none');
  }
});

test('two who find no key at the same time end with one', () => {
  const script = `import('${join(import.meta.dirname, '../../../agent/enrolment/key.ts')}').then(({ hostKey }) => { console.log(hostKey(process.argv[1]).fingerprint.toString('hex')); });`;
  const both = `for n in 1 2 3; do "$0" -e "$1" "$2" & done; wait`;
  const said = execFileSync('/bin/sh', ['-c', both, process.execPath, script, certs], { encoding: 'utf8' }).trim().split('\n');
  expect([said.length, new Set(said).size]).toEqual([3, 1]);
  expect(readdirSync(certs)).toEqual(['agent.key']);
});

test('a key that others may read, and one of another kind, are refused', async () => {
  await run();
  chmodSync(join(certs, 'agent.key'), 0o640);
  await expect(run()).rejects.toThrow('has mode 0640: others may read it; expected 0600');
  writeFileSync(join(certs, 'agent.key'), generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  chmodSync(join(certs, 'agent.key'), 0o600);
  await expect(run()).rejects.toThrow('another kind of key than ECDSA P-256');
});

test('by file: a request out, a certificate in, the code gone', async () => {
  const request = join(folder, 'h1.csr');
  await run();
  expect(await run({ request })).toContain(`request      ${request}`);
  await expect(run({ request })).rejects.toThrow(`${request} is there already`);
  const signed = await signedFolder('h1', request), said = await install(signed);
  expect(said).toMatch(/^Enrolled as h1 of site lab, until 20/);
  expect(said).toContain(`authority    ${fingerprintIn(signed)}`);
  expect(new X509Certificate(readFileSync(join(certs, 'agent.crt'))).checkPrivateKey(hostKey(certs).privateKey)).toBe(true);
  expect(readdirSync(certs).sort()).toEqual(['agent.crt', 'agent.key', 'ca.crt']);
  expect(existsSync(join(state, 'enrolment.json'))).toBe(false);
});

test('by file the same is refused as over the wire, and nothing is changed', async () => {
  const request = join(folder, 'h1.csr'), elsewhere = join(folder, 'h2.csr'), other = await createAuthority('lab', Date.now());
  await run({ request });
  await enrol({ certs: join(folder, 'pki2'), state, minutes: 60, again: false, request: elsewhere });
  await expect(install(await signedFolder('h1', elsewhere))).rejects.toThrow("another key than this host's agent.key");
  await expect(install(await signedFolder('h2', request))).rejects.toThrow('agent.crt is of h2, not of h1');
  await expect(install(await signedFolder('h1', request, undefined, await createList(other, 1, [], Date.now())))).rejects.toThrow('has not signed');
  const mixed = await signedFolder('h1', request);
  writeFileSync(join(mixed, 'ca.crt'), other.certificatePem);
  await expect(install(mixed)).rejects.toThrow('ca.crt has not signed agent.crt');
  writeFileSync(join(mixed, 'agent.crt'), Buffer.alloc(1024 * 1024 + 1, 'x'));
  await expect(install(mixed)).rejects.toThrow('is larger than');
  await expect(run({ certificate: join(folder, 'nowhere'), authority: fingerprintIn(mixed) })).rejects.toThrow('ENOENT');
  await expect(run({ certificate: mixed, request })).rejects.toThrow('one at a time');
  expect(readdirSync(certs)).toEqual(['agent.key']);
});

test('a host that is enrolled is enrolled again only when that is asked for', async () => {
  const request = join(folder, 'h1.csr');
  await run({ request });
  await install(await signedFolder('h1', request));
  const before = readFileSync(join(certs, 'agent.crt'), 'utf8');
  for (const more of [{}, { request: join(folder, 'x') }, { certificate: folder, authority: 'x' }]) await expect(run(more)).rejects.toThrow(/this host is enrolled already, until 20\d\d-\d\d-\d\d; to enrol it again: --again/);
  await run({ again: true, request: join(folder, 'again.csr') });
  expect(readFileSync(join(certs, 'agent.crt'), 'utf8')).toBe(before); // serves until the new one is here
  expect(await install(await signedFolder('h1', request), { again: true })).toContain('systemctl restart tandem-agent');
  expect(readFileSync(join(certs, 'agent.crt.old'), 'utf8')).toBe(before);
  expect(readFileSync(join(certs, 'agent.crt'), 'utf8')).not.toBe(before);
  const second = readFileSync(join(certs, 'agent.crt'), 'utf8'), said = await run({ again: true });
  expect(said).toMatch(/stays in force until the new one has come.*\nNext, here: systemctl restart tandem-agent\nThen, on the coordinator:\n {2}tandem enrol h1 --code - --again --reason TEXT/);
  expect(readFileSync(join(certs, 'agent.crt'), 'utf8')).toBe(second);
  rmSync(join(certs, 'agent.key')); // a new key is wanted
  expect(await run({ again: true })).toMatch(/does not fit this host's key and ca\.crt: from the restart on this host is not enrolled/);
});

test("by file, a stranger's folder is refused by its authority, in whatever form the right one was given, and leaves nothing behind", async () => {
  const request = join(folder, 'h1.csr'), authority = await createAuthority('lab', Date.now());
  await run({ request });
  const ours = await signedFolder('h1', request, authority), theirs = await signedFolder('h1', request), told = fingerprintIn(ours);
  for (const given of [told, told.replaceAll(':', ''), told.toLowerCase()]) await expect(run({ certificate: theirs, authority: given })).rejects.toThrow(`ca.crt is another authority's than --authority names: its fingerprint is ${fingerprintIn(theirs)}`);
  expect(readdirSync(certs)).toEqual(['agent.key']);
  await expect(run({ certs: join(folder, 'none'), certificate: theirs, authority: told })).rejects.toThrow('another authority');
  expect(existsSync(join(folder, 'none'))).toBe(false); // not even a key was made
  await expect(run({ certificate: ours })).rejects.toThrow('--certificate without --authority FINGERPRINT');
  await expect(run({ authority: told })).rejects.toThrow('with --certificate only');
  expect(await run({ certificate: ours, authority: told.replaceAll(':', '').toLowerCase() })).toContain('Enrolled as h1');
  const openssl = execFileSync('openssl', ['x509', '-in', join(ours, 'ca.crt'), '-noout', '-fingerprint', '-sha256'], { encoding: 'utf8' });
  expect(openssl.trim().split('=')[1]).toBe(told);
});

test('on the command line --authority is a fingerprint, and a run on the host holds off --certificate --again too', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined), told = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const where = ['enrol', '--certs', certs, '--state', state, '--certificate', folder];
  for (const bad of ['', 'AB', 'g'.repeat(64), 'a'.repeat(63), 'AB:'.repeat(32)]) expect(await main([...where, '--authority', bad]), bad).toBe(2);
  expect(await main(where)).toBe(1);
  expect(said).toHaveBeenLastCalledWith(expect.stringContaining('--certificate without --authority'));
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, 'lease.json'), JSON.stringify({ run: 'r1', owner: 'ops', fence: 1, expiresMs: Date.now() + 60_000 }));
  for (const more of [['--certificate', folder, '--authority', 'a'.repeat(64)], []]) {
    expect(await main(['enrol', '--certs', certs, '--state', state, '--again', ...more])).toBe(1);
    expect(said).toHaveBeenLastCalledWith('tandem agent: a run is on this host (run r1 of ops holds this host); enrol it again when that has ended');
  }
  expect(existsSync(certs)).toBe(false);
  said.mockRestore();
  told.mockRestore();
});

test.each(['ca.crt.new', 'agent.crt.new', 'agent.crt.old'])('by file, where the disk does not take %s, what was there stands', async (name) => {
  const request = join(folder, 'h1.csr');
  await run({ request });
  await install(await signedFolder('h1', request));
  const files = ['agent.crt', 'ca.crt'], texts = () => files.map((file) => readFileSync(join(certs, file), 'utf8')), before = texts();
  mkdirSync(join(certs, name)); // nothing can be written there
  const signed = await signedFolder('h1', request);
  await expect(install(signed, { again: true })).rejects.toThrow(/; nothing was changed$/);
  expect([texts(), readdirSync(certs).sort()]).toEqual([before, ['agent.crt', 'agent.key', 'ca.crt', name].sort()]);
  rmSync(join(certs, name), { recursive: true });
  await install(signed, { again: true });
  expect(readFileSync(join(certs, 'agent.crt.old'), 'utf8')).toBe(before[0]);
});

test('what the agent shows before it is enrolled says nothing but its key', async () => {
  const certificate = new X509Certificate(await selfSigned(hostKey(certs)));
  expect(certificate.checkPrivateKey(hostKey(certs).privateKey)).toBe(true);
  expect([certificate.validFrom, certificate.ca, certificate.subject]).toEqual(['Jan  1 00:00:00 2000 GMT', false, 'CN=Tandem agent that is not enrolled']);
});

test('status says how it is with the enrolment', async () => {
  const files = new Map<string, string>(), at = (part: string) => join(state, part);
  const probe = {
    read: async () => ({ exitCode: 0, stdout: 'Id=tandem-agent.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=1\n', stderr: '' }),
    readFile: async (path: string) => files.get(path), stat: async (): Promise<FileStat | undefined> => undefined, list: async () => [],
  } as unknown as Probe;
  const says = async (): Promise<string> => (await agentStatus(probe, state, '0')).lines.find((line) => line.startsWith('enrolled')) ?? '';
  expect(await says()).toMatch(/^enrolled {3}no: .*; no code is open \(tandem agent enrol\)$/);
  await run();
  files.set(at('enrolment.json'), readFileSync(at('enrolment.json'), 'utf8'));
  expect(await says()).toMatch(/; a code is open until 20\d\d-\d\d-\d\d \d\d:\d\d UTC$/);
  const code = current();
  if (typeof code === 'string') throw new Error(code);
  writeFileSync(at('enrolment-tries.json'), JSON.stringify({ code: createHash('sha256').update(code.code.secret).digest('hex').slice(0, 16), wrong: 999 }));
  new PendingCode(state).countWrong(code.code);
  files.set(at('enrolment-tries.json'), readFileSync(at('enrolment-tries.json'), 'utf8'));
  expect(await says()).toMatch(/its code is void after 1000 wrong proofs/);
  const authority = await createAuthority('lab', Date.now()), request = join(folder, 'h1.csr'), DAY_MS = 86_400_000;
  await run({ request });
  const read = await requestOf(readFileSync(request, 'utf8'));
  if (typeof read === 'string') throw new Error(read);
  for (const [age, expected] of [[0, /^enrolled {3}as lab\/agent\/h1, until .* GMT$/], [710, /\(warn: ends in 19 days\)$/], [728, /\(critical: ends in 1 days\)$/]] as const) {
    files.set('/etc/tandem/pki/agent.crt', await certify(authority, read.key, 'agent', 'lab', 'h1', Date.now() - age * DAY_MS, []));
    expect(await says()).toMatch(expected);
  }
  files.set('/etc/tandem/pki/ca.crt', (await createAuthority('lab', Date.now() - 3630 * DAY_MS)).certificatePem);
  files.set('/etc/tandem/pki/agent.crt', await certify(authority, read.key, 'agent', 'lab', 'h1', Date.now(), []));
  expect(await says()).toMatch(/\(warn: the site's authority ends in 19 days\)$/);
});
