import { GENESIS, openLine } from '../../proto/journal.ts';

/** What an audit has to say: `broken` is proof that the record is not what it was; `unproven`, that nothing shows that it is. */
export interface Finding { kind: 'broken' | 'unproven'; /** FILE, or FILE:LINE. */ where: string; what: string }

/** A line that holds by its own hash. `line` is its place in the file, from 1. */
export interface ReadLine { line: number; n: number; prev: string; hash: string; at: unknown }

/** One journal as it lies there. */
export interface ReadFile {
  file: string;
  /** By number; of two with the same one the first. */
  lines: Map<number, ReadLine>;
  /** The highest number. */
  last: number;
  findings: Finding[];
}

/** Reads a journal whatever was done to it, and says of each line whether it is the one that was written there. */
export function readLines(file: string, bytes: Buffer): ReadFile {
  const read: ReadFile = { file, lines: new Map(), last: 0, findings: [] };
  const { pieces, torn } = split(bytes);
  const opened = pieces.map((piece, at): ReadLine | undefined => {
    const line = openLine<unknown>(piece);
    return line === undefined || !Number.isSafeInteger(line.n) ? undefined : { ...line, line: at + 1 };
  });
  const numbers = new Set(opened.map((line) => line?.n));
  let expected = 1, prev: string | undefined = GENESIS;
  opened.forEach((line, at) => {
    const broken = (what: string): void => { read.findings.push({ kind: 'broken', where: `${file}:${String(at + 1)}`, what }); };
    if (line === undefined) {
      broken('the line was changed: its hash does not hold');
      expected += 1;
      prev = undefined;
      return;
    }
    if (line.n !== expected) broken(misplaced(line.n, expected, read.lines.has(line.n), numbers.has(expected)));
    else if (prev !== undefined && line.prev !== prev) broken('the line does not follow the one before it, which was replaced');
    if (!read.lines.has(line.n)) read.lines.set(line.n, line);
    read.last = Math.max(read.last, line.n);
    expected = line.n + 1;
    ({ hash: prev } = line);
  });
  if (torn > 0) read.findings.push({ kind: 'unproven', where: `${file}:${String(pieces.length + 1)}`, what: `the last line is torn: ${String(torn)} bytes without an end, as a crash leaves them, or a hand that cut it; it counts for nothing` });
  return read;
}

function misplaced(n: number, expected: number, twice: boolean, elsewhere: boolean): string {
  if (twice) return `line ${String(n)} stands here a second time`;
  if (elsewhere || n < expected) return `the lines were reordered: line ${String(n)} stands where line ${String(expected)} was written`;
  return n - 1 === expected ? `line ${String(expected)} is missing before it` : `lines ${String(expected)} to ${String(n - 1)} are missing before it`;
}

function split(bytes: Buffer): { pieces: Buffer[]; torn: number } {
  const pieces: Buffer[] = [];
  let at = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, at)) {
    pieces.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return { pieces, torn: bytes.length - at };
}
