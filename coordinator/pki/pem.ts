import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { InputError, problem, type Place } from '../input/problem.ts';

/** A file of the pki folder. `mode` holds its permission bits. */
export interface PemFile { file: string; text: string; mode: number }

const KEY_LABELS = ['PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY'];

/** Where the first block begins. Throws InputError; never repeats the file's text, which may be a key. */
function begin({ file, text }: PemFile, labels: string[]): Place {
  const expected = `"-----BEGIN ${labels[0] as string}-----"`;
  const at = (line: number, column = 1): Place => ({ file, line, column });
  const wrong = (place: Place, found: string, wanted = expected): InputError => new InputError([problem(place, found, wanted)]);
  if (text.trim() === '') throw wrong(at(1), 'an empty file');
  const lines = text.split('\n').map((line) => line.trimEnd());
  const first = lines.findIndex((line) => line.startsWith('-----BEGIN '));
  if (first < 0) throw wrong(at(1), 'text that is not PEM');
  const label = /^-----BEGIN (.+)-----$/.exec(lines[first] as string)?.[1] ?? '';
  if (label === 'ENCRYPTED PRIVATE KEY' && labels === KEY_LABELS) throw wrong(at(first + 1), 'a private key behind a passphrase', 'one without: nobody is there to type it at 3 a.m.');
  if (!labels.includes(label)) throw wrong(at(first + 1), `"-----BEGIN ${label}-----"`);
  for (let n = first + 1; n < lines.length; n += 1) {
    const line = lines[n] as string;
    if (line === `-----END ${label}-----`) return at(first + 1);
    const bad = line.search(/[^A-Za-z0-9+/=]/);
    if (bad >= 0) throw wrong(at(n + 1, bad + 1), 'a character that is not base64', 'base64 up to the line that begins with "-----END"');
  }
  throw wrong(at(lines.length), 'the end of the file', `"-----END ${label}-----"`);
}

/** The first certificate of the file and where it begins. Throws InputError. */
export function certificateOf(source: PemFile): { certificate: X509Certificate; place: Place } {
  const place = begin(source, ['CERTIFICATE']);
  try { return { certificate: new X509Certificate(source.text), place }; } catch {
    throw new InputError([problem(place, 'a damaged certificate', 'an X.509 certificate')]);
  }
}

/** The private key of the file and where it begins. Throws InputError, also for a key that others can read. */
export function keyOf(source: PemFile): { key: KeyObject; place: Place } {
  const place = begin(source, KEY_LABELS);
  if ((source.mode & 0o077) !== 0) throw new InputError([problem(place, `mode ${source.mode.toString(8).padStart(4, '0')}, which lets others at the key`, `mode 0600 (chmod 600 ${source.file})`)]);
  try { return { key: createPrivateKey(source.text), place }; } catch {
    throw new InputError([problem(place, 'a damaged private key', 'an unencrypted private key')]);
  }
}
