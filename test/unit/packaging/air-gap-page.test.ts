import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fill, firstMissing, PLACEHOLDERS, readPage, type Seen } from '../../integration/air-gap-page.ts';

/** How the air-gap page is read: a command or an expectation that is left out, or always holds, would prove nothing. */
const page = join(import.meta.dirname, '../../../docs/air-gap.md');
const CODE = Array.from({ length: 16 }, (_, n) => 'ABCDEFGHIJKLMNOP'[n]!.repeat(5)).join('-');

function read(text: string): ReturnType<typeof readPage> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-page-'));
  try {
    writeFileSync(join(folder, 'page.md'), text);
    return readPage(join(folder, 'page.md'));
  } finally { rmSync(folder, { recursive: true }); }
}

test('every command line of the page is in a block that is run', () => {
  const scripts = readPage(page).flatMap((block) => (block.kind === 'run' ? block.script.split('\n') : []));
  for (const word of ['agent enrol', 'enrol controller --code CODE', 'enrol compute1 --request', 'pki revoke', 'pki publish', 'upgrade tandem', 'remove tandem', 'tandem hosts', 'tandem health'])
    expect(scripts.some((line) => line.includes(word)), word).toBe(true);
});

test('a block without a place is an error, and so is one without an end', () => {
  expect(() => read('```sh\nls\n```\n')).toThrow('page.md:1: a block that is not said where it belongs');
  expect(() => read('```text\nlonely\n```\n')).toThrow('page.md:1');
  expect(() => read('```sh controller\nls\n')).toThrow('page.md:1: the block has no end');
});

test('blocks, their hosts and exit codes', () => {
  expect(read('```sh a b exit=3,5\nx\ny\n```\n```text\nz\n```\n```carry\na /1 -> b /2\n```\n```yaml a /etc/f\nk: v\n```\n')).toEqual([
    { kind: 'run', line: 1, hosts: ['a', 'b'], exits: [3, 5], script: 'x\ny', expected: ['z'] },
    { kind: 'carry', line: 8, ways: [{ from: 'a', path: '/1', to: 'b', toPath: '/2' }] },
    { kind: 'write', line: 11, host: 'a', path: '/etc/f', text: 'k: v\n' },
  ]);
});

test('what is expected must be printed, whole lines, in this order', () => {
  const printed = 'one  two\nthree\n';
  expect(firstMissing(['one two', 'three'], printed, new Map())).toBeUndefined();
  expect(firstMissing(['three', 'one two'], printed, new Map())).toBe('one two');
  expect(firstMissing(['thre'], printed, new Map())).toBe('thre');
  expect(firstMissing(['thre…'], printed, new Map())).toBeUndefined();
  expect(firstMissing(['t.ree'], printed, new Map())).toBe('t.ree');
});

test('a code is learned and put into later commands, a new one each time; a key is the same from then on', () => {
  const seen: Seen = new Map(), key = Array.from({ length: 32 }, () => 'AB').join(':'), other = key.replace('AB', 'CD');
  expect(firstMissing(['…CODE…', '…HOSTKEY…'], `code ${CODE}\nfingerprint ${key} (x)\n`, seen)).toBeUndefined();
  expect(fill('tandem enrol h --code CODE; cp RPM-GPG-KEY-tandem x', seen)).toBe(`tandem enrol h --code ${CODE}; cp RPM-GPG-KEY-tandem x`);
  expect(firstMissing(['…HOSTKEY'], `it is ${other}\n`, seen)).toBe('…HOSTKEY');
  expect(firstMissing(['…HOSTKEY'], `it is ${key}\n`, seen)).toBeUndefined();
  expect(firstMissing(['…CODE…'], 'code ABCDE-FGHIJ\n', seen)).toBe('…CODE…');
  expect(firstMissing(['…CODE…'], `code ${CODE.replaceAll('A', 'Z')}\n`, seen)).toBeUndefined();
  expect(seen.get('CODE')).toBe(CODE.replaceAll('A', 'Z'));
  expect(Object.keys(PLACEHOLDERS)).toEqual(['CODE', 'HOSTKEY', 'AUTHORITY']);
});
