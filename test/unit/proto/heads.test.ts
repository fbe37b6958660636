import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { createAuthority, issue, type KeyPair } from '../../../coordinator/pki/certificates.ts';
import { headTrouble, signHead, type Expected, type SignedHead } from '../../../proto/heads.ts';
import { agentService, headFromWire, headToWire } from '../../../proto/wire.ts';

const NOW = Date.now(), YEAR_MS = 365 * 86_400_000;
let authority: KeyPair, stranger: KeyPair, agent: KeyPair, operator: KeyPair, observer: KeyPair, expected: Expected, head: SignedHead;
const signer = (pair: KeyPair): { certificate: string; key: string } => ({ certificate: pair.certificatePem, key: pair.keyPem });

beforeAll(async () => {
  authority = await createAuthority('lab', NOW);
  stranger = await createAuthority('lab', NOW);
  agent = await issue(authority, 'agent', 'lab', 'h1', NOW);
  operator = await issue(authority, 'operator', 'lab', 'h1', NOW);
  observer = await issue(authority, 'observer', 'lab', 'h1', NOW);
  expected = { run: 'r1', role: 'agent', of: 'h1', site: 'lab', ca: authority.certificatePem, atMs: NOW };
  head = signHead('r1', { n: 7, hash: 'a'.repeat(64) }, signer(agent));
});

test('a head holds for its run, number, hash, name, role, site and time', () => {
  expect(head.of).toBe('h1');
  expect(headTrouble(head, expected)).toBeUndefined();
});

test('and for no other', async () => {
  const inOtherSite = await issue(authority, 'agent', 'other', 'h1', NOW), ofStranger = await issue(stranger, 'agent', 'lab', 'h1', NOW);
  const notIts = 'its signature does not hold', troubles: [string, SignedHead, Partial<Expected>][] = [
    [notIts, { ...head, n: 8 }, {}], [notIts, { ...head, hash: `b${head.hash.slice(1)}` }, {}], [notIts, head, { run: 'r2' }],
    [notIts, { ...head, signature: '' }, {}], [notIts, { ...head, signature: Buffer.from('no DER').toString('base64') }, {}],
    [notIts, { ...head, certificatePem: (await issue(authority, 'agent', 'lab', 'h1', NOW)).certificatePem }, {}],
    ['expected agent h2', { ...head, of: 'h2' }, {}], ['signed by h1, expected h2', head, { of: 'h2' }],
    ['of operator h1, expected agent', signHead('r1', head, signer(operator)), {}], ['of observer h1, expected operator', signHead('r1', head, signer(observer)), { role: 'operator' }],
    ['of site other, expected lab', signHead('r1', head, signer(inOtherSite)), {}], ["authority has not signed", signHead('r1', head, signer(ofStranger)), {}],
    ['not valid then', head, { atMs: NOW - 2 * 3_600_000 }], ['not valid then', head, { atMs: NOW + 3 * YEAR_MS }],
    ['its certificate is damaged', { ...head, certificatePem: 'x' }, {}], ['certificate of the authority is damaged', head, { ca: 'x' }],
    ["authority has not signed", head, { ca: agent.certificatePem }],
  ];
  for (const [words, given, other] of troubles) expect(headTrouble(given, { ...expected, ...other }), words).toContain(words);
});

test('a certificate that has lapsed since still proves what was signed while it was valid', () => {
  expect(headTrouble(head, { ...expected, atMs: NOW + YEAR_MS })).toBeUndefined();
});

test('a key that the certificate does not name signs for nobody', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forged = signHead('r1', head, { certificate: agent.certificatePem, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) });
  expect(headTrouble(forged, expected)).toBe('its signature does not hold');
  expect(() => signHead('r1', head, { certificate: authority.certificatePem, key: authority.keyPem })).toThrow(TypeError);
});

test('what is signed is canonical JSON of format, site, run, name, number and hash', () => {
  const text = `{"format":"tandem head 1","hash":"${head.hash}","n":7,"of":"h1","run":"r1","site":"lab"}`;
  const signature = sign('sha256', Buffer.from(text), createPrivateKey(agent.keyPem)).toString('base64');
  expect(headTrouble({ ...head, signature }, expected)).toBeUndefined();
});

test('a head crosses the wire unchanged', () => {
  const exchange = agentService['ExchangeHeads'];
  if (exchange === undefined) throw new Error('no ExchangeHeads in the contract');
  const message = exchange.responseDeserialize(exchange.responseSerialize({ head: headToWire(head) })) as { head: unknown };
  expect(headFromWire(message.head)).toEqual(head);
});
