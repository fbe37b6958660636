import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { globToRegExp } from '../../../agent/parse/glob.ts';
import { parseAddresses, parseOsRelease } from '../../../agent/parse/identity.ts';
import { parseListeningProcesses, parseProcNetTcp } from '../../../agent/parse/listeners.ts';
import { groupState, mapperName, missingDisks, parseReport, volumeState } from '../../../agent/parse/lvm.ts';
import { parseRepoFile, setRepoEnabled } from '../../../agent/parse/repo-file.ts';
import { parseRpmQuery, parseRpmVerify } from '../../../agent/parse/rpm.ts';
import { parseShow } from '../../../agent/parse/systemctl.ts';
import { parseListInstalled, parseRepolist } from '../../../agent/parse/yum.ts';

const folder = join(import.meta.dirname, '../../fixtures/parse');
const parsers: Record<string, (text: string) => unknown> = {
  repolist: parseRepolist, 'repo-file': parseRepoFile, 'list-installed': (text) => Object.fromEntries(parseListInstalled(text)),
  'rpm-query': parseRpmQuery, 'rpm-verify': parseRpmVerify, show: parseShow, 'proc-net-tcp': parseProcNetTcp,
  ss: (text) => Object.fromEntries(parseListeningProcesses(text)), 'os-release': parseOsRelease, 'ip-addr': parseAddresses, 'lvm-report': parseReport,
};

describe.each(Object.entries(parsers))('%s', (thing, run) => {
  test.each(readdirSync(join(folder, thing)))('%s', (file) => {
    const sample = parse(readFileSync(join(folder, thing, file), 'utf8')) as { source: string; text: string; expected: unknown };
    expect(sample.source).not.toBe('');
    expect(run(sample.text)).toEqual(sample.expected);
  });
});

test('a message of rpm is not taken for a package', () => {
  expect(() => parseRpmQuery('error: cannot open Packages index\n')).toThrow(TypeError);
});

test('lv_attr: fifth, sixth and tenth character', () => {
  const active = ['-wi-a-----', '-wi-ao----', '-wi-------', 'Vwi-a-tz--', 'swi-I-s---', 'swi-m-s---', '-wi-s-----', ''].map((attr) => volumeState(attr).active);
  expect(active).toEqual([true, true, false, true, true, true, false, false]);
  expect(['-wi-ao----', '-wi-a-----'].map((attr) => volumeState(attr).open)).toEqual([true, false]);
  expect(['Vwi---tz-k', 'Vwi---tz--'].map((attr) => volumeState(attr).skipped)).toEqual([true, false]);
});

test('vg_attr: exported and partial', () => {
  expect(['wz--n-', 'wzx-n-', 'wz-pn-'].map(groupState)).toEqual([{ exported: false, partial: false }, { exported: true, partial: false }, { exported: false, partial: true }]);
});

test('missing disks are named by UUID, in the words of RHEL 7.0 and of later releases', () => {
  const uuid = '0yYUxj-d5ot-tEzX-bvz9-5dPg-jzNP-rBYkbY';
  expect(missingDisks(`  Couldn't find device with uuid ${uuid}.\n  Couldn't find device with uuid ${uuid}.\n`)).toEqual([uuid]);
  expect(missingDisks(`  WARNING: Device for PV ${uuid} not found or rejected by a filter.\n  WARNING: VG a is missing PV ${uuid} (last written to /dev/vdb).\n`)).toEqual([uuid]);
  expect(missingDisks('  File descriptor 3 leaked on vgs invocation.\n')).toEqual([]);
});

test('names of device-mapper', () => { expect(mapperName('cinder-volumes', 'volume-1')).toBe('cinder--volumes-volume--1'); });

test('globs match as fnmatch does', () => {
  const match = (glob: string, text: string): boolean => globToRegExp(glob).test(text);
  expect(match('cf-me-*', 'cf-me-5.3-for-rhel-7-rpms')).toBe(true);
  expect(match('*-eus-rpms', 'rhel-7-server-eus-rpms')).toBe(true);
  expect(match('*-eus-rpms', 'rhel-7-server-eus-rpms-debug')).toBe(false);
  expect(match('2014.2.*', '2014.2.3')).toBe(true);
  expect(match('2014.2.*', '2014-2-3')).toBe(false);
  expect([match('rhel-[67]-x', 'rhel-7-x'), match('rhel-[!67]-x', 'rhel-7-x'), match('rhel-?', 'rhel-7')]).toEqual([true, false, true]);
});

test('a text without wildcards matches itself alone', () => {
  fc.assert(fc.property(fc.string().filter((text) => !/[*?[]/.test(text)), fc.string(), (text, other) => {
    expect(globToRegExp(text).test(text)).toBe(true);
    expect(globToRegExp(text).test(other)).toBe(text === other);
  }));
});

const id = fc.stringMatching(/^[a-z][a-z0-9.-]{0,12}$/).filter((text) => text !== 'main');
test('setting one repository changes that one and no other line', () => {
  const repositories = fc.uniqueArray(fc.record({ id, enabled: fc.constantFrom('1', '0', undefined) }), { minLength: 1, maxLength: 5, selector: (one) => one.id });
  fc.assert(fc.property(repositories, fc.nat(), fc.boolean(), (list, at, enabled) => {
    const text = list.map((one) => `# note\n[${one.id}]\nname=${one.id}\n${one.enabled === undefined ? '' : `enabled = ${one.enabled}\n`}gpgcheck=1\n`).join('\n');
    const target = list[at % list.length]?.id ?? '';
    const after = parseRepoFile(setRepoEnabled(text, target, enabled));
    expect(after).toEqual(parseRepoFile(text).map((one) => (one.id === target ? { ...one, enabled } : one)));
    expect(setRepoEnabled(text, target, enabled).split('\n').filter((line) => !/^enabled/.test(line))).toEqual(text.split('\n').filter((line) => !/^enabled/.test(line)));
  }));
});

test('what systemctl shows is read back block by block', () => {
  const block = fc.dictionary(fc.stringMatching(/^[A-Z][A-Za-z]{0,8}$/), fc.stringMatching(/^[a-z0-9=.-]{0,8}$/), { minKeys: 1, maxKeys: 5 });
  fc.assert(fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), (blocks) => {
    const text = blocks.map((one) => Object.entries(one).map(([key, value]) => `${key}=${value}\n`).join('')).join('\n');
    expect(parseShow(text)).toEqual(blocks.map((one) => ({ ...one })));
  }));
});
