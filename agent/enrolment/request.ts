import { webcrypto } from 'node:crypto';
import type { HostKey } from './key.ts';
import { x509 } from './x509.ts';

const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

async function pairOf({ privateKey, publicKey }: HostKey): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto;
  return {
    privateKey: await subtle.importKey('pkcs8', privateKey.export({ type: 'pkcs8', format: 'der' }), KEY, false, ['sign']),
    publicKey: await subtle.importKey('spki', publicKey.export({ type: 'spki', format: 'der' }), KEY, true, ['verify']),
  };
}

/** Certificate signing request (PKCS #10, PEM). The subject is for people: the coordinator takes the name of its own site file. */
export async function requestFor(key: HostKey, host: string): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: `CN=${host}`, keys: await pairOf(key), signingAlgorithm: KEY });
  return `${request.toString('pem')}\n`;
}

/**
 * What an agent that is not enrolled shows in TLS (PEM). The caller pins the key and nothing else of it; so its dates say
 * nothing, for a new host's clock may be years off.
 */
export async function selfSigned(key: HostKey): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01', name: 'CN=Tandem agent that is not enrolled', keys: await pairOf(key), signingAlgorithm: KEY,
    notBefore: new Date('2000-01-01T00:00:00Z'), notAfter: new Date('2099-12-31T00:00:00Z'),
    extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true), new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'not-enrolled.tandem.invalid' }])],
  });
  return `${certificate.toString('pem')}\n`;
}
