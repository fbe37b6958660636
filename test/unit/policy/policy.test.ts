import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parsePolicy } from '../../../agent/policy-file.ts';
import { coversPath, plainPath, refusalOf } from '../../../agent/policy-rules.ts';
import { PolicyKeeper } from '../../../agent/policy.ts';
import { pathGlob } from '../../../agent/parse/path-glob.ts';
import { absolutePath, pathGlob as pathGlobArgument } from '../../../agent/operations/fields.ts';
import { secretRef } from '../../../agent/operations/secret.ts';
import { catalogue, type Touches } from '../../../agent/operations/catalogue.ts';
import { policyText } from '../../../coordinator/plan-policy.ts';
import { planSite } from '../coordinator/real-runbook.ts';

const TEXT = `# a policy
operations:
  - ini.set
  - service.*
paths:
  - /etc/keystone
  - /mnt/*/etc/**
packages: [openstack-keystone, 'mysql*']
units: [openstack-keystone]
`;
const rules = parsePolicy('/p', TEXT);
const paths = (...list: string[]) => refusalOf(rules, 'ini.set', { paths: list });

test('what is listed is allowed, and all below a path', () => {
  expect(refusalOf(rules, 'ini.set', {})).toBeUndefined();
  expect(refusalOf(rules, 'service.running', { units: ['openstack-keystone.service'] })).toBeUndefined();
  expect(refusalOf(rules, 'ini.set', { packages: ['openstack-keystone', 'mysql-server'] })).toBeUndefined();
  expect(paths('/etc/keystone', '/etc/keystone/a/b', '/etc//keystone/', '/mnt/backup/etc/x', '/etc/keystone/*.conf', '/mnt/backup/etc/*/x?')).toBeUndefined();
});

test('all else is refused, with the line of the list that lacks it', () => {
  expect(refusalOf(rules, 'file.copied', {})).toBe('/p:2:1: "operations" does not allow "file.copied"');
  expect(paths('/etc/keystone/x', '/etc/shadow', '/etc/keystone2')).toBe('/p:5:1: "paths" does not allow "/etc/shadow", "/etc/keystone2"');
  expect(refusalOf(rules, 'ini.set', { packages: ['kernel'], units: ['sshd.service'] })).toBe('/p:8:1: "packages" does not allow "kernel"; /p:9:1: "units" does not allow "sshd.service"');
  for (const path of ['/etc', '/', '/etc/keystone/../shadow', '/etc/./keystone', 'etc/keystone', '/etc/keystone/\0', '/mnt/a/b/etc/x', '/mnt/backup/etc', '/etc/k*', '/etc/*', '/*', '/mnt/*/etc', '/mnt/*/*/x', '/mnt/**']) expect(paths(path), path).toMatch(/does not allow/);
  expect(refusalOf(rules, 'ini.set', { packages: ['mysql*', 'openstack-*'] })).toMatch(/does not allow "openstack-\*"$/);
  expect(refusalOf(parsePolicy('/p', 'operations: [ini.set]'), 'ini.set', { paths: ['/x'] })).toBe('/p:1:1: there is no list "paths", so it does not allow "/x"');
});

test('no glob that is allowed finds a path that is not (property)', () => {
  const part = fc.constantFrom('a', 'b', '*', '?', 'a*', '*b', '**', 'a**', 'ab'), plain = fc.constantFrom('a', 'b', 'ab', 'aab');
  const glob = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`), path = fc.array(plain, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
  let met = 0;
  fc.assert(fc.property(glob, glob, path, (pattern, wanted, found) => {
    if (!coversPath(pattern, wanted) || !pathGlob(wanted)(found)) return true;
    met += 1;
    return pathGlob(pattern)(found);
  }), { numRuns: 20_000 });
  expect(met).toBeGreaterThan(200);
});

test('a path that goes up, is relative or holds a NUL is no argument in the first place', () => {
  for (const bad of ['/etc/../shadow', '/..', '/../etc/shadow', '/.', '/./etc', '/etc/./x', 'etc/x', '', '-x', '/etc/\0', '/etc/x/', '//etc', '/etc//x']) expect(absolutePath.safeParse(bad).success, bad).toBe(false);
  for (const bad of ['/etc/../x', '/etc/..', '/../etc', '/..', '/*/../x', 'x*', '/\0', '-x']) expect(pathGlobArgument.safeParse(bad).success, bad).toBe(false);
  for (const bad of ['file:/etc/../shadow', 'file:/..', 'ini:/etc/../x#a.b', 'rc:/root/..#X', 'ini:x#a.b', 'file:x', 'file:/a\0b', 'shadow']) expect(secretRef.safeParse(bad).success, bad).toBe(false);
  for (const good of ['file:/root/a..b', 'ini:/etc/a.conf#a.b', 'rc:/root/rc#PW', 'coordinator-file:../pw']) expect(secretRef.safeParse(good).success, good).toBe(true);
  expect(['/a//b/', '/', '/a/..', 'a', '/a/.x', '/a...'].map(plainPath)).toEqual(['/a/b', '', undefined, undefined, '/a/.x', '/a...']);
});

test.each([
  ['', /^\/p:1:1: found an empty file, expected a map with operations, paths, packages, units$/], ['- a', /^\/p:1:1: found no map/], ['operations: [a]\noperation: [b]', /^\/p:2:1: found unknown key "operation"/],
  ['operations: all', /^\/p:1:13: found no list, expected a list of operations/], ['paths:', /^\/p:1:7: found no list/], ['paths:\n  - /a/../b', /^\/p:2:5: found "\/a\/..\/b", expected an absolute path or glob/],
  ['paths: [x]', /^\/p:1:9: /], ['units: [1]', /^\/p:1:9: found 1, expected text/], ['units: [[a]]', /^\/p:1:9: found no text/], ['units: &a [x]\npackages: *a', /^\/p:2:11: found no list/],
  ['units: [a', /^\/p:1:\d+: found what is no YAML/], ['units: [a]\nunits: [b]', /^\/p:2:1: found what is no YAML, expected Map keys must be unique/], ['a: b: c', /^\/p:1:\d+: /], ['units: [!x a]', /^\/p:1:\d+: /],
])('the broken policy %j is told with its place', (text, message) => { expect(() => parsePolicy('/p', text)).toThrow(message); });

let folder: string, file: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'policy-')); file = join(folder, 'policy.yaml'); });
afterEach(() => { rmSync(folder, { recursive: true }); });
const write = (text: string): void => { writeFileSync(`${file}.new`, text, { mode: 0o600 }); renameSync(`${file}.new`, file); };
const look = async (keeper: PolicyKeeper) => { const { refuses, item } = await keeper.current(); return [item.values.state, item.grade, refuses('ini.set', {})]; };

test('a policy follows its file, and its loss or a mistake in it closes the host', async () => {
  write('operations: [ini.set]');
  const keeper = new PolicyKeeper(file);
  expect(await look(keeper)).toEqual(['in force', 'ok', undefined]);
  expect(await keeper.current(), 'not read again').toBe(await keeper.current());
  write('operations: []');
  expect(await look(keeper)).toEqual(['in force', 'ok', `${file}:1:1: "operations" does not allow "ini.set"`]);
  write('operations: [ini.set');
  expect(await look(keeper)).toEqual(['broken', 'critical', expect.stringMatching(`^the policy cannot be relied on, so nothing is allowed: ${file}:1:\\d+: `) as string]);
  write('operations: [ini.set]');
  expect((await look(keeper))[0]).toBe('in force');
  chmodSync(file, 0o666);
  expect(await look(keeper)).toEqual(['broken', 'critical', expect.stringContaining('others than root may write it (mode 0666') as string]);
  rmSync(file);
  expect(await look(keeper)).toEqual(['broken', 'critical', expect.stringContaining(`${file} is not there`) as string]);
});

test('a file that was named must be there; no file at the usual place allows everything and says so', async () => {
  expect((await look(new PolicyKeeper(file)))[0]).toBe('broken');
  expect((await look(new PolicyKeeper(folder)))[0], 'a folder').toBe('broken');
  const { refuses, item } = await new PolicyKeeper(undefined).current();
  expect([refuses('anything', { paths: ['/'] }), item]).toEqual([undefined, { subsystem: 'policy', grade: 'ok', reason: 'there is no /etc/tandem/policy.yaml: every operation is allowed', values: { file: '/etc/tandem/policy.yaml', state: 'none' } }]);
});

const realPlan = planSite();
test('the real plan has a controller and computes', () => { expect(new Set(realPlan.hosts.map(({ role }) => role))).toEqual(new Set(['controller', 'compute'])); });

test.each(realPlan.hosts.map(({ name, role }) => [name, role] as const))('the policy made from the real plan for %s allows each of its steps, and needs every line it has', (name, role) => {
  const text = policyText(realPlan, name, catalogue);
  const steps = realPlan.stages.flatMap(({ hosts }) => hosts).filter((one) => one.host === name).flatMap((one) => one.steps).filter(({ skip, operation }) => skip === undefined && operation !== '');
  const touched = steps.map((step): [string, Touches] => { const one = catalogue.find((entry) => entry.name === step.operation)!; return [one.name, one.touches?.(one.args.parse(step.args)) ?? {}]; });
  const refusals = (policy: string): (string | undefined)[] => { const made = parsePolicy('/p', policy); return touched.map(([operation, touches]) => refusalOf(made, operation, touches)); };
  expect(steps.length).toBeGreaterThan(role === 'controller' ? 100 : 30);
  expect(refusals(text).filter((one) => one !== undefined)).toEqual([]);
  const lines = text.split('\n'), entries = lines.filter((line) => line.startsWith('  - '));
  expect(entries.length).toBeGreaterThan(50);
  const spare = entries.filter((entry) => refusals(lines.filter((line) => line !== entry).join('\n')).every((one) => one === undefined));
  // Below a path that another step needs whole.
  expect(spare.filter((entry) => !entries.some((other) => other !== entry && entry.startsWith(`${other}/`)))).toEqual([]);
});
