import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseManifest } from '../../../agent/parse/manifest.ts';
import { pathGlob } from '../../../agent/parse/path-glob.ts';

const SHA = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const header = ['#tandem-manifest 1', '#host\tcontroller.example.test', '#captured\t2026-01-02T03:04:05Z', '#mode\tcold', '#root\t/'];
const entry = (path: string, over: Record<number, string> = {}): string =>
  ['f', '0640', '163', '163', 'keystone', 'keystone', '0', '0', '1400000000', SHA, '-', '-', path, '-'].map((field, at) => over[at] ?? field).join('\t');
const manifest = (...entries: string[]): string => [...header, ...entries, `#end\t${String(entries.length)}`, ''].join('\n');

describe('a manifest', () => {
  test('is read with header and entries', () => {
    const { host, mode, entries } = parseManifest(manifest(entry('/etc', { 0: 'd', 9: '-' }), entry('/etc/a%0Ab%FF%25', { 11: '64:12' }), entry('/etc/plugin.ini', { 0: 'l', 9: '-', 13: '%2D' })));
    expect([host, mode]).toEqual(['controller.example.test', 'cold']);
    expect(entries[1]).toMatchObject({ type: 'f', mode: 0o640, uid: 163, owner: 'keystone', path: '/etc/a\nb\xff%', linkGroup: '64:12', target: undefined, sha256: SHA });
    expect(entries[2]).toMatchObject({ type: 'l', target: '-' });
  });
  test('of the lab\'s capture script: names of every kind, links, sparse files', () => {
    const { host, entries } = parseManifest(readFileSync(join(import.meta.dirname, '../../fixtures/parse/manifest/lab-compute1.tsv'), 'utf8'));
    const odd = (name: string) => entries.find(({ path }) => path === `/etc/tandem-lab-odd/${name}`);
    expect(host).toBe('compute1.example.test');
    expect(odd('with\nnewline')?.type).toBe('f');
    expect(odd('latin1-\xe9\xff')?.type).toBe('f');
    expect(odd('link\nodd')?.target).toBe('target\twith\ntab');
    expect(odd('link-dash')?.target).toBe('-');
    expect(odd('hard-one')?.linkGroup).toBe(odd('hard two')?.linkGroup);
    expect(odd('unknown-ids')).toMatchObject({ uid: 4242, gid: 4243, owner: undefined, group: undefined });
    expect(odd('setuid')?.mode).toBe(0o4755);
    const sparse = odd('sparse');
    expect((sparse?.blocks512 ?? 0) * 512).toBeLessThan(sparse?.sizeBytes ?? 0);
    expect(entries.filter(({ type }) => type === 'p')).toHaveLength(1);
  });
  test('an id without a name has none', () => { expect(parseManifest(manifest(entry('/a', { 4: '-' }))).entries[0]?.owner).toBeUndefined(); });
  test.each([
    ['', 'line 1: expected "#tandem-manifest 1"'],
    ['#tandem-manifest 2\n', 'line 1:'],
    [manifest(entry('/etc', { 0: 'd', 9: '-' }), entry('/etc/x', { 0: 'l', 9: '-', 13: '/root' }), entry('/etc/x/y/key')), 'line 8: path "/etc/x/y/key" lies below what is no folder'],
    [manifest(entry('/a')).replace(/#end.*\n$/, ''), 'the end line is missing'],
    [manifest(entry('/a')).slice(0, -20), 'line 6:|the end line is missing'],
    [manifest(entry('/a')).replace('#end\t1', '#end\t2'), 'line 7: the end line says 2 entries, 1 are there'],
    [`${manifest(entry('/a'))}more\n`, 'line 8: text after the end line'],
    [manifest(entry('/b'), entry('/a')), 'line 7: not sorted'],
    [manifest(entry('/a'), entry('/a')), 'line 7: not sorted'],
    [manifest(entry('/a')).replace('#host\tcontroller.example.test\n', ''), 'header host is missing'],
    [manifest(entry('/a')).replace('cold', 'warm'), 'header mode is warm'],
    [manifest('f\t0640'), 'line 6: 2 fields, expected 14'],
    [manifest(entry('/a', { 1: '9999' })), 'line 6: mode is "9999"'],
    [manifest(entry('/a', { 9: '-' })), 'line 6: a regular file without sha256'],
    [manifest(entry('/a', { 13: 'x' })), 'line 6: target of what is no link'],
    [manifest(entry('/a', { 0: 'l', 9: '-' })), 'line 6: a link without target'],
    [manifest(entry('a')), 'line 6: path "a" is not absolute'],
    [manifest(entry('/etc/../root/x')), 'not absolute and plain'],
    [manifest(entry('/a%0a')), 'line 6: path is'],
    [manifest(entry('/a%00')), 'not absolute and plain'],
  ])('%# is refused', (text, message) => { expect(() => parseManifest(text)).toThrow(new RegExp(message)); });
  test('property: every name comes back byte for byte', () => {
    const names = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1')).filter((name) => !/[/\0]/.test(name) && !['.', '..'].includes(name)));
    fc.assert(fc.property(names, (list) => {
      const encode = (name: string): string => name.replace(/[^\x21-\x7e]|%/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
      const paths = list.map((name) => `/${name}`).sort((a, b) => (encode(a) < encode(b) ? -1 : 1));
      expect(parseManifest(manifest(...paths.map((path) => entry(encode(path))))).entries.map(({ path }) => path)).toEqual(paths);
    }));
  });
  test('property: no part of a manifest passes for a whole one', () => {
    const whole = manifest(entry('/a'), entry('/b'), entry('/c'));
    fc.assert(fc.property(fc.integer({ min: 0, max: whole.length - 2 }), (cut) => { expect(() => parseManifest(whole.slice(0, cut))).toThrow(/line \d+/); }));
  });
});

test.each([
  ['/etc/keystone', '/etc/keystone/ssl/key.pem', true],
  ['/etc/keystone', '/etc/keystone2', false],
  ['/etc/*/policy.json', '/etc/nova/policy.json', true],
  ['/etc/*/policy.json', '/etc/a/b/policy.json', false],
  ['/etc/**/policy.json', '/etc/a/b/policy.json', true],
  ['/root/keystonerc_*', '/root/keystonerc_ad\nmin', true],
  ['/root/.my.cnf', '/root/xmy.cnf', false],
  ['/a?c', '/a/c', false],
])('glob %s over %j: %s', (glob, path, wanted) => { expect(pathGlob(glob)(path)).toBe(wanted); });
