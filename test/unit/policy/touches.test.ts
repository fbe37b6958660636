import { expect, test } from 'vitest';
import { catalogue, type Operation } from '../../../agent/operations/catalogue.ts';
import { absolutePath, pathGlob } from '../../../agent/operations/fields.ts';
import { secretRef } from '../../../agent/operations/secret.ts';
import { specFolder } from '../../../agent/operations/selinux.fcontext.ts';
import { argumentsOf, patternsOf, type Node } from './example.ts';

/** Arguments that choose no path, package or unit, as somebody has looked and seen. */
const WITHOUT = ['address.fenced', 'host.identified', 'http.answered', 'lio.asserted', 'lio.saved', 'lvm.activated', 'openvswitch.answering', 'port.listening', 'repository.selected', 'selinux.boolean', 'ssh.reached', 'storage.identified'];
/** Path arguments that only take something away from what the others choose, or must equal one of them. */
const NARROWING: Record<string, string[]> = { 'backup.verified': ['paths[]', 'secret[]'], 'backup.restored': ['protect[]', 'exclude[]', 'paths[]'], 'file.copied': ['consumer'], 'config.migrated': ['set[].file'] };

test('every operation says what it touches, or is on the list of those whose arguments choose nothing', () => {
  expect(catalogue.filter((one) => one.touches === undefined).map(({ name }) => name)).toEqual(WITHOUT);
});

const patternOf = (schema: { toJSONSchema(): unknown }): string => (schema.toJSONSchema() as { pattern: string }).pattern;
const PATHS = [absolutePath, pathGlob].map(patternOf), SECRET = patternOf(secretRef);

/** An example of an operation's arguments with every argument given, each path a different one, and those paths by the name of their argument. */
function fullExample(operation: Operation): { args: Record<string, unknown>; paths: Map<string, string> } {
  const paths = new Map<string, string>();
  const args = argumentsOf(operation, (schema: Node, where) => {
    const own = `/made/up/${String(paths.size)}`;
    if (patternsOf(schema).some((pattern) => PATHS.includes(pattern))) { paths.set(where, own); return own; }
    if (patternsOf(schema).includes(SECRET)) { paths.set(where, own); return `file:${own}`; }
    return undefined;
  });
  return { args, paths };
}

test.each(catalogue.map((one) => [one.name, one] as const))('%s: each path among its arguments, in any depth, is touched', (name, operation) => {
  const { args, paths } = fullExample(operation);
  const parsed = operation.args.safeParse(args);
  expect(parsed.error?.issues, JSON.stringify(args)).toBeUndefined();
  const touched = operation.touches?.(parsed.data as Record<string, unknown>).paths ?? [];
  expect([...paths].filter(([where, path]) => !touched.includes(path) && !(NARROWING[name] ?? []).includes(where)).map(([where]) => where)).toEqual([]);
  if (WITHOUT.includes(name)) expect([...paths.keys()]).toEqual([]);
  expect(Object.keys(args).some((key) => /^(units?|names)$/.test(key)), 'packages and units are touched too').toBe((operation.touches?.(parsed.data as Record<string, unknown>).units ?? operation.touches?.(parsed.data as Record<string, unknown>).packages) !== undefined);
});

test('what is touched is more than what the arguments spell out', () => {
  const of = (name: string, args: Record<string, unknown>): unknown => { const one = catalogue.find((entry) => entry.name === name)!; return one.touches!(one.args.parse(args)); };
  expect(of('service.masked', { units: ['firewalld', 'iptables.service'] })).toEqual({ units: ['firewalld.service', 'iptables.service'] });
  expect(of('package.installed', { names: ['ntp'], version: '4.*' })).toEqual({ packages: ['ntp'] });
  expect(of('package.installed', { names: ['ntp'], version: '4.2-3' })).toEqual({ packages: ['ntp'] });
  for (const version of ['perl', 'p*', '4']) expect(of('package.installed', { names: ['ntp'], version }), version).toEqual({ packages: ['ntp', `ntp-${version}`] });
  expect(of('package.installed', { names: ['ntp'], version: '*' })).toEqual({ packages: ['ntp', 'ntp-*'] });
  expect(of('config.migrated', { files: ['/etc/x.conf'], drift: {}, set: [{ file: '/etc/x.conf', section: 'a', key: 'b', value: 'c' }] })).toEqual({ paths: ['/etc/x.conf', '/etc/x.conf'] });
  expect(of('ini.set', { file: '/etc/x.conf', section: 'a', secrets: { one: 'ini:/etc/y.conf#b.c', two: 'rc:/root/rc#PW', three: 'coordinator-file:pw' } })).toEqual({ paths: ['/etc/x.conf', '/etc/y.conf', '/root/rc'] });
  expect(of('backup.restored', { backup: '/b', host: 'h', paths: ['/etc/x/*'] })).toEqual({ paths: ['/b', '/etc/x/*'] });
  expect(of('net.ifcfg', { from: '/b/n', interfaces: ['eth0'], nameMap: { eth0: 'em1' } })).toMatchObject({ paths: expect.arrayContaining(['/b/n', '/etc/sysconfig/network-scripts/ifcfg-em1', '/etc/sysconfig/network-scripts/rule6-em1']) as string[] });
  expect(of('database.synced', { schema: 's', runAs: 'neutron', sync: ['neutron-db-manage', '--config-file', '/etc/a.conf', 'upgrade', 'head'], versionTool: ['neutron-db-manage', 'current'], version: { table: 't', column: 'c' }, from: ['a'], to: 'b' }))
    .toEqual({ paths: ['/etc/a.conf', '/root/.my.cnf'] });
});

test.each([
  ['/srv/mysql(/.*)?', '/srv/mysql'], ['/srv/mysql', '/srv/mysql'], ['/etc/my\\.cnf', '/etc/my.cnf'], ['/srv/a|/etc/shadow', '/'], ['/srv/*x', '/'], ['/srv/x?y', '/srv'], ['/srv/x/[ab]', '/srv/x'],
  ['/srv(/a)?', '/'], ['/.*', '/'], ['/srv/x.y', '/srv'], ['/srv/a(/.*)?(/.*)?', '/srv'], ['/srv/a{0}.*', '/srv'],
])('the expression %s of selinux.fcontext lies within %s', (spec, folder) => { expect(specFolder(spec)).toBe(folder); });
