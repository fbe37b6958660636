import type { X509Certificate } from 'node:crypto';
import { NotAList, serialOf, type RevocationList } from './revoked.ts';
import { x509 } from './x509.ts';

const NUMBER = '2.5.29.20';

/** Reads a list and verifies that this authority signed it. Throws NotAList. */
export async function readList(pem: string, ca: X509Certificate): Promise<RevocationList> {
  try {
    const list = new x509.X509Crl(pem), authority = new x509.X509Certificate(ca.raw);
    if (list.issuer !== authority.subject || !await list.verify({ publicKey: authority.publicKey })) throw new NotAList("a revocation list that the site's authority has not signed");
    // RFC 5280, 5.1.2.5: there must be one. The library loses what comes after it where there is none: entries, extensions, number.
    const { nextUpdate } = list;
    if (nextUpdate === undefined) throw new NotAList('a revocation list that does not say when the next one is due');
    // RFC 5280, 5.2: what is marked critical and not understood (a list of changes only, of some certificates only) must not be used.
    if ([list.extensions, ...list.entries.map((entry) => entry.extensions)].flat().some((each) => each.critical)) throw new NotAList('a revocation list that covers only a part');
    const revoked = new Map(list.entries.map((entry) => [serialOf(entry.serialNumber), entry.revocationDate]));
    return { number: numberOf(list), thisUpdate: list.thisUpdate, nextUpdate, revoked, pem: `${x509.PemConverter.encode(list.rawData, 'X509 CRL')}\n` };
  } catch (error) {
    if (error instanceof NotAList) throw error;
    throw new NotAList('text that is no revocation list'); // the library throws errors of any kind at bad input
  }
}

/** RFC 5280, 5.2.3; 0 for a list without a number. */
function numberOf(list: x509.X509Crl): number {
  const der = list.getExtension(NUMBER)?.value;
  if (der === undefined) return 0;
  const [tag, length, ...bytes] = new Uint8Array(der);
  const number = Number(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
  if (tag !== 0x02 || length !== bytes.length || !Number.isSafeInteger(number)) throw new NotAList('a revocation list whose number cannot be read');
  return number;
}
