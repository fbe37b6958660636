import type { PeerCertificate } from 'node:tls';

export type Role = 'operator' | 'observer';

/** The caller as its certificate says: URI SAN `spiffe://SITE/operator/NAME` or `.../observer/NAME`. */
export interface Caller { role: Role; name: string }

/** The role in a peer's certificate; undefined for a certificate of the site's CA that is neither (an agent's, mostly). */
export function callerOf(certificate: Pick<PeerCertificate, 'subjectaltname'> | undefined): Caller | undefined {
  for (const part of (certificate?.subjectaltname ?? '').split(/,\s*/)) {
    const found = /^URI:spiffe:\/\/[a-z0-9._-]+\/(operator|observer)\/([A-Za-z0-9][A-Za-z0-9._@-]{0,63})$/.exec(part);
    if (found !== null) return { role: found[1] as Role, name: found[2] ?? '' };
  }
  return undefined;
}
