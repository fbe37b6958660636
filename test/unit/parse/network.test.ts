import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseIfcfg, renamed, renamedRoutes, renamedValues, setIfcfg } from '../../../agent/parse/ifcfg.ts';
import { onNetwork, parseIpAddresses, parseIpRoutes, routeWords, type Family } from '../../../agent/parse/ip.ts';
import { parseBridges } from '../../../agent/parse/ovs.ts';

interface Sample { source: string; text: string; expected: unknown; family?: Family }
const folder = join(import.meta.dirname, '../../fixtures/parse');
const parsers: Record<string, (text: string, family: Family) => unknown> = {
  ifcfg: (text) => Object.fromEntries(parseIfcfg(text)), 'ip-addresses': parseIpAddresses, 'ovs-bridges': parseBridges,
  'ip-routes': (text, family) => parseIpRoutes(text, family).map((route) => (route.odd ? 'odd ' : '') + routeWords(route)),
};

describe.each(Object.entries(parsers))('%s', (thing, run) => {
  test.each(readdirSync(join(folder, thing)))('%s', (file) => {
    const sample = parse(readFileSync(join(folder, thing, file), 'utf8')) as Sample;
    expect(sample.source).not.toBe('');
    expect(run(sample.text, sample.family ?? 'v4')).toEqual(sample.expected);
  });
});

test('setting keys keeps comments, order and every other line', () => {
  const text = '# first\nDEVICE="eth0" # the card\nUUID=1\n\nODD LINE\nONBOOT=no\nONBOOT=yes';
  expect(setIfcfg(text, new Map([['DEVICE', 'em1'], ['ONBOOT', 'no'], ['NEW', 'a "b"']]), ['UUID'])).toBe('# first\nDEVICE="em1" # the card\n\nODD LINE\nONBOOT=no\nONBOOT=no\nNEW="a \\"b\\""\n');
  expect(setIfcfg('A=1\n', new Map())).toBe('A=1\n');
});

const key = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/), value = fc.stringMatching(/^[ -~]{0,12}$/);
test('what is set is what a reader finds, and nothing else changes', () => {
  fc.assert(fc.property(fc.array(fc.tuple(key, value)), fc.dictionary(key, value), (lines, set) => {
    const text = lines.map(([name, content]) => `${name}='${content.replaceAll("'", '')}'\n`).join('');
    const after = parseIfcfg(setIfcfg(text, new Map(Object.entries(set))));
    expect(Object.fromEntries(after)).toEqual({ ...Object.fromEntries(parseIfcfg(text)), ...set });
  }));
});

test('names: aliases and VLANs follow their parent, lists are renamed word by word', () => {
  const map = { eth0: 'em1', 'eth1.7': 'p1p1.7' };
  expect(['eth0', 'eth0:1', 'eth0.100', 'eth00', 'eth1.7', 'eth1.70', 'br-ex', 'constructor'].map((name) => renamed(name, map))).toEqual(['em1', 'em1:1', 'em1.100', 'eth00', 'p1p1.7', 'eth1.70', 'br-ex', 'constructor']);
  const values = new Map([['DEVICE', 'eth0.100'], ['NAME', 'System eth0'], ['BOND_IFACES', 'eth0 eth1'], ['IPADDR', 'eth0'], ['PHYSDEV', 'eth0']]);
  expect(Object.fromEntries(renamedValues(values, map))).toEqual({ DEVICE: 'em1.100', NAME: 'System em1', BOND_IFACES: 'em1 eth1', PHYSDEV: 'em1' });
  expect(renamedRoutes('# dev eth0\n10.0.0.0/8 via 10.1.1.1 dev eth0\nADDRESS0=10.0.0.0\niif eth0.100 table 7\n', map)).toBe('# dev eth0\n10.0.0.0/8 via 10.1.1.1 dev em1\nADDRESS0=10.0.0.0\niif em1.100 table 7\n');
});

test.each<[string, string, boolean]>([
  ['10.77.0.254', '10.77.0.1/24', true], ['10.77.1.254', '10.77.0.1/24', false], ['255.255.255.255', '255.0.0.1/8', true], ['10.0.0.1', '10.0.0.1/32', true], ['1.2.3.4', '9.9.9.9/0', true],
  ['2001:db8:1::1', '2001:db8:1::10/64', true], ['2001:db8:2::1', '2001:db8:1::10/64', false], ['::ffff:10.0.0.1', '::ffff:a00:2/124', true], ['fe80::1', '10.0.0.1/8', false], ['', '10.0.0.1/8', false],
])('%s on the network of %s: %s', (address, cidr, is) => { expect(onNetwork(address, cidr)).toBe(is); });
