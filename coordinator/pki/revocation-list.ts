import { serialOf } from './checks.ts';
import type { KeyPair } from './certificates.ts';
import { BACKDATE_MS, DAY_MS, KEY, keyFromPem, x509 } from './x509.ts';

/** A revocation list (RFC 5280, version 2). Serials as serialOf gives them. */
export interface RevocationList { number: number; madeMs: number; nextMs: number | undefined; revoked: ReadonlyMap<string, Date> }

const NUMBER = '2.5.29.20', DAYS = 30;

/** DER INTEGER. */
function integer(value: number): Buffer {
  const hex = value.toString(16), bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const body = (bytes[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes;
  return Buffer.concat([Buffer.from([0x02, body.length]), body]);
}

/** The list as PEM, signed by the authority; good for 30 days, and obeyed afterwards. */
export async function createList(authority: KeyPair, number: number, revoked: readonly { serial: string; atMs: number }[], nowMs: number): Promise<string> {
  const ca = new x509.X509Certificate(authority.certificatePem);
  const list = await x509.X509CrlGenerator.create({
    issuer: ca.subjectName, thisUpdate: new Date(nowMs - BACKDATE_MS), nextUpdate: new Date(nowMs + DAYS * DAY_MS), signingAlgorithm: KEY, signingKey: await keyFromPem(authority.keyPem),
    // True of every one; why in words stands in the ledger. (Without a reason the generator writes an empty list of extensions.)
    entries: revoked.map(({ serial, atMs }) => ({ serialNumber: serial, revocationDate: new Date(atMs), reason: x509.X509CrlReason.privilegeWithdrawn })),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(ca), new x509.Extension(NUMBER, false, integer(number))],
  });
  return `${x509.PemConverter.encode(list.rawData, 'X509 CRL')}\n`; // RFC 7468; the library's own label is read by nobody else
}

/** Reads and verifies it. A string says what is wrong with it. */
export async function readList(pem: string, caPem: string): Promise<RevocationList | string> {
  let list: x509.X509Crl;
  try { list = new x509.X509Crl(pem); } catch { return 'text that is no revocation list'; }
  const ca = new x509.X509Certificate(caPem);
  if (list.issuer !== ca.subject || !await list.verify({ publicKey: ca.publicKey }).catch(() => false)) return "a revocation list that the site's authority has not signed";
  // RFC 5280, 5.2: one that is marked critical and not understood (changes only, some certificates only) must not be used.
  if ([list.extensions, ...list.entries.map((entry) => entry.extensions)].flat().some(({ critical }) => critical)) return 'a revocation list that covers only a part';
  const raw = list.getExtension(NUMBER)?.value;
  const number = raw === undefined ? 0 : Number(`0x${Buffer.from(raw).subarray(2).toString('hex')}`);
  return { number, madeMs: list.thisUpdate.getTime() + BACKDATE_MS, nextMs: list.nextUpdate?.getTime(), revoked: new Map(list.entries.map((entry) => [serialOf(entry.serialNumber), entry.revocationDate])) };
}
