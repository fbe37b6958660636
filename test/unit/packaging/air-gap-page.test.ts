import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asRun, fill, firstMissing, PLACEHOLDERS, proseOf, readPage, type Seen } from '../../integration/air-gap-page.ts';

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

const scripts = readPage(page).flatMap((block) => (block.kind === 'run' ? block.script.split('\n') : []));

test('every command line of the page is in a block that is run', () => {
  for (const word of ['agent enrol', 'enrol controller --code CODE', 'enrol compute1 --request', 'pki revoke', 'pki publish', 'upgrade tandem', 'remove tandem', 'tandem hosts', 'tandem health'])
    expect(scripts.some((line) => line.includes(word)), word).toBe(true);
  const prose = proseOf(page), outside = prose.filter(({ text }) => /^(?:[ \t]+|[$] )\S/.test(text)).map(({ text }) => text.trim());
  // The lab's hosts have no firewall; the page says so beside it.
  expect(outside.map((line) => line.replace(/ --add.*/, ''))).toEqual(['firewall-cmd --permanent', 'firewall-cmd --reload']);
});

/** Commands that stand in a sentence and are not run here: for another kind of site, or after the page's end. */
const IN_SENTENCES = [
  'scripts/bench size', 'scripts/bundle --key YOUR-KEY', 'iptables -I INPUT -p tcp -s 192.0.2.254 --dport 7443 -j ACCEPT', 'service iptables save',
  '/srv/tandem/tandem agent install', // instead of the RPM: test/rpm/rpm-test does it
  'systemctl status tandem-agent', 'tandem health controller', 'tandem plan', 'tandem check', 'tandem run', 'rm -rf /var/lib/tandem /etc/tandem /var/cache/tandem',
];
test('a command in a sentence is one that a block runs, or is listed here with why not', () => {
  const inline = proseOf(page).flatMap(({ text }) => Array.from(text.matchAll(/`([^`]+)`/g), ([, code = '']) => code)).filter((code) => / /.test(code) && !code.startsWith('-'));
  expect(inline.filter((code) => !IN_SENTENCES.includes(code) && !scripts.includes(code))).toEqual([]);
  expect(IN_SENTENCES.filter((code) => !inline.includes(code)), 'listed and not there').toEqual([]);
});

test('nothing waits without an end', () => {
  const loops = scripts.filter((line) => /\b(?:until|while)\b/.test(line));
  expect(loops.length).toBeGreaterThan(1);
  expect(loops.filter((line) => !/^timeout \d+ sh -c '/.test(line))).toEqual([]);
});

test('the first command that fails ends a block, and a right side of && tells by what it prints', () => {
  const exitOf = (script: string): number | null => spawnSync('bash', ['-c', `{ ${asRun(script)}\n} 2>&1`]).status; // as test/integration/air-gap.test.ts does
  expect([exitOf('true\ntrue'), exitOf('false\ntrue'), exitOf('cd /nowhere\ntrue'), exitOf('true\nexit 5'), exitOf("timeout 0.2 sh -c 'until false; do sleep 1; done'\ntrue")]).toEqual([0, 1, 1, 5, 124]);
  expect(exitOf('false && echo whole\ntrue')).toBe(0);
  const told = readPage(page).flatMap((block) => (block.kind === 'run' ? block.script.split('\n').filter((line) => line.includes('&&')).map((line) => ({ line, expected: block.expected })) : []));
  expect(told.length).toBeGreaterThan(2);
  expect(told.filter(({ line, expected }) => !expected.includes(/&& echo ([^&|]+)$/.exec(line)?.[1] ?? 'nothing'))).toEqual([]);
});

test('lines outside blocks are told from those within', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-prose-')), file = join(folder, 'page.md');
  writeFileSync(file, 'a\n```sh x\n    b\n```\n    c\n');
  expect(proseOf(file)).toEqual([{ line: 1, text: 'a' }, { line: 5, text: '    c' }, { line: 6, text: '' }]);
  rmSync(folder, { recursive: true });
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
