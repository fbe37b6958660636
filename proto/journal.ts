import { createHash } from 'node:crypto';
import { appendFileSync, closeSync, fdatasyncSync, fsyncSync, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { canonical } from './canonical.ts';

/** One line at rest: number, the hash of the line before, the record, the hash of this line up to that point. */
export interface Line<T> { n: number; prev: string; at: T }

/** Thrown where a journal cannot be trusted: a bad line, and good ones after it. */
export class JournalCorrupt extends Error {
  constructor(path: string, line: number, why: string) {
    super(`${path}:${line}: ${why}; the journal is kept as it is and nothing new is started from it`);
    this.name = 'JournalCorrupt';
  }
}

/** Thrown when a line cannot be put on disk (a full disk, mostly); the file ends after the last whole line. */
export class JournalFull extends Error {
  /** The system's name for it: ENOSPC, EDQUOT, EIO ... */
  readonly code: string;
  readonly path: string;
  /** A sync failed: this journal takes no more lines until it is opened anew, whatever room there is. */
  readonly lasting: boolean;
  constructor(path: string, cause: NodeJS.ErrnoException, lasting: boolean = false) {
    super(`cannot append to ${path}: ${cause.message}`);
    this.name = 'JournalFull';
    this.code = cause.code ?? '';
    this.path = path;
    this.lasting = lasting;
  }
}

/** What the first line follows. */
export const GENESIS = '0'.repeat(64);

/** The n-th line (with its newline) and its hash, from the record alone: whoever has the records can compute the chain. */
export function lineOf(n: number, prev: string, record: unknown): { text: string; hash: string } {
  const body = `{"n":${String(n)},"prev":"${prev}","at":${canonical(record)}}`, hash = createHash('sha256').update(body).digest('hex');
  return { text: `${body.slice(0, -1)},"hash":"${hash}"}\n`, hash };
}

/** Splits a stored line (without its newline) into its record and hash and proves the hash over its bytes; undefined when it does not hold. */
export function openLine<T>(bytes: Buffer): (Line<T> & { hash: string }) | undefined {
  const cut = bytes.lastIndexOf(',"hash":"'), hash = bytes.toString('latin1', cut + 9, bytes.length - 2);
  if (cut < 0 || bytes.toString('latin1', bytes.length - 2) !== '"}') return undefined;
  if (createHash('sha256').update(bytes.subarray(0, cut)).update('}').digest('hex') !== hash) return undefined;
  try { return { ...(JSON.parse(`${bytes.toString('utf8', 0, cut)}}`) as Line<T>), hash }; } catch { return undefined; }
}

/** The place of a line now and then is kept, so that to read some costs no more than to read these: after so many lines, or bytes. */
const BLOCK = 64, BLOCK_BYTES = 64 * 1024;
/** Where the line after the first `n` begins. */
interface Block { n: number; at: number }
function noteBlock(blocks: Block[], n: number, at: number): void {
  const last = blocks.at(-1);
  if (last === undefined || n - last.n >= BLOCK || at - last.at >= BLOCK_BYTES) blocks.push({ n, at });
}

/** Whether a line that holds begins at one of the lines from here on. */
function anyHolds(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    if (end < 0) return false;
    if (openLine(bytes.subarray(at, end)) !== undefined) return true;
    at = end + 1;
  }
  return false;
}

/**
 * Reads a journal without opening it for writing. A torn last line is left out and counted, never an error; so are whole lines at the end that
 * do not hold (`damaged`), unless `strict`. Throws JournalCorrupt.
 */
export function readJournal<T>(path: string, strict: boolean = false): { records: T[]; head: string; goodBytes: number; tornBytes: number; damaged: boolean; blocks: Block[] } {
  const bytes = readFileSync(path);
  const records: T[] = [], blocks: Block[] = [];
  let head = GENESIS, at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(10, at);
    const line = end < 0 ? undefined : openLine<T>(bytes.subarray(at, end));
    if (line === undefined) {
      if (end >= 0 && (strict || anyHolds(bytes.subarray(end + 1)))) throw new JournalCorrupt(path, records.length + 1, 'the line does not match its own hash');
      break;
    }
    if (line.prev !== head || line.n !== records.length + 1) throw new JournalCorrupt(path, records.length + 1, 'the line does not follow the one before');
    noteBlock(blocks, records.length, at);
    records.push(line.at);
    head = line.hash;
    at = end + 1;
  }
  return { records, head, goodBytes: at, tornBytes: bytes.length - at, damaged: bytes.indexOf(10, at) >= 0, blocks };
}

/**
 * Append-only lines of JSON, one writer. `append` returns after the line is written and, with `sync`,
 * after fdatasync: before a change is made, and before a result is sent. A torn tail is cut off at opening; whole lines that do not hold
 * are cut off only before the next line is written, and kept beside it: they may have been told to somebody.
 */
export class Journal<T> {
  readonly path: string;
  readonly replayed: T[];
  readonly tornBytes: number;
  #damaged: boolean;
  #fd: number;
  #n: number;
  #head: string;
  #size: number;
  /** A sync that failed may have lost what it was to save, and the next one would not say so: this journal takes no more lines. */
  #unsafe: JournalFull | undefined;
  readonly #blocks: Block[];

  /** `strict`: whole lines that do not hold are an error also at the end. Throws JournalCorrupt. */
  constructor(path: string, strict: boolean = false) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.path = path;
    this.#fd = openSync(path, 'a+', 0o600);
    let read: ReturnType<typeof readJournal<T>>;
    try {
      read = readJournal<T>(path, strict);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
    const { records, head, goodBytes, tornBytes, damaged, blocks } = read;
    this.#damaged = damaged;
    if (tornBytes > 0 && !damaged) ftruncateSync(this.#fd, goodBytes);
    this.replayed = records;
    this.tornBytes = tornBytes;
    this.#n = records.length;
    this.#head = head;
    this.#size = goodBytes;
    this.#blocks = blocks;
    if (fstatSync(this.#fd).size === 0) this.#syncFolder();
  }

  /** Hash of the last line: the chain's head, fit to be recorded by the other side. */
  get head(): string { return this.#head; }
  get length(): number { return this.#n; }
  get sizeBytes(): number { return this.#size; }
  /** Whether whole lines at the end do not hold; until the next line is written. */
  get damaged(): boolean { return this.#damaged; }

  append(record: T, sync: boolean): void {
    const { text, hash } = lineOf(this.#n + 1, this.#head, record);
    const bytes = Buffer.from(text);
    if (this.#unsafe !== undefined) throw this.#unsafe;
    if (this.#damaged) this.#putAside();
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
      if (sync) this.sync();
    } catch (error) {
      ftruncateSync(this.#fd, this.#size);
      throw error instanceof JournalFull ? error : new JournalFull(this.path, error as Error);
    }
    noteBlock(this.#blocks, this.#n, this.#size);
    this.#n += 1;
    this.#size += bytes.length;
    this.#head = hash;
  }

  /** On disk beside the journal before it is cut off. Throws JournalFull: then it stays where it is. */
  #putAside(): void {
    try { appendFileSync(`${this.path}.damaged`, readFileSync(this.path).subarray(this.#size), { mode: 0o600, flush: true }); } catch (error) {
      throw new JournalFull(this.path, error as Error);
    }
    ftruncateSync(this.#fd, this.#size);
    this.#damaged = false;
  }

  /** Some of the records from the given number on (1 is the first), from the disk: one at least where there is one. Throws JournalCorrupt. */
  some(from: number): T[] {
    const index = this.#blockOf(from - 1), block = this.#blocks[index];
    if (block === undefined || from > this.#n) return [];
    const bytes = Buffer.alloc((this.#blocks[index + 1]?.at ?? this.#size) - block.at);
    for (let done = 0, got = 1; done < bytes.length && got > 0; done += got) got = readSync(this.#fd, bytes, done, bytes.length - done, block.at + done);
    const records: T[] = [];
    for (let at = 0, n = block.n + 1; at < bytes.length; n += 1) {
      const end = bytes.indexOf(10, at), line = openLine<T>(bytes.subarray(at, end < 0 ? bytes.length : end));
      if (line?.n !== n) throw new JournalCorrupt(this.path, n, 'the line does not match its own hash');
      if (n >= from) records.push(line.at);
      at = end < 0 ? bytes.length : end + 1;
    }
    return records;
  }

  /** Puts on disk what was appended without. Throws JournalFull. */
  sync(): void {
    if (this.#unsafe !== undefined) throw this.#unsafe;
    try { fdatasyncSync(this.#fd); } catch (error) { throw this.#unsafe = new JournalFull(this.path, error as Error, true); }
  }

  /** Index of the last block that begins at or before this line, counted from 0. */
  #blockOf(line: number): number {
    let low = 0, high = this.#blocks.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#blocks[middle]?.n ?? 0) <= line) low = middle; else high = middle - 1;
    }
    return low;
  }

  close(): void { closeSync(this.#fd); }

  /** A new file's name is on disk only after its folder is. */
  #syncFolder(): void {
    const fd = openSync(dirname(this.path), 'r');
    fsyncSync(fd);
    closeSync(fd);
  }
}
