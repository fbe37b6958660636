import { closeSync, existsSync, fstatSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Bytes that a lease takes on disk, filled up with spaces: a shorter one fits where a longer one was. */
const SIZE_BYTES = 4096;

/**
 * lease.json, replaced as a whole or not at all, and also on a full disk: next to it lies a spare of the same size, which is
 * overwritten where it is, then takes the name, and what had the name becomes the spare. A first one needs room for both.
 */
export class LeaseFile<T> {
  readonly #path: string;
  readonly #spare: string;
  readonly #former: string;

  constructor(stateDir: string) {
    this.#path = join(stateDir, 'lease.json');
    this.#spare = join(stateDir, 'lease.spare');
    this.#former = join(stateDir, 'lease.former');
    rmSync(this.#former, { force: true }); // a change that was cut short: maybe another name of lease.json itself, so never a spare
  }

  /** What is kept, or undefined where nothing is yet. Throws SyntaxError on a damaged file: its number cannot be told. */
  read(): T | undefined { return existsSync(this.#path) ? (JSON.parse(readFileSync(this.#path, 'utf8')) as T) : undefined; }

  /** On disk, under its name, when it returns. Throws the system's error, and then the former one is kept. */
  replace(lease: T): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    overwrite(this.#spare, lease);
    if (existsSync(this.#path)) {
      rmSync(this.#former, { force: true });
      linkSync(this.#path, this.#former);
    } else {
      overwrite(this.#former, lease); // so that giving back a first lease needs no room either
    }
    renameSync(this.#spare, this.#path);
    renameSync(this.#former, this.#spare);
    const folder = openSync(dirname(this.#path), 'r'); // the new name too, else a power cut brings an older number back
    fsyncSync(folder);
    closeSync(folder);
  }
}

function overwrite(path: string, content: unknown): void {
  const fd = openSync(path, existsSync(path) ? 'r+' : 'w', 0o600);
  try {
    const text = JSON.stringify(content), bytes = Buffer.from(text + ' '.repeat(Math.max(0, Math.max(SIZE_BYTES, fstatSync(fd).size) - Buffer.byteLength(text))));
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, done);
    fsyncSync(fd);
  } finally { closeSync(fd); }
}
