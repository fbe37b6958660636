import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseHistoryInfo, parseJournal } from '../../../agent/parse/transaction.ts';

const folder = join(import.meta.dirname, '../../fixtures/parse/history-info');

test.each(readdirSync(folder))('history-info %s', (file) => {
  const sample = parse(readFileSync(join(folder, file), 'utf8')) as { source: string; text: string; expected: unknown };
  expect(sample.source).not.toBe('');
  expect(parseHistoryInfo(sample.text)).toEqual(sample.expected);
});

test('what tells of no transaction is none', () => {
  expect(parseHistoryInfo('No transactions\n')).toBeUndefined();
});

// The form is that of yum 3.4.3's rpmtrans.py (`TYPE EPOCH:NAME-VERSION-RELEASE.ARCH`); names and versions are those of a broken
// update of bind-utils on RHEL 7.9, as public course material shows it being finished.
const ALL = `install 32:bind-license-9.11.4-26.P2.el7_9.14.noarch
install 0:python-ply-3.4-11.el7.noarch
install 32:bind-utils-9.11.4-26.P2.el7_9.14.x86_64
erase 32:bind-utils-9.11.4-26.P2.el7_9.13.x86_64
erase 32:bind-license-9.11.4-26.P2.el7_9.13.noarch
`;
test("yum 3's journal: what is new, what replaces, what is done", () => {
  expect(parseJournal(ALL, 'install 32:bind-license-9.11.4-26.P2.el7_9.14.noarch\n')).toEqual([
    { kind: 'update', name: 'bind-license', nevra: 'bind-license-9.11.4-26.P2.el7_9.14.noarch', done: true },
    { kind: 'install', name: 'python-ply', nevra: 'python-ply-3.4-11.el7.noarch', done: false },
    { kind: 'update', name: 'bind-utils', nevra: 'bind-utils-9.11.4-26.P2.el7_9.14.x86_64', done: false },
    { kind: 'erase', name: 'bind-utils', nevra: 'bind-utils-9.11.4-26.P2.el7_9.13.x86_64', done: false },
    { kind: 'erase', name: 'bind-license', nevra: 'bind-license-9.11.4-26.P2.el7_9.13.noarch', done: false },
  ]);
});

test('a journal torn by a power cut is read up to there', () => {
  fc.assert(fc.property(fc.nat(ALL.length), (cut) => {
    const whole = parseJournal(ALL, ''), torn = parseJournal(ALL.slice(0, cut), '');
    expect(torn.length).toBeLessThanOrEqual(whole.length);
    for (const [at, one] of torn.slice(0, -1).entries()) expect(one.nevra).toBe(whole[at]?.nevra);
  }));
});
