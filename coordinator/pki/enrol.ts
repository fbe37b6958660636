import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, problem, type Place } from '../input/problem.ts';
import { serialOf } from './checks.ts';
import { replaceFile } from './files.ts';
import { putBeside, readIssuer, record } from './folder.ts';
import { certificatesIn, daysLeft, isInForce, readLedger, WARN_DAYS, withLedger, type Certificate, type LedgerRecord } from './ledger.ts';
import { certificateText, revokeAll, writeList } from './revoke.ts';

const making = () => import('./certificates.ts');

/** Who is to be enrolled: name and address of the site file, and what a person said. */
export interface Wanted { name: string; address: string; again: boolean; reason: string | undefined; place: Place }
export interface Enrolled { issued: string; serial: string; certificatePem: string; caPem: string; crlPem: string; revoked: string[]; /** When it was made, where this very key was given it before. */ madeBeforeMs: number | undefined }

const inForceOf = (records: readonly LedgerRecord[], name: string, nowMs: number): Certificate[] =>
  certificatesIn(records).filter((each) => each.role === 'agent' && each.name === name && isInForce(each, nowMs));

/** Whether this host may be enrolled with this key (SHA-256, hex). Throws InputError, as where it has a certificate already. */
export function checkWanted(folder: string, wanted: Wanted, keySha256: string, nowMs: number): void {
  const authority = readIssuer(folder, nowMs), before = inForceOf(readLedger(folder), wanted.name, nowMs);
  admit(folder, authority.certificatePem, before, wanted, keySha256, nowMs);
}

/**
 * The certificate that this very key was given before, where it can be given again: its holder asks because the answer was
 * lost. Undefined: a new one is to be made. Throws InputError for another key, unless the host is enrolled again.
 */
function admit(folder: string, caPem: string, before: readonly Certificate[], { name, address, again, place }: Wanted, keySha256: string, nowMs: number): string | undefined {
  if (again || before.length === 0) return undefined;
  const kept = keptCertificate(folder, name, caPem), [only, ...more] = before as [Certificate, ...Certificate[]];
  const same = more.length === 0 && kept !== undefined && only.serial === serialOf(kept.serialNumber) && only.keySha256 === keySha256;
  if (same && daysLeft(only.notAfterMs, nowMs) >= WARN_DAYS && kept.checkHost(name) !== undefined && kept.checkIP(address) !== undefined) return `${kept.toString().trimEnd()}\n`;
  throw new InputError([problem(place, `${name}, which has certificate ${before.map(certificateText).join(' and ')} already`, `a host that has none, or --again --reason TEXT: the old certificate is revoked then`)]);
}

function keptCertificate(folder: string, name: string, caPem: string): X509Certificate | undefined {
  try {
    const kept = new X509Certificate(readFileSync(join(folder, 'issued', name, 'agent.crt')));
    return kept.verify(new X509Certificate(caPem).publicKey) ? kept : undefined;
  } catch { return undefined; }
}

/** SHA-256 (hex) of the key that a certificate is asked for. Throws InputError for a request that its key has not signed. */
export async function keyOfRequest(csrPem: string, place: Place): Promise<string> {
  const request = await (await making()).requestOf(csrPem);
  if (typeof request === 'string') throw new InputError([problem(place, request, 'one made by tandem agent enrol')]);
  return request.keySha256;
}

/** Signs the request for the site file's name and address; with `again` the certificates before it are revoked in the same act. Throws InputError. */
export async function enrol(folder: string, wanted: Wanted, csrPem: string, nowMs: number): Promise<Enrolled> {
  const { site, ...authority } = readIssuer(folder, nowMs);
  const { certify, requestOf } = await making();
  const request = await requestOf(csrPem);
  if (typeof request === 'string') throw new InputError([problem(wanted.place, request, 'one made by tandem agent enrol')]);
  return await withLedger(folder, async (ledger) => {
    const issued = join(folder, 'issued', wanted.name), before = ledger.certificates.filter((each) => each.role === 'agent' && each.name === wanted.name && isInForce(each, nowMs));
    const reused = admit(folder, authority.certificatePem, before, wanted, request.keySha256, nowMs);
    const certificatePem = reused ?? await certify(authority, request.key, 'agent', site, wanted.name, nowMs, [wanted.address]);
    if (reused === undefined) {
      revokeAll(ledger, folder, before, wanted.reason ?? 'enrolled again', nowMs);
      if (before.length > 0) await writeList(ledger, folder, authority, nowMs);
      record(ledger, folder, 'agent', wanted.name, certificatePem, wanted.reason ?? 'enrolled', nowMs);
    }
    mkdirSync(issued, { recursive: true, mode: 0o700 });
    setAside(issued);
    replaceFile(join(issued, 'agent.crt'), certificatePem);
    const { crlPem } = putBeside(folder, issued, authority.certificatePem);
    return { issued, serial: serialOf(new X509Certificate(certificatePem).serialNumber), certificatePem, caPem: authority.certificatePem, crlPem, revoked: reused === undefined ? before.map(({ serial }) => serial) : [], madeBeforeMs: reused === undefined ? undefined : before[0]?.atMs };
  });
}

/** A key that was made here for this host (tandem pki issue) does not belong to the new certificate: both old files are kept under another name. */
function setAside(issued: string): void {
  if (!existsSync(join(issued, 'agent.key'))) return;
  const mark = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  for (const name of ['agent.crt', 'agent.key']) if (existsSync(join(issued, name))) renameSync(join(issued, name), join(issued, `${name}.before-${mark}`));
}
