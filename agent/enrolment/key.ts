import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { linkSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, syncFolder } from './files.ts';

/** The host's own key, which never leaves it. `fingerprint`: SHA-256 of its SubjectPublicKeyInfo (DER). */
export interface HostKey { privateKey: KeyObject; publicKey: KeyObject; pem: string; fingerprint: Buffer }

/** Throws where others than the owner may read the key. */
export function refuseOpenKey(path: string): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) throw new Error(`${path} has mode 0${mode.toString(8)}: others may read it; expected 0600`);
}

/** agent.key of the folder; made (ECDSA P-256, 0600) where there is none yet, by whoever comes first. */
export function hostKey(certs: string): HostKey {
  const path = join(certs, 'agent.key');
  const pem = readIfThere(path) ?? make(certs, path);
  refuseOpenKey(path);
  const privateKey = createPrivateKey(pem), publicKey = createPublicKey(privateKey);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error(`${path} is another kind of key than ECDSA P-256; move it away, and a new one is made`);
  return { privateKey, publicKey, pem, fingerprint: createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest() };
}

/** `agent serve` and `agent enrol` may both find no key: the name is given to a whole file, and once only. */
function make(certs: string, path: string): string {
  mkdirSync(certs, { recursive: true, mode: 0o700 });
  const fresh = `${path}.${String(process.pid)}.new`;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
  try {
    writeFileSync(fresh, privateKey, { mode: 0o600, flush: true });
    linkSync(fresh, path);
    syncFolder(certs);
    return privateKey;
  } catch (error) {
    const other = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readIfThere(path) : undefined;
    if (other === undefined) throw error;
    return other;
  } finally { rmSync(fresh, { force: true }); }
}
