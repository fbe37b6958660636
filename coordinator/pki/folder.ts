import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { account } from '../account.ts';
import type { KeyPair } from './certificates.ts';
import { checkIdentity, checkIssuer, holderOf, keySha256, serialOf, type Holder, type Role } from './checks.ts';
import { readPem, refuse, refuseExisting, replaceFile, writePair } from './files.ts';
import { withLedger, type Issued, type Ledger } from './ledger.ts';
import { Revocations } from './revocations.ts';

/** X.509 takes a tenth of a second to load, and only making certificates needs it. */
const making = () => import('./certificates.ts');

/** Who makes or revokes: the OS user, and the operator whose certificate lies in the folder. */
export function author(folder: string): string {
  let operator: string | undefined;
  try { operator = holderOf(new X509Certificate(readFileSync(join(folder, 'operator.crt'))))?.name; } catch { /* none, or none that can be read: the user is named all the same */ }
  return `${operator === undefined ? '' : `${operator}, `}${account()}`;
}

/** Puts a certificate that was made on record, before its file is written. */
export function record(ledger: Ledger, folder: string, role: Issued['role'], name: string, certificatePem: string, reason: string, nowMs: number): string {
  const certificate = new X509Certificate(certificatePem), serial = serialOf(certificate.serialNumber);
  ledger.append({ type: 'issued', serial, role, name, keySha256: keySha256(certificate), notAfterMs: certificate.validToDate.getTime(), by: author(folder), atMs: nowMs, reason });
  return serial;
}

/** A site's new authority and its first operator, in `folder`. Throws InputError when there is one already. */
export async function initPki(folder: string, site: string, nowMs: number): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  refuseExisting(folder, 'ca', 'operator');
  refuse(folder, 'ledger.jsonl', 'ca.crl'); // of another authority
  const { createAuthority, issue } = await making();
  const authority = await createAuthority(site, nowMs), operator = await issue(authority, 'operator', site, 'operator', nowMs);
  await withLedger(folder, (ledger) => {
    record(ledger, folder, 'authority', 'ca', authority.certificatePem, 'pki init', nowMs);
    record(ledger, folder, 'operator', 'operator', operator.certificatePem, 'pki init', nowMs);
    writePair(folder, 'ca', authority);
    writePair(folder, 'operator', operator);
  });
}

/** The authority with its key. Throws InputError where it is not fit to sign. */
export function readIssuer(folder: string, nowMs: number): KeyPair & { site: string } {
  const ca = readPem(join(folder, 'ca.crt'), "the site's authority (tandem pki init makes one)");
  const caKey = readPem(join(folder, 'ca.key'), "the authority's key: certificates are issued where it is kept");
  return { ...checkIssuer(ca, caKey, nowMs), certificatePem: ca.text, keyPem: caKey.text };
}

/** Files for one holder under issued/NAME, ready to be copied as they are. Returns that folder and their names. */
export async function issueFor(folder: string, role: Role, name: string, addresses: string[], nowMs: number): Promise<{ issued: string; files: string[] }> {
  const { site, ...authority } = readIssuer(folder, nowMs);
  const issued = join(folder, 'issued', name);
  mkdirSync(issued, { recursive: true, mode: 0o700 });
  refuseExisting(issued, role);
  const { issue } = await making();
  const pair = await issue(authority, role, site, name, nowMs, addresses);
  await withLedger(folder, (ledger) => {
    record(ledger, folder, role, name, pair.certificatePem, 'pki issue', nowMs);
    writePair(issued, role, pair);
  });
  const beside = putBeside(folder, issued, authority.certificatePem);
  return { issued, files: [...beside.files, `${role}.crt`, `${role}.key`] };
}

/** The authority and, where something was ever revoked, the list: without it the holder would not know who is out of force. */
export function putBeside(folder: string, issued: string, caPem: string): { files: string[]; crlPem: string } {
  const list = join(folder, 'ca.crl'), crlPem = existsSync(list) ? readFileSync(list, 'utf8') : '';
  replaceFile(join(issued, 'ca.crt'), caPem); // one name may have two roles
  if (crlPem !== '') replaceFile(join(issued, 'ca.crl'), crlPem);
  return { files: crlPem === '' ? ['ca.crt'] : ['ca.crt', 'ca.crl'], crlPem };
}

export interface Credentials {
  ca: Buffer; certificate: Buffer; key: Buffer; holder: Holder;
  /** Path of the certificate. */
  file: string;
  serial: string; notAfterMs: number;
  /** Asked at each new connection and on open ones. */
  revocations: Revocations;
}

/**
 * What this coordinator shows the agents: operator.crt and operator.key of the folder, else observer.crt and
 * observer.key. Throws InputError with what is wrong with them, before anything is dialled.
 */
export function readCredentials(folder: string, roles: readonly Role[], site: string, nowMs: number): Credentials {
  const name = !existsSync(join(folder, 'operator.crt')) && existsSync(join(folder, 'observer.crt')) ? 'observer' : 'operator';
  const ca = readPem(join(folder, 'ca.crt'), "the certificate of the site's authority (tandem pki init makes one)");
  const own = readPem(join(folder, `${name}.crt`), `a certificate of role ${roles.join(' or ')} (tandem pki issue NAME --role ${roles[0] as string})`);
  const ownKey = readPem(join(folder, `${name}.key`), `the key of ${own.file}`);
  const holder = checkIdentity(ca, own, ownKey, roles, site, nowMs);
  const { serialNumber, validToDate } = new X509Certificate(own.text);
  return {
    ca: Buffer.from(ca.text), certificate: Buffer.from(own.text), key: Buffer.from(ownKey.text), holder, file: own.file,
    serial: serialOf(serialNumber), notAfterMs: validToDate.getTime(), revocations: new Revocations(join(folder, 'ca.crl'), ca.text),
  };
}
