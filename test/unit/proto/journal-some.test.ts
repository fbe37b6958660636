import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Journal, JournalCorrupt } from '../../../proto/journal.ts';

test('some records from any number on are those that stand there, of a journal written now or opened again (property)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'journal-some-'));
  try {
    fc.assert(fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 420 }), fc.uuid(), (before, after, from, name) => {
      const path = join(folder, name), all = Array.from({ length: before + after }, (_, at) => ({ at, text: 'ü\\n'.repeat(at % 23 === 5 ? 15_000 : at % 7) }));
      const first = new Journal<unknown>(path);
      all.slice(0, before).forEach((one) => { first.append(one, false); });
      first.close();
      const journal = new Journal<unknown>(path);
      all.slice(before).forEach((one) => { journal.append(one, false); });
      const some = journal.some(from);
      journal.close();
      expect(some).toEqual(all.slice(from - 1, from - 1 + some.length));
      expect(some.length > 0).toBe(from <= all.length);
    }), { numRuns: 60 });
  } finally { rmSync(folder, { recursive: true }); }
});

test('a line that was changed on the disk meanwhile is not handed on', () => {
  const folder = mkdtempSync(join(tmpdir(), 'journal-some-')), path = join(folder, 'j');
  const journal = new Journal<unknown>(path);
  journal.append({ a: 1 }, true);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"a":1', '"a":2'));
  expect(() => journal.some(1)).toThrow(JournalCorrupt);
  journal.close();
  rmSync(folder, { recursive: true });
});
