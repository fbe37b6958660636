import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What the one-time code carries: SHA-256 of the host's public key (SubjectPublicKeyInfo, DER), 32 bytes, and a secret of 16 bytes. */
export interface Code { fingerprint: Buffer; secret: Buffer }

const FINGERPRINT_BYTES = 32, SECRET_BYTES = 16, SUM_BYTES = 2;
/** RFC 4648 without what is easily misread: 1 and 8 are no letters of it, so I, L, B and O can be taken as they are. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const GROUP = 5;

const sumOf = (bytes: Buffer): Buffer => createHash('sha256').update('tandem code').update(bytes).digest().subarray(0, SUM_BYTES);

/** The code as a person reads and types it: base32 in groups of five. */
export function codeText({ fingerprint, secret }: Code): string {
  const body = Buffer.concat([fingerprint, secret]);
  let bits = '';
  for (const byte of Buffer.concat([body, sumOf(body)])) bits += byte.toString(2).padStart(8, '0');
  const letters = (bits.match(/.{1,5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
  return (letters.match(new RegExp(`.{1,${String(GROUP)}}`, 'g')) ?? []).join('-');
}

/** Reads it again, in small or capital letters, with or without dashes and spaces. A string says what is wrong with it. */
export function codeOf(text: string): Code | string {
  const letters = text.toUpperCase().replace(/[\s-]/g, '');
  const bad = Array.from(letters).find((letter) => !ALPHABET.includes(letter));
  if (bad !== undefined) return `"${bad}" is in no code`;
  const bytes = Buffer.alloc(FINGERPRINT_BYTES + SECRET_BYTES + SUM_BYTES);
  if (letters.length !== Math.ceil((bytes.length * 8) / 5)) return `it has ${String(letters.length)} letters, a code has ${String(Math.ceil((bytes.length * 8) / 5))}`;
  const bits = Array.from(letters).map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  bytes.forEach((_, at) => { bytes[at] = Number.parseInt(bits.slice(at * 8, at * 8 + 8), 2); });
  const body = bytes.subarray(0, -SUM_BYTES);
  if (!sumOf(body).equals(bytes.subarray(-SUM_BYTES))) return 'a letter is wrong: its check sum does not hold';
  return { fingerprint: body.subarray(0, FINGERPRINT_BYTES), secret: body.subarray(FINGERPRINT_BYTES) };
}

/** For which message a proof is made; one is of no use for another. */
export type ProofOf = 'request' | 'csr' | 'install';

/**
 * HMAC-SHA256 under the code's secret over the step's word, the agent's nonce, the fingerprint and the payload's parts, each
 * with its length before it. Parts: request: host name; csr: CSR (PEM); install: certificate, CA and CRL (PEM).
 */
export function proofOf(step: ProofOf, { fingerprint, secret }: Code, nonce: Buffer, ...parts: string[]): Buffer {
  const mac = createHmac('sha256', secret);
  for (const part of [Buffer.from(step), nonce, fingerprint, ...parts.map((text) => Buffer.from(text))]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    mac.update(length).update(part);
  }
  return mac.digest();
}

export const proves = (proof: Buffer, expected: Buffer): boolean => proof.length === expected.length && timingSafeEqual(proof, expected);
