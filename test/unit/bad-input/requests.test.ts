import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { expect, test } from 'vitest';
import { InputError } from '../../../coordinator/input/problem.ts';
import { keyOfRequest } from '../../../coordinator/pki/enrol.ts';
import { KEY, x509 } from '../../../coordinator/pki/x509.ts';

const PLACE = { file: 'h1.csr', line: 1, column: 1 };
async function refusal(csr: string): Promise<string> {
  try { return await keyOfRequest(csr, PLACE); } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.message;
  }
}
async function request(algorithm: object): Promise<x509.Pkcs10CertificateRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm as typeof KEY, true, ['sign', 'verify']);
  return await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=h1', keys, signingAlgorithm: algorithm as typeof KEY });
}
const NONE = 'h1.csr:1:1: found text that is no certificate signing request, expected one made by tandem agent enrol';

test('a request is taken, and names its key', async () => {
  expect(await refusal((await request(KEY)).toString('pem'))).toMatch(/^[0-9a-f]{64}$/);
});

test.each([
  ['nothing', ''], ['words', 'hello'], ['a key', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string],
  ['half a request', '-----BEGIN CERTIFICATE REQUEST-----\nMIHN\n-----END CERTIFICATE REQUEST-----\n'], ['no base64', '-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n'],
])('%s is none', async (_what, text) => { expect(await refusal(text)).toBe(NONE); });

test('of another kind of key', async () => {
  const words = 'h1.csr:1:1: found a request for another kind of key than ECDSA P-256, expected one made by tandem agent enrol';
  expect(await refusal((await request({ name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' })).toString('pem'))).toBe(words);
  expect(await refusal((await request({ name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' })).toString('pem'))).toBe(words);
});

test('changed after it was signed', async () => {
  const der = Buffer.from((await request(KEY)).rawData);
  const at = der.indexOf('h1');
  der[at + 1] = 0x32; // CN=h2
  expect(at).toBeGreaterThan(0);
  expect(await refusal(x509.PemConverter.encode(der, 'CERTIFICATE REQUEST'))).toBe('h1.csr:1:1: found a request that its own key has not signed, expected one made by tandem agent enrol');
});
