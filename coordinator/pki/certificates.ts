import { createHash, webcrypto } from 'node:crypto';
import type { Role } from './checks.ts';
import { BACKDATE_MS, DAY_MS, KEY, keyFromPem, x509 } from './x509.ts';

/** PEM texts; the key is PKCS #8. */
export interface KeyPair { certificatePem: string; keyPem: string }

const CA_DAYS = 3650, LEAF_DAYS = 730;

/** Positive, and without a zero in front, which some print and some do not. */
const serial = (): string => Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex').replace(/^[089a-f]/, '7');

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY') + '\n';
}

/** A new certificate authority for one site (RFC 5280; ECDSA P-256; ten years; signs leaves and revocation lists). */
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

/** A key, and a certificate for it signed by the site's authority. */
export async function issue(authority: KeyPair, role: Role, site: string, name: string, nowMs: number, addresses: string[] = []): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  return { certificatePem: await certify(authority, keys.publicKey, role, site, name, nowMs, addresses), keyPem: await pemOfKey(keys.privateKey) };
}

/**
 * A certificate (PEM) signed by the site's authority, never longer in force than that: what it has signed is of no use afterwards. An agent's may only serve, an operator's or observer's only ask; the
 * role stands in a SPIFFE-style URI: spiffe://SITE/agent|operator|observer/NAME.
 */
export async function certify(authority: KeyPair, key: webcrypto.CryptoKey | x509.PublicKey, role: Role, site: string, name: string, nowMs: number, addresses: string[]): Promise<string> {
  const ca = new x509.X509Certificate(authority.certificatePem);
  const names: x509.JsonGeneralName[] = [{ type: 'url', value: `spiffe://${site}/${role}/${name}` }];
  if (role === 'agent') names.push({ type: 'dns', value: name }, ...addresses.map((value) => ({ type: 'ip' as const, value })));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(), subject: `CN=${name}, OU=${role}, O=${site}`, issuer: ca.subject,
    notBefore: new Date(nowMs - BACKDATE_MS), notAfter: new Date(Math.min(nowMs + LEAF_DAYS * DAY_MS, ca.notAfter.getTime())),
    signingAlgorithm: KEY, publicKey: key, signingKey: await keyFromPem(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([role === 'agent' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(ca),
      await x509.SubjectKeyIdentifierExtension.create(key),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** A certificate signing request (PKCS #10, PEM): its key and SHA-256 of it. A string says why it is none to be signed; its subject is not read. */
export async function requestOf(pem: string): Promise<{ key: x509.PublicKey; keySha256: string } | string> {
  let request: x509.Pkcs10CertificateRequest;
  try { request = new x509.Pkcs10CertificateRequest(pem); } catch { return 'text that is no certificate signing request'; }
  const key = request.publicKey, { name, namedCurve } = key.algorithm as Partial<typeof KEY>;
  if (name !== KEY.name || namedCurve !== KEY.namedCurve) return 'a request for another kind of key than ECDSA P-256';
  if (!await request.verify().catch(() => false)) return 'a request that its own key has not signed';
  return { key, keySha256: createHash('sha256').update(Buffer.from(key.rawData)).digest('hex') };
}
