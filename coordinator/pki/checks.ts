import { createHash, type X509Certificate } from 'node:crypto';
import { InputError, problem, type Place, type Problem } from '../input/problem.ts';
import { NAME } from '../site.ts';
import { certificateOf, keyOf, type PemFile } from './pem.ts';

export type Role = 'agent' | 'operator' | 'observer';
/** Who a certificate says its holder is: URI SAN spiffe://SITE/ROLE/NAME. */
export interface Holder { site: string; role: Role; name: string }

export { NAME as SITE_NAME };
const HOLDER = /URI:spiffe:\/\/([a-z0-9._-]+)\/(agent|operator|observer)\/([A-Za-z0-9][A-Za-z0-9._@-]{0,63})/;
export const day = (date: Date): string => date.toISOString().slice(0, 10);

/** A serial number in one form, whoever prints it: small letters, no zeros in front. */
export const serialOf = (hex: string): string => hex.toLowerCase().replaceAll(/[^0-9a-f]/g, '').replace(/^0+(?=.)/, '');
/** SHA-256 of the public key (SubjectPublicKeyInfo, DER), hex: what a one-time code names. */
export const keySha256 = ({ publicKey }: X509Certificate): string => createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex');

/** As a person compares it with another: pairs of capital letters, as openssl prints them. */
export const fingerprintText = (sha256: string): string => (sha256.toUpperCase().match(/../g) ?? []).join(':');

export function holderOf(certificate: X509Certificate): Holder | undefined {
  const found = HOLDER.exec(certificate.subjectAltName ?? '');
  return found === null ? undefined : { site: found[1] as string, role: found[2] as Role, name: found[3] as string };
}

/** Validity as problems: a certificate is of no use before or after it. */
function timely(certificate: X509Certificate, place: Place, nowMs: number, remedy: string): Problem[] {
  const { validFromDate: from, validToDate: to } = certificate;
  if (nowMs > to.getTime()) return [problem(place, `a certificate that expired on ${day(to)}`, `one valid on ${day(new Date(nowMs))} (${remedy})`)];
  if (nowMs < from.getTime()) return [problem(place, `a certificate that is valid from ${day(from)} only`, `one valid on ${day(new Date(nowMs))} (is this machine's clock right?)`)];
  return [];
}

/** The site's authority, alone. Throws InputError. */
export function checkAuthority(ca: PemFile, nowMs: number): X509Certificate {
  const { certificate, place } = certificateOf(ca);
  const problems = certificate.ca ? timely(certificate, place, nowMs, 'the site needs a new authority: tandem pki init') : [problem(place, 'a certificate that may not sign others', "the certificate of the site's own authority")];
  if (problems.length > 0) throw new InputError(problems);
  return certificate;
}

/** The authority with its key, fit to issue. Throws InputError. */
export function checkIssuer(ca: PemFile, caKey: PemFile, nowMs: number): { site: string } {
  const certificate = checkAuthority(ca, nowMs);
  const { key, place } = keyOf(caKey);
  if (!certificate.checkPrivateKey(key)) throw new InputError([problem(place, `a key that does not belong to ${ca.file}`, 'the key it was made with')]);
  const site = /^O=(.+)$/m.exec(certificate.subject)?.[1];
  if (site === undefined || !NAME.test(site)) throw new InputError([problem(certificateOf(ca).place, 'an authority that names no site', 'one made by tandem pki init')]);
  return { site };
}

/** A holder's certificate and key against the site's authority. Throws InputError with all that is wrong. */
export function checkIdentity(ca: PemFile, own: PemFile, ownKey: PemFile, roles: readonly Role[], site: string | undefined, nowMs: number): Holder {
  const authority = checkAuthority(ca, nowMs);
  const { certificate, place } = certificateOf(own);
  const { key, place: keyPlace } = keyOf(ownKey);
  const holder = holderOf(certificate);
  const problems = timely(certificate, place, nowMs, 'tandem pki issue makes another');
  if (!certificate.verify(authority.publicKey)) problems.push(problem(place, `a certificate that ${ca.file} has not signed`, "one of the site's own authority"));
  if (!certificate.checkPrivateKey(key)) problems.push(problem(keyPlace, `a key that does not belong to ${own.file}`, 'the key it was made with'));
  if (holder === undefined) problems.push(problem(place, 'a certificate that names no role', `a URI spiffe://SITE/${roles[0] as string}/NAME in it`));
  else if (!roles.includes(holder.role)) problems.push(problem(place, `the certificate of ${holder.role} ${holder.name}`, `one of role ${roles.join(' or ')}`));
  else if (site !== undefined && holder.site !== site) problems.push(problem(place, `a certificate of site ${holder.site}`, `one of site ${site}`));
  if (problems.length > 0 || holder === undefined) throw new InputError(problems);
  return holder;
}
