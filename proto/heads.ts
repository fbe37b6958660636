import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto';
import { canonical } from './canonical.ts';

/** The end of a journal's chain, signed by the key of the certificate: agent.proto, SignedHead. `signature` is base64 of DER. */
export interface SignedHead { of: string; n: number; hash: string; certificatePem: string; signature: string }

export interface Holder { site: string; role: 'agent' | 'operator' | 'observer'; name: string }

/** Who signs: PEM texts of a certificate and its key. */
export interface Signer { certificate: Buffer | string; key: Buffer | string }

/** Who a certificate says its holder is: the one URI spiffe://SITE/ROLE/NAME in it. */
function holderOf(certificate: X509Certificate): Holder | undefined {
  const uris = (certificate.subjectAltName ?? '').split(', ').filter((part) => part.startsWith('URI:'));
  const found = uris.length === 1 ? /^URI:spiffe:\/\/([a-z0-9._-]+)\/(agent|operator|observer)\/([A-Za-z0-9][A-Za-z0-9._@-]{0,63})$/.exec(uris[0] ?? '') : null;
  return found === null ? undefined : { site: found[1] ?? '', role: found[2] as Holder['role'], name: found[3] ?? '' };
}

/** What is signed: canonical JSON. The site is that of the certificate, so that no head serves in another site, or run. */
const signedText = (site: string, run: string, { of, n, hash }: Pick<SignedHead, 'of' | 'n' | 'hash'>): Buffer => Buffer.from(canonical({ format: 'tandem head 1', site, run, of, n, hash }));

/** Signs the end of this side's journal of a run: ECDSA P-256 with SHA-256. Throws TypeError for a certificate that names nobody. */
export function signHead(run: string, { n, hash }: Pick<SignedHead, 'n' | 'hash'>, { certificate, key }: Signer): SignedHead {
  const own = new X509Certificate(certificate), holder = holderOf(own);
  if (holder === undefined) throw new TypeError('a certificate that names no holder cannot sign for one');
  const head = { of: holder.name, n, hash };
  return { ...head, certificatePem: own.toString(), signature: sign('sha256', signedText(holder.site, run, head), createPrivateKey(key)).toString('base64') };
}

export interface Expected {
  run: string;
  role: 'agent' | 'operator';
  /** Whose it must be; any where undefined. */
  of?: string;
  site?: string | undefined;
  /** PEM text of the site's authority. */
  ca: Buffer | string;
  /** When it was put on record, ms since the epoch: the certificate must have been valid then. */
  atMs: number;
}

/** Why this head proves nothing, in words; undefined when it holds. It need not be in date any more: a record is audited later. */
export function headTrouble(head: SignedHead, { run, role, of, site, ca, atMs }: Expected): string | undefined {
  let certificate: X509Certificate, authority: X509Certificate;
  try { authority = new X509Certificate(ca); } catch { return 'the certificate of the authority is damaged'; }
  try { certificate = new X509Certificate(head.certificatePem); } catch { return 'its certificate is damaged'; }
  if (!authority.ca || !certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) return "its certificate is not of this site: the site's authority has not signed it";
  const holder = holderOf(certificate);
  if (holder === undefined) return 'its certificate names no holder';
  if (holder.role !== role || holder.name !== head.of) return `its certificate is that of ${holder.role} ${holder.name}, expected ${role} ${head.of}`;
  if (of !== undefined && head.of !== of) return `it is signed by ${head.of}, expected ${of}`;
  if (site !== undefined && holder.site !== site) return `its certificate is of site ${holder.site}, expected ${site}`;
  if (atMs < certificate.validFromDate.getTime() || atMs > certificate.validToDate.getTime()) return `its certificate was not valid then (only from ${certificate.validFrom} to ${certificate.validTo})`;
  if (certificate.publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return 'its key is not ECDSA P-256';
  try {
    if (verify('sha256', signedText(holder.site, run, head), certificate.publicKey, Buffer.from(head.signature, 'base64'))) return undefined;
  } catch { /* no DER: does not hold */ }
  return 'its signature does not hold';
}
