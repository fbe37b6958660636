import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InputError, problem } from '../input/problem.ts';
import type { KeyPair } from './certificates.ts';
import type { PemFile } from './pem.ts';

/** Throws InputError where there is no such file. */
export function readPem(file: string, expected: string): PemFile {
  if (!existsSync(file)) throw new InputError([problem({ file, line: 1, column: 1 }, 'no file', expected)]);
  return { file, text: readFileSync(file, 'utf8'), mode: statSync(file).mode & 0o777 };
}

/** Never overwrites: a key that is lost is lost. Asked of all files before the first is written: no key without its certificate. */
export const refuseExisting = (folder: string, ...names: string[]): void => { refuse(folder, ...names.flatMap((name) => [`${name}.key`, `${name}.crt`])); };

export function refuse(folder: string, ...names: string[]): void {
  const file = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file !== undefined) throw new InputError([problem({ file, line: 1, column: 1 }, 'a file', 'none: keys and certificates are never overwritten (move it away first)')]);
}

export function writePair(folder: string, name: string, pair: KeyPair): void {
  writeFileSync(join(folder, `${name}.key`), pair.keyPem, { mode: 0o600, flag: 'wx' });
  writeFileSync(join(folder, `${name}.crt`), pair.certificatePem, { mode: 0o644, flag: 'wx' });
}

/** In place of the old file, whole or not at all; on disk when it returns. */
export function replaceFile(path: string, text: string): void {
  const next = `${path}.new`;
  writeFileSync(next, text, { mode: 0o644, flush: true });
  renameSync(next, path);
  const folder = openSync(dirname(path), 'r');
  try { fsyncSync(folder); } finally { closeSync(folder); }
}
