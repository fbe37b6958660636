import { existsSync, readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { InputError, nearest, oneOf, problem, type Place } from '../input/problem.ts';
import { day, serialOf, type Role } from './checks.ts';
import type { KeyPair } from './certificates.ts';
import { replaceFile } from './files.ts';
import { author, readIssuer } from './folder.ts';
import { isInForce, withLedger, type Certificate, type Ledger } from './ledger.ts';
import type { RevocationList } from './revocation-list.ts';

const making = () => import('./revocation-list.ts');

export interface Wanted { name: string; role?: Role | undefined; serial?: string | undefined; reason: string }
/** Where the words of the command stand, for messages. */
export interface Places { name: Place; serial: Place }

/** A list older than this is signed anew when it is published: it is good for 30 days. */
const FRESH_MS = 7 * 86_400_000;
const listFile = (folder: string): string => join(folder, 'ca.crl');

/** Revokes what is in force under this name and writes the list. What was revoked before is given back too, so that a repeat mends what broke off. Throws InputError. */
export async function revoke(folder: string, wanted: Wanted, places: Places, nowMs: number): Promise<{ revoked: Certificate[]; before: Certificate[] }> {
  const authority = readIssuer(folder, nowMs);
  return await withLedger(folder, async (ledger) => {
    const chosen = choose(ledger.certificates, wanted, places, nowMs);
    const own = ownSerials(folder), revoked = chosen.filter((each) => each.revoked === undefined);
    const self = revoked.find(({ serial }) => own.includes(serial));
    if (self !== undefined) throw new InputError([problem(places.name, `certificate ${self.serial}, with which you work yourself`, `another's: you would lock yourself out (put another certificate of yours in place first, then revoke this one with --serial ${self.serial})`)]);
    revokeAll(ledger, folder, revoked, wanted.reason, nowMs);
    await writeList(ledger, folder, authority, nowMs);
    return { revoked, before: chosen.filter((each) => each.revoked !== undefined) };
  });
}

export function revokeAll(ledger: Ledger, folder: string, certificates: readonly Certificate[], reason: string, nowMs: number): void {
  for (const { serial, role, name } of certificates) ledger.append({ type: 'revoked', serial, role, name, by: author(folder), atMs: nowMs, reason });
}

function choose(all: readonly Certificate[], { name, role, serial }: Wanted, places: Places, nowMs: number): Certificate[] {
  const people = all.filter((each) => each.role !== 'authority'), names = [...new Set(people.map((each) => each.name))];
  const named = people.filter((each) => each.name === name && (role === undefined || each.role === role));
  if (named.length === 0) throw new InputError([problem(places.name, `no certificate of ${role === undefined ? '' : `${role} `}"${name}" in the ledger`, `one that tandem pki list shows: ${oneOf(names)}`, nearest(name, names))]);
  if (serial !== undefined) {
    const found = named.filter((each) => each.serial === serialOf(serial));
    if (found.length === 0) throw new InputError([problem(places.serial, `no certificate ${serialOf(serial)} of ${name}`, oneOf(named.map((each) => each.serial)))]);
    return found;
  }
  const inForce = named.filter((each) => isInForce(each, nowMs));
  const roles = [...new Set(inForce.map((each) => each.role))];
  if (roles.length > 1) throw new InputError([problem(places.name, `${name}, who has certificates of role ${roles.join(' and ')}`, `--role ${roles.join(' or --role ')}`)]);
  if (inForce.length > 0) return inForce;
  const before = named.filter((each) => each.revoked !== undefined);
  if (before.length === 0) throw new InputError([problem(places.name, `only expired certificates of ${name}`, 'one in force: an expired one is refused everywhere anyhow')]);
  return before;
}

function ownSerials(folder: string): string[] {
  return ['operator.crt', 'observer.crt'].flatMap((name) => {
    try { return [serialOf(new X509Certificate(readFileSync(join(folder, name))).serialNumber)]; } catch { return []; }
  });
}

/** Signs a list of all that the ledger says, with the next number. Returns its PEM. */
export async function writeList(ledger: Ledger, folder: string, authority: KeyPair, nowMs: number): Promise<string> {
  const { createList } = await making();
  const now = await currentList(folder, authority.certificatePem);
  const number = Math.max(ledger.listNumber, now?.number ?? 0) + 1;
  const pem = await createList(authority, number, ledger.certificates.flatMap(({ revoked }) => (revoked === undefined ? [] : [revoked])), nowMs);
  ledger.append({ type: 'listed', number, atMs: nowMs });
  replaceFile(listFile(folder), pem);
  return pem;
}

/** The list in the folder; undefined where there is none, or none of this authority. */
async function currentList(folder: string, caPem: string): Promise<RevocationList | undefined> {
  if (!existsSync(listFile(folder))) return undefined;
  const list = await (await making()).readList(readFileSync(listFile(folder), 'utf8'), caPem);
  return typeof list === 'string' ? undefined : list;
}

/** The list's text, "" where nothing was ever revoked. Where the authority's key is kept, a list that is missing, old or behind the ledger is made anew first. */
export async function listToPublish(folder: string, nowMs: number): Promise<string> {
  if (existsSync(join(folder, 'ca.key'))) {
    const authority = readIssuer(folder, nowMs);
    await withLedger(folder, async (ledger) => {
      const list = await currentList(folder, authority.certificatePem);
      const revoked = ledger.certificates.filter((each) => each.revoked !== undefined);
      if (list === undefined && revoked.length === 0) return;
      if (list === undefined || nowMs - list.madeMs > FRESH_MS || revoked.some(({ serial }) => !list.revoked.has(serial))) await writeList(ledger, folder, authority, nowMs);
    });
  }
  return existsSync(listFile(folder)) ? readFileSync(listFile(folder), 'utf8') : '';
}

/** "SERIAL (until DATE)", as messages name a certificate. */
export const certificateText = ({ serial, notAfterMs }: Pick<Certificate, 'serial' | 'notAfterMs'>): string => `${serial} (until ${day(new Date(notAfterMs))})`;
