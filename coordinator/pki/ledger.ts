import { X509Certificate } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdAlone, type Held } from '../../proto/alone.ts';
import { Journal, readJournal } from '../../proto/journal.ts';
import { InputError, problem } from '../input/problem.ts';
import { holderOf, keySha256, serialOf, type Role } from './checks.ts';

/** A certificate was made. `by`: operator's certificate and OS user. */
export interface Issued { type: 'issued'; serial: string; role: Role | 'authority'; name: string; keySha256: string; notAfterMs: number; by: string; atMs: number; reason: string }
export interface Revoked { type: 'revoked'; serial: string; role: Issued['role']; name: string; by: string; atMs: number; reason: string }
/** A revocation list with this number was signed. */
export interface Listed { type: 'listed'; number: number; atMs: number }
export type LedgerRecord = Issued | Revoked | Listed;

export interface Certificate extends Issued { revoked: Revoked | undefined }
export type State = 'valid' | 'expiring' | 'expired' | 'revoked';

const DAY_MS = 86_400_000;
/** Days before its end at which a certificate is warned of; the agents' health has the same. */
export const WARN_DAYS = 30;
export const daysLeft = (notAfterMs: number, nowMs: number): number => Math.floor((notAfterMs - nowMs) / DAY_MS);

export function stateOf({ revoked, notAfterMs }: Pick<Certificate, 'revoked' | 'notAfterMs'>, nowMs: number): State {
  if (revoked !== undefined) return 'revoked';
  if (notAfterMs < nowMs) return 'expired';
  return daysLeft(notAfterMs, nowMs) < WARN_DAYS ? 'expiring' : 'valid';
}
export const isInForce = (certificate: Certificate, nowMs: number): boolean => ['valid', 'expiring'].includes(stateOf(certificate, nowMs));

export function certificatesIn(records: readonly LedgerRecord[]): Certificate[] {
  const revoked = new Map(records.flatMap((record) => (record.type === 'revoked' ? [[record.serial, record] as const] : [])));
  return records.flatMap((record) => (record.type === 'issued' ? [{ ...record, revoked: revoked.get(record.serial) }] : []));
}

const fileOf = (folder: string): string => join(folder, 'ledger.jsonl');

/** All records; a folder without a ledger, or one whose certificates were made before there was one, is read from its files. */
export function readLedger(folder: string): LedgerRecord[] {
  const records = existsSync(fileOf(folder)) ? readJournal<LedgerRecord>(fileOf(folder), true).records : [];
  return [...records, ...foundBeside(folder, records)];
}

/** Certificates of this authority that lie in the folder and stand in no record. */
function foundBeside(folder: string, records: readonly LedgerRecord[]): Issued[] {
  const issued = join(folder, 'issued');
  const names = existsSync(issued) ? readdirSync(issued).flatMap((name) => ['agent', 'operator', 'observer'].map((role) => `issued/${name}/${role}.crt`)) : [];
  const known = new Set(records.flatMap((record) => (record.type === 'issued' ? [record.serial] : [])));
  const authority = parsed(join(folder, 'ca.crt'));
  return ['ca.crt', 'operator.crt', 'observer.crt', ...names].flatMap((file): Issued[] => {
    const certificate = parsed(join(folder, file));
    if (certificate === undefined || authority === undefined || !certificate.verify(authority.publicKey)) return [];
    const serial = serialOf(certificate.serialNumber), holder = certificate.ca ? { role: 'authority' as const, name: 'ca' } : holderOf(certificate);
    if (holder === undefined || known.has(serial)) return [];
    known.add(serial);
    return [{ type: 'issued', serial, role: holder.role, name: holder.name, keySha256: keySha256(certificate), notAfterMs: certificate.validToDate.getTime(), by: 'unknown', atMs: certificate.validFromDate.getTime(), reason: `found in ${file}` }];
  });
}

function parsed(path: string): X509Certificate | undefined {
  try { return new X509Certificate(readFileSync(path)); } catch { return undefined; }
}

/** The ledger open for writing; each line is on disk when append returns. */
export class Ledger {
  readonly #journal: Journal<LedgerRecord>;
  readonly #records: LedgerRecord[];

  constructor(folder: string) {
    this.#journal = new Journal(fileOf(folder), true); // a revocation is not to be lost
    this.#records = [...this.#journal.replayed];
    for (const record of foundBeside(folder, this.#records)) this.append(record);
  }

  get certificates(): Certificate[] { return certificatesIn(this.#records); }
  get listNumber(): number { return Math.max(0, ...this.#records.map((record) => (record.type === 'listed' ? record.number : 0))); }

  append(record: LedgerRecord): void {
    this.#journal.append(record, true);
    this.#records.push(record);
  }

  close(): void { this.#journal.close(); }
}

const WAIT_MS = 10_000;
class InUse extends Error {}
/** Of those in this process; the lock below is between processes. */
let turn: Promise<unknown> = Promise.resolve();

/** Opens the ledger for one piece of work; another process on this machine waits until it is closed. */
export async function withLedger<T>(folder: string, use: (ledger: Ledger) => T | Promise<T>): Promise<T> {
  const mine = turn.then(async () => {
    const lock = await locked(folder);
    try {
      const ledger = new Ledger(folder);
      try { return await use(ledger); } finally { ledger.close(); }
    } finally { lock.close(); }
  });
  turn = mine.catch(() => undefined);
  return await mine;
}

/** A socket within the folder: only who may write there can hold it, and it is let go of however the process ends. */
async function locked(folder: string): Promise<Held> {
  const opened = openSync(folder, 'r');
  try {
    // By the open folder, since a socket's path is short on Linux and the folder's may be long.
    const held = await lockedAt(`/proc/self/fd/${String(opened)}/ledger.sock`, fileOf(folder));
    return { close() { held.close(); closeSync(opened); } };
  } catch (error) {
    closeSync(opened);
    throw error;
  }
}

async function lockedAt(socket: string, file: string): Promise<Held> {
  for (const untilMs = Date.now() + WAIT_MS; ;) {
    try { return await holdAlone(socket, () => new InUse()); } catch (error) {
      if (!(error instanceof InUse)) throw error;
      if (Date.now() > untilMs) throw new InputError([problem({ file, line: 1, column: 1 }, 'a ledger that another tandem command holds', 'one that is free: try again when that command has ended')]);
      await sleep(50);
    }
  }
}
