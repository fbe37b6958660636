import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, syncFolder, writeBeside } from './files.ts';
import type { HostKey } from './key.ts';
import { day, serialOf, type RevocationList } from './revoked.ts';

/** PEM texts as they came; `crlPem` "" where there is no list. */
export interface Offered { certificatePem: string; caPem: string; crlPem: string }
/** Checked: fit to be this host's enrolment. */
export interface Enrolment { site: string; host: string; serial: string; until: Date; certificate: X509Certificate; ca: X509Certificate; list: RevocationList | undefined }

/** Why a certificate was not installed; nothing was changed. */
export class Unfit extends Error {}
/** The disk did not take a certificate that was fit; the words say what stands now. */
export class NotKept extends Error {}

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

/**
 * All is on disk before the first file gets its name, so that a full disk changes nothing. agent.crt last: before it is there this
 * host is not enrolled, whatever else was written. One that was here is kept as agent.crt.old. Throws NotKept.
 */
export function install(certs: string, { certificate, ca, list }: Enrolment): void {
  const { ca: caFile, crl, certificate: file } = paths(certs);
  const texts: [path: string, text: string][] = [[caFile, ca.toString()], ...(list === undefined ? [] : [[crl, list.pem] as [string, string]]), [file, certificate.toString()]];
  const written: string[] = [], named: string[] = [];
  try {
    for (const [path, text] of texts) written.push(writeBeside(path, text, 0o644));
    keepOld(file);
    for (const [path] of texts) {
      if (path === file && list === undefined) rmSync(crl, { force: true });
      renameSync(`${path}.new`, path);
      named.push(path);
    }
  } catch (error) {
    for (const fresh of written) rmSync(fresh, { force: true });
    throw new NotKept(`${(error as Error).message}; ${named.length === 0 ? 'nothing was changed' : `${named.join(' and ')} ${named.length === 1 ? 'is' : 'are'} the new one, ${file} is as it was`}`);
  }
  syncFolder(certs);
}

/** A second name for it: the disk need not hold it twice, and agent.crt is there all the time. */
function keepOld(file: string): void {
  if (!existsSync(file)) return;
  rmSync(`${file}.old`, { force: true });
  linkSync(file, `${file}.old`);
}

/** Exactly the authority that was told by another way; a folder that somebody changed may hold his own. Throws Unfit. */
export function checkAuthority(caPem: string, fingerprint: string): void {
  const { fingerprint256 } = one(caPem, 'ca.crt');
  if (bare(fingerprint256) !== bare(fingerprint)) throw new Unfit(`ca.crt is another authority's than --authority names: its fingerprint is ${fingerprint256}. Somebody may have changed the folder; nothing was changed here`);
}
/** A fingerprint in one form, however it was written. */
const bare = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();

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

/** Whether agent.crt is there and agent.key is another's. What cannot be read is told by who needs it. */
export function isOfAnotherKey(certs: string): boolean {
  try { return installed(certs)?.checkPrivateKey(createPrivateKey(readIfThere(join(certs, 'agent.key')) ?? '')) === false; } catch { return false; }
}

/** By what the file agent.crt is known again; undefined where there is none. */
export function stampOf(certs: string): string | undefined {
  const pem = readIfThere(paths(certs).certificate);
  return pem === undefined ? undefined : createHash('sha256').update(pem).digest('hex');
}
