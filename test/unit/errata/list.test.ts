import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const ALL = [...Array.from({ length: 24 }, (_x, at) => `E${String(at + 1)}`), ...Array.from({ length: 44 }, (_x, at) => `trap ${String(at + 1)}`), 'trap 13a'].sort();
/** Titles of tests, and the first words of a row of a table of them. */
const TITLE = /(?:\b(?:test|describe)\(|\[)(['"`])((?:\\.|(?!\1)[^\\\n])*)\1/g;

/** What a title names: `E1, E2: ...`, `trap 13a: ...`. */
const namedIn = (title: string): string[] => /^(?:(?:E\d+|trap \d+a?)(?:, )?)+(?=:|$)/.exec(title)?.[0].split(', ') ?? [];
const titles = new Map(readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.ts'))
  .map((path) => [path.slice(0, -'.test.ts'.length), [...readFileSync(join(root, 'test', path), 'utf8').matchAll(TITLE)].flatMap(([, , title = '']) => namedIn(title))]));

const rows = readFileSync(join(root, 'docs/errata.md'), 'utf8').split('\n').flatMap((line) => {
  const [id = '', cause = '', does = '', file = ''] = line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());
  return /^(?:E\d+|\d+a?)$/.test(id) ? [{ name: id.startsWith('E') ? id : `trap ${id}`, cause, does, file }] : [];
});

test('every error and trap stands on the page once, with what is done about it', () => {
  expect(rows.map(({ name }) => name).sort()).toEqual(ALL);
  for (const { name, cause, does } of rows) expect([cause, does].every((cell) => cell.length > 3), name).toBe(true);
});

test('the file that the page names has a test named after it; without one, the page says why no program can see it', () => {
  for (const { name, does, file } of rows) {
    if (file === '-') expect(does, name).toMatch(/^no test: .{40}/);
    else expect(titles.get(file), `${name} in test/${file}.test.ts`).toContain(name);
  }
  expect(rows.filter(({ file }) => file === '-').map(({ name }) => name)).toEqual(['trap 11']);
});

test('no test is named after an error or trap that there is not', () => {
  expect([...titles.values()].flat().filter((name) => !ALL.includes(name))).toEqual([]);
});
