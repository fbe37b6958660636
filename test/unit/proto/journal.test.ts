import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal, JournalCorrupt, JournalFull, readJournal } from '../../../proto/journal.ts';

let folder: string, path: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'journal-')); path = join(folder, 'runs/r1/journal.jsonl'); });
afterEach(() => { rmSync(folder, { recursive: true }); });

function write(records: unknown[]): Journal<unknown> {
  const journal = new Journal<unknown>(path);
  records.forEach((record, i) => { journal.append(record, i % 2 === 0); });
  return journal;
}

test('what was appended is replayed, in order, and the chain goes on from its head', () => {
  const first = write([{ a: 1 }, 'two', null]);
  const head = first.head;
  first.close();
  const second = new Journal<unknown>(path);
  expect(second.replayed).toEqual([{ a: 1 }, 'two', null]);
  expect(second.head).toBe(head);
  second.append({ a: 4 }, true);
  expect(readJournal(path).records).toEqual([{ a: 1 }, 'two', null, { a: 4 }]);
});

test('a tail torn at any byte costs the last line only, and writing goes on', () => {
  write([{ n: 1 }, { n: 2 }, { n: 'drei ☃' }]).close();
  const whole = readFileSync(path);
  const keptBytes = whole.indexOf(10, whole.indexOf(10) + 1) + 1;
  for (let size = keptBytes + 1; size < whole.length; size += 1) {
    writeFileSync(path, whole.subarray(0, size));
    const journal = new Journal<unknown>(path);
    expect(journal.replayed).toEqual([{ n: 1 }, { n: 2 }]);
    expect(journal.tornBytes).toBe(size - keptBytes);
    journal.append({ n: 'again' }, true);
    journal.close();
    expect(readJournal(path).records).toEqual([{ n: 1 }, { n: 2 }, { n: 'again' }]);
  }
});

test('a changed, missing or reordered line that is not the last is never passed over', () => {
  write([1, 2, 3, 4].map((n) => ({ n, text: 'x'.repeat(n) }))).close();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const damage: Record<string, string[]> = {
    changed: lines.map((line, i) => (i === 1 ? line.replace('"xx"', '"xy"') : line)),
    missing: lines.filter((_, i) => i !== 1),
    reordered: [lines[1], lines[0], lines[2], lines[3]].map(String),
    doubled: [lines[0], lines[0], lines[1], lines[2]].map(String),
  };
  for (const [name, bad] of Object.entries(damage)) {
    writeFileSync(path, `${bad.join('\n')}\n`);
    expect(() => new Journal(path), name).toThrow(JournalCorrupt);
  }
});

test('whatever bytes stand behind the last whole line, nothing before them is lost', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => {
    rmSync(path, { force: true });
    write([{ n: 1 }, { n: 2 }]).close();
    appendFileSync(path, tail);
    expect(readJournal(path).records).toEqual([{ n: 1 }, { n: 2 }]);
    if (tail.includes(10)) expect(() => readJournal(path, true)).toThrow(JournalCorrupt);
    else expect(readJournal(path, true).records).toEqual([{ n: 1 }, { n: 2 }]);
  }), { numRuns: 100 });
});

test('whole lines at the end that do not hold stay where they are until the next line is written, and are kept beside it then', () => {
  write([{ n: 1 }, { n: 2 }, { n: 3 }]).close();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n'), bad = `${lines[1]!.replace('2', '7')}\n${lines[2]!.slice(0, 30)}\n###`;
  writeFileSync(path, `${lines[0]!}\n${bad}`);
  const before = readFileSync(path, 'utf8');
  for (let start = 0; start < 2; start += 1) {
    const journal = new Journal<unknown>(path);
    expect([journal.replayed, journal.damaged, readFileSync(path, 'utf8')]).toEqual([[{ n: 1 }], true, before]);
    journal.close();
  }
  const journal = new Journal<unknown>(path);
  mkdirSync(`${path}.damaged`); // no place to keep them
  expect(() => { journal.append({ n: 'again' }, true); }).toThrow(JournalFull);
  expect([journal.damaged, readFileSync(path, 'utf8')]).toEqual([true, before]);
  rmSync(`${path}.damaged`, { recursive: true });
  journal.append({ n: 'again' }, true);
  journal.close();
  expect([journal.damaged, readFileSync(`${path}.damaged`, 'utf8')]).toEqual([false, bad]);
  expect(readJournal(path, true).records).toEqual([{ n: 1 }, { n: 'again' }]);
});

test('an empty file is an empty journal', () => {
  write([1]).close();
  truncateSync(path, 0);
  expect(new Journal(path).replayed).toEqual([]);
});
