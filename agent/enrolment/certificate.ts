import { X509Certificate } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, replaceFile } from './files.ts';
import type { HostKey } from './key.ts';
import { day, serialOf, type RevocationList } from './revoked.ts';

/** PEM texts as they came; `crlPem` "" where there is no list. */
export interface Offered { certificatePem: string; caPem: string; crlPem: string }
/** Checked: fit to be this host's enrolment. */
export interface Enrolment { site: string; host: string; serial: string; until: Date; certificate: X509Certificate; ca: X509Certificate; list: RevocationList | undefined }

/** Why a certificate was not installed; nothing was changed. */
export class Unfit extends Error {}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const HOLDER = /URI:spiffe:\/\/([a-z0-9._-]+)\/agent\/([a-z0-9-]+)(?:,|$)/;
const paths = (certs: string) => ({ ca: join(certs, 'ca.crt'), crl: join(certs, 'ca.crl'), certificate: join(certs, 'agent.crt') });

/** Exactly one certificate: a second one in ca.crt would be trusted as well. */
function one(pem: string, what: string): X509Certificate {
  if (pem.split('-----BEGIN ').length !== 2) throw new Unfit(`${what}: expected one certificate (PEM)`);
  try { return new X509Certificate(pem); } catch { throw new Unfit(`${what}: text that is no certificate (PEM)`); }
}

function timely({ validFromDate: from, validToDate: to }: X509Certificate, what: string, nowMs: number): void {
  const now = new Date(nowMs).toISOString();
  if (nowMs > to.getTime()) throw new Unfit(`${what} expired on ${day(to)}; this host's clock says ${now}`);
  if (nowMs < from.getTime()) throw new Unfit(`${what} is valid from ${from.toISOString()} only; this host's clock says ${now}`);
}

/** What a coordinator, or a person with a folder, gives this host, against its own key and clock. Throws Unfit. */
export async function checkOffered(certs: string, key: HostKey, { certificatePem, caPem, crlPem }: Offered, nowMs: number): Promise<Enrolment> {
  const certificate = one(certificatePem, 'agent.crt'), ca = one(caPem, 'ca.crt');
  const [, site, host] = HOLDER.exec(certificate.subjectAltName ?? '') ?? [];
  if (site === undefined || host === undefined) throw new Unfit('agent.crt names no host: expected a URI spiffe://SITE/agent/NAME');
  if (!certificate.checkPrivateKey(key.privateKey)) throw new Unfit("agent.crt is for another key than this host's agent.key");
  if (!ca.ca) throw new Unfit('ca.crt is no certificate of an authority');
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) throw new Unfit('ca.crt has not signed agent.crt');
  const usage = certificate.keyUsage as string[] | undefined; // the types do not know that there may be none
  if (certificate.ca || usage?.includes(SERVER_AUTH) !== true) throw new Unfit('agent.crt is not for a server');
  timely(ca, 'ca.crt', nowMs);
  timely(certificate, 'agent.crt', nowMs);
  const serial = serialOf(certificate.serialNumber), list = await newest(paths(certs).crl, crlPem, ca);
  const revoked = list?.revoked.get(serial);
  if (revoked !== undefined) throw new Unfit(`agent.crt has serial ${serial}, which was revoked on ${day(revoked)}`);
  return { site, host, serial, until: certificate.validToDate, certificate, ca, list };
}

/** The list that came, or the one that is here already where that is newer. Throws Unfit for a text that is no list of this authority. */
async function newest(path: string, crlPem: string, ca: X509Certificate): Promise<RevocationList | undefined> {
  const here = readIfThere(path);
  if (crlPem === '' && here === undefined) return undefined;
  const { readList } = await import('./revocation-list.ts');
  // The one that is here may be of another authority: of the site that this host was of before.
  const kept = here === undefined ? undefined : await readList(here, ca).catch(() => undefined);
  const came = crlPem === '' ? undefined : await readList(crlPem, ca).catch((error: unknown) => { throw new Unfit(`ca.crl: ${(error as Error).message}`); });
  return came === undefined || (kept !== undefined && kept.number > came.number) ? kept : came;
}

/** agent.crt last: before it is there this host is not enrolled, whatever else was written. */
export function install(certs: string, { certificate, ca, list }: Enrolment): void {
  const { ca: caFile, crl, certificate: file } = paths(certs);
  replaceFile(caFile, ca.toString(), 0o644);
  if (list === undefined) rmSync(crl, { force: true });
  else replaceFile(crl, list.pem, 0o644);
  replaceFile(file, certificate.toString(), 0o644);
}

/** The certificate that this host has; undefined where it is not enrolled. Throws where it is no certificate. */
export function installed(certs: string): X509Certificate | undefined {
  const pem = readIfThere(paths(certs).certificate);
  return pem === undefined ? undefined : one(pem, paths(certs).certificate);
}

/** Whether all that mTLS needs has come, by whatever way, and fits together. */
export function isComplete(certs: string, key: HostKey): boolean {
  try { return existsSync(paths(certs).ca) && installed(certs)?.checkPrivateKey(key.privateKey) === true; } catch (error) {
    if (error instanceof Unfit) return false; // not whole yet
    throw error;
  }
}

/** The old certificate steps aside as agent.crt.old. */
export function setAside(certs: string): string {
  const { certificate } = paths(certs);
  renameSync(certificate, `${certificate}.old`);
  return `${certificate}.old`;
}
