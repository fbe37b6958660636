import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, problem } from '../input/problem.ts';
import type { KeyPair } from './certificates.ts';
import { checkIdentity, checkIssuer, type Holder, type Role } from './checks.ts';
import type { PemFile } from './pem.ts';

/** X.509 takes a tenth of a second to load, and only making certificates needs it. */
const making = () => import('./certificates.ts');

/** Throws InputError where there is no such file. */
function readPem(file: string, expected: string): PemFile {
  if (!existsSync(file)) throw new InputError([problem({ file, line: 1, column: 1 }, 'no file', expected)]);
  return { file, text: readFileSync(file, 'utf8'), mode: statSync(file).mode & 0o777 };
}

/** Never overwrites: a key that is lost is lost. Asked of all files before the first is written: no key without its certificate. */
function refuseExisting(folder: string, ...names: string[]): void {
  const file = names.flatMap((name) => [`${name}.key`, `${name}.crt`]).map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file !== undefined) throw new InputError([problem({ file, line: 1, column: 1 }, 'a file', 'none: keys and certificates are never overwritten (move it away first)')]);
}

function writePair(folder: string, name: string, pair: KeyPair): void {
  writeFileSync(join(folder, `${name}.key`), pair.keyPem, { mode: 0o600, flag: 'wx' });
  writeFileSync(join(folder, `${name}.crt`), pair.certificatePem, { mode: 0o644, flag: 'wx' });
}

/** A site's new authority and its first operator, in `folder`. Throws InputError when there is one already. */
export async function initPki(folder: string, site: string, nowMs: number): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  refuseExisting(folder, 'ca', 'operator');
  const { createAuthority, issue } = await making();
  const authority = await createAuthority(site, nowMs);
  writePair(folder, 'ca', authority);
  writePair(folder, 'operator', await issue(authority, 'operator', site, 'operator', nowMs));
}

/** Files for one holder under issued/NAME, ready to be copied as they are. Returns that folder and the site. */
export async function issueFor(folder: string, role: Role, name: string, addresses: string[], nowMs: number): Promise<{ issued: string; site: string }> {
  const ca = readPem(join(folder, 'ca.crt'), "the site's authority (tandem pki init makes one)");
  const caKey = readPem(join(folder, 'ca.key'), "the authority's key: certificates are issued where it is kept");
  const { site } = checkIssuer(ca, caKey, nowMs);
  const issued = join(folder, 'issued', name);
  mkdirSync(issued, { recursive: true, mode: 0o700 });
  refuseExisting(issued, role);
  const { issue } = await making();
  writePair(issued, role, await issue({ certificatePem: ca.text, keyPem: caKey.text }, role, site, name, nowMs, addresses));
  writeFileSync(join(issued, 'ca.crt'), ca.text, { mode: 0o644 }); // one name may have two roles
  return { issued, site };
}

export interface Credentials { ca: Buffer; certificate: Buffer; key: Buffer; holder: Holder }

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
  return { ca: Buffer.from(ca.text), certificate: Buffer.from(own.text), key: Buffer.from(ownKey.text), holder };
}
