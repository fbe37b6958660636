import { webcrypto } from 'node:crypto';
import 'reflect-metadata'; // x509's container needs it before itself
import * as x509 from '@peculiar/x509';
import type { Role } from './checks.ts';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

/** PEM texts; the key is PKCS #8. */
export interface KeyPair { certificatePem: string; keyPem: string }

const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3650, LEAF_DAYS = 730;
/** Hosts whose clocks are a little behind must still take a fresh certificate. */
const BACKDATE_MS = 3_600_000;

const serial = (): string => Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex').replace(/^[89a-f]/, '7');

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY') + '\n';
}

async function keyFromPem(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  if (der === undefined) throw new Error('no private key in the file');
  return await webcrypto.subtle.importKey('pkcs8', der, KEY, false, ['sign']);
}

/** A new certificate authority for one site (RFC 5280; ECDSA P-256; ten years; signs leaves only). */
export async function createAuthority(site: string, nowMs: number): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(), name: `CN=Tandem CA of ${site}, O=${site}`,
    notBefore: new Date(nowMs - BACKDATE_MS), notAfter: new Date(nowMs + CA_DAYS * DAY_MS), signingAlgorithm: KEY, keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, keyPem: await pemOfKey(keys.privateKey) };
}

/**
 * A certificate signed by the site's authority. An agent's may only serve, an operator's or observer's only ask; the
 * role stands in a SPIFFE-style URI: spiffe://SITE/agent|operator|observer/NAME.
 */
export async function issue(authority: KeyPair, role: Role, site: string, name: string, nowMs: number, addresses: string[] = []): Promise<KeyPair> {
  const ca = new x509.X509Certificate(authority.certificatePem);
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const names: x509.JsonGeneralName[] = [{ type: 'url', value: `spiffe://${site}/${role}/${name}` }];
  if (role === 'agent') names.push({ type: 'dns', value: name }, ...addresses.map((value) => ({ type: 'ip' as const, value })));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(), subject: `CN=${name}, OU=${role}, O=${site}`, issuer: ca.subject,
    notBefore: new Date(nowMs - BACKDATE_MS), notAfter: new Date(nowMs + LEAF_DAYS * DAY_MS),
    signingAlgorithm: KEY, publicKey: keys.publicKey, signingKey: await keyFromPem(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([role === 'agent' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(ca),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, keyPem: await pemOfKey(keys.privateKey) };
}
