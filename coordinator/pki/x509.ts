import { webcrypto } from 'node:crypto';
import 'reflect-metadata'; // x509's container needs it before itself
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

export { x509 };
/** The one kind of key of a site (ECDSA P-256, SHA-256). */
export const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
export const DAY_MS = 86_400_000;
/** Hosts whose clocks are a little behind must still take what is fresh. */
export const BACKDATE_MS = 3_600_000;

export async function keyFromPem(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  if (der === undefined) throw new Error('no private key in the file');
  return await webcrypto.subtle.importKey('pkcs8', der, KEY, false, ['sign']);
}
