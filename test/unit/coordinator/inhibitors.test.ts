import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Inhibited, passInhibitors, readInhibitors } from '../../../coordinator/inhibitors.ts';
import { parseYaml } from '../../../coordinator/input/document.ts';
import { InputError } from '../../../coordinator/input/problem.ts';
import { main } from '../../../coordinator/main.ts';
import type { SiteHost } from '../../../coordinator/site.ts';

const root = join(import.meta.dirname, '../../..');
const text = readFileSync(join(root, 'runbooks/osp5-to-osp6/inhibitors.yaml'), 'utf8');
const facts = (): Facts => JSON.parse(readFileSync(join(root, 'test/fixtures/plan/captured/controller.json'), 'utf8')) as Facts;
interface Facts {
  host: { addresses: string[] }; os: { release: string }; packages: Record<string, string>; services: Record<string, string>; lvm: { pvs: object[] }; storage: { data: object[] };
  broker: { kind: string; users: string[] }; db: { schemas: object; stamps: Record<string, string>; notUtf8: string[]; notInnodb: string[]; galera: boolean };
  nova: { conductorUseLocal: boolean; networkManager: string }; cinder: { lvmBackends: object[] }; neutron: { corePlugin: string };
}
const place = { file: 'runbook.yaml', line: 1, column: 1 };
const controller: SiteHost = { name: 'controller', role: 'controller', address: '10.77.0.1', port: 7443, fqdn: 'controller.example.test', interfaces: {}, captured: 'c.json' };

function heldBy(change: (of: Facts) => void, host = controller, file = text): string[] {
  const captured = facts();
  change(captured);
  try { expect(passInhibitors(readInhibitors(parseYaml('inhibitors.yaml', file)), [host], () => ({ captured, host }), [], place).problems).toEqual([]); return []; } catch (error) {
    if (!(error instanceof Inhibited)) throw error;
    return error.held.map(({ id }) => id);
  }
}

test('an Icehouse controller of packstack with data on its own disk is held back by nothing', () => { expect(heldBy(() => undefined)).toEqual([]); });

test.each<[string, string, (of: Facts) => void]>([
  ['trap 12: conductor use_local', 'conductor-use-local', (of) => { of.nova.conductorUseLocal = true; }],
  ['trap 14: a qpid cloud', 'qpid', (of) => { of.broker.kind = 'qpid'; }],
  ['trap 15: a broker that knows guest alone', 'broker-guest-only', (of) => { of.broker.users = ['guest']; }],
  ['trap 8: a table in latin1', 'tables-not-utf8', (of) => { of.db.notUtf8 = ['glance.images']; }],
  ['trap 7: MyISAM', 'tables-not-innodb', (of) => { of.db.notInnodb = ['nova.instances']; }],
  ['trap 9: a Neutron database without its stamp', 'neutron-unstamped', (of) => { delete of.db.stamps['neutron']; }],
  ['trap 9: one with another stamp', 'neutron-unstamped', (of) => { of.db.stamps['neutron'] = 'havana'; }],
  ['trap 44: Pacemaker', 'high-availability', (of) => { of.services['pacemaker'] = 'on'; }],
  ['trap 44: Galera', 'high-availability', (of) => { of.db.galera = true; }],
  ['trap 44: Orchestration', 'uncovered-services', (of) => { of.services['openstack-heat-engine'] = 'on'; }],
  ['P1: the database on the root disk', 'database-on-root-disk', (of) => { of.storage.data = [{ path: '/var/lib/mysql', onRoot: true }]; }],
  ['P1: packstack\'s volume group in a loop file', 'loop-file-volume-group', (of) => { of.lvm.pvs = [{ vg: 'cinder-volumes', loopFile: '/var/lib/cinder/cinder-volumes' }]; of.cinder.lvmBackends = [{ section: 'DEFAULT', volumeGroup: 'cinder-volumes' }]; }],
  ['P11: another address', 'other-address', (of) => { of.host.addresses = ['10.77.0.9']; }],
  ['nova-network', 'nova-network', (of) => { of.services['openstack-nova-network'] = 'on'; }],
  ['a core plugin that is gone, by its short name', 'core-plugin-removed', (of) => { of.neutron.corePlugin = 'openvswitch'; }],
  ['a core plugin that is gone, by its class', 'core-plugin-removed', (of) => { of.neutron.corePlugin = 'neutron.plugins.openvswitch.ovs_neutron_plugin.OVSNeutronPluginV2'; }],
  ['RHEL 7 as the old host', 'not-rhel6', (of) => { of.os.release = 'Red Hat Enterprise Linux Server release 7.0 (Maipo)'; }],
  ['Havana as the old release', 'not-icehouse', (of) => { of.packages['openstack-keystone'] = '2013.2.3-1.el6ost'; }],
  ['facts without a database', 'no-facts-of-the-database', (of) => { of.db.schemas = {}; }],
])('%s holds the plan back, and only that', (_name, id, change) => { expect(heldBy(change)).toEqual([id]); });

test.each(['heat', 'pacemaker'])('a service that is switched off holds nothing back: %s', (name) => {
  expect(heldBy((of) => { of.services[name === 'heat' ? 'openstack-heat-engine' : name] = 'off'; })).toEqual([]);
});

test('every inhibitor of the runbook is tried above', () => {
  const tried = readFileSync(import.meta.filename, 'utf8');
  for (const { id } of readInhibitors(parseYaml('inhibitors.yaml', text))) expect(tried, id).toContain(`'${id}', (of)`);
});

test('an inhibitor of one role asks hosts of that role only, and no host without facts', () => {
  const qpid = (of: Facts): void => { of.broker.kind = 'qpid'; };
  expect(heldBy(qpid, { ...controller, role: 'compute' })).toEqual([]);
  expect(heldBy(qpid, { ...controller, captured: undefined })).toEqual([]);
});

test('facts of an older capture, which lack what is asked, are told as that', () => {
  const inhibitors = readInhibitors(parseYaml('i.yaml', 'inhibitors:\n  - id: a\n    when: captured.storage.data == []\n    says: x\n'));
  const { problems } = passInhibitors(inhibitors, [controller], () => ({ captured: { os: {} } }), [], place);
  expect(problems.map(({ message }) => message)).toEqual(['i.yaml:3:20: found unknown name "storage" in `when`, expected os (host controller; facts of an older capture? capture them again)']);
});

test('one id twice is refused at its place', () => {
  expect(() => readInhibitors(parseYaml('i.yaml', 'inhibitors:\n  - {id: a, when: "true", says: x}\n  - {id: a, when: "true", says: y}\n'))).toThrow(new InputError([{ file: 'i.yaml', line: 3, column: 10, found: '', expected: '', message: 'i.yaml:3:10: found inhibitor "a" a second time, expected each id only once' }]).message);
});

// ---- the command line, with a runbook of one step
let folder: string, said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'inhibitors-')); said = [];
  mkdirSync(join(folder, 'book'));
  writeFileSync(join(folder, 'book/runbook.yaml'), 'tandem: 1\nname: book\ntitle: A book\nroles: {controller: {min: 1}}\ninhibitors: held.yaml\nphases: [one.yaml]\n');
  writeFileSync(join(folder, 'book/held.yaml'), 'inhibitors:\n  - {id: local, when: captured.local, says: It is local}\n  - {id: never, when: captured.never, says: It never works, waive: false}\n');
  writeFileSync(join(folder, 'book/one.yaml'), 'phase: one\ntitle: One\nstages:\n  - {stage: s, on: controller, strategy: serial, steps: [{id: C1, title: A step, operation: pause, with: {seconds: 0}}]}\n'.replace('pause, with: {seconds: 0}', 'selinux.boolean, with: {name: a_b, value: true}'));
  writeFileSync(join(folder, 'site.yaml'), 'tandem: 1\nsite: lab\nrunbook: ./book\ncoordinator: {address: 127.0.0.1}\nhosts:\n  controller: {role: controller, address: 127.0.0.1, fqdn: h1.example.test, captured: ./facts.json}\n');
});
afterEach(() => { vi.restoreAllMocks(); rmSync(folder, { recursive: true }); });
async function plan(captured: object, ...argv: string[]): Promise<number> {
  writeFileSync(join(folder, 'facts.json'), JSON.stringify({ format: 1, host: { fqdn: 'h1.example.test' }, local: false, never: false, ...captured }));
  said = [];
  const take = (line: unknown): boolean => { said.push(String(line)); return true; };
  vi.spyOn(console, 'log').mockImplementation(take);
  vi.spyOn(console, 'error').mockImplementation(take);
  try { return await main(['--site', join(folder, 'site.yaml'), '--state', join(folder, 'state'), 'plan', ...argv]); } finally { vi.restoreAllMocks(); }
}

test('what holds a plan back ends it with exit code 4, named, and no plan is kept', async () => {
  expect(await plan({ local: true, never: true })).toBe(4);
  expect(said.join('\n')).toContain('controller: It is local [local]\ncontroller: It never works [never, cannot be waived]\nNo plan was made.');
  said = [];
  vi.spyOn(console, 'error').mockImplementation((line) => { said.push(String(line)); });
  expect(await main(['--site', join(folder, 'site.yaml'), '--state', join(folder, 'state'), 'run'])).toBe(2);
  expect(said.join()).toContain('found no plan of site lab');
});

test('a waiver lets it pass: who and why stand in the plan and in its digest', async () => {
  const digest = (): string => (JSON.parse(said[0] ?? '') as { digest: string }).digest;
  expect(await plan({}, '--json')).toBe(0);
  expect(JSON.parse(said[0] ?? '')).not.toHaveProperty('waived');
  expect(await plan({ local: true }, '--json', '--waive', 'local', '--by', 'Ann', '--reason', 'seen')).toBe(0);
  expect(JSON.parse(said[0] ?? '')).toMatchObject({ waived: [{ id: 'local', host: 'controller', says: 'It is local', by: 'Ann', reason: 'seen' }] });
  const first = digest();
  expect(await plan({ local: true }, '--json', '--waive', 'local', '--by', 'Ann', '--reason', 'other')).toBe(0);
  expect(digest()).not.toBe(first);
  expect(await plan({ local: true }, '--waive', 'local', '--by', 'Ann', '--reason', 'seen')).toBe(0);
  expect(said.join('\n')).toContain('WAIVED by Ann (seen): controller: It is local [local]');
});

test('what cannot be waived is not; an unknown name and a waiver without a name or a reason are refused', async () => {
  expect(await plan({ never: true }, '--waive', 'never', '--by', 'Ann', '--reason', 'seen')).toBe(4);
  expect(await plan({}, '--waive', 'locl', '--by', 'Ann', '--reason', 'seen')).toBe(2);
  expect(said.join()).toContain('found a waiver of "locl", expected one of local, never; did you mean "local"?');
  expect(await plan({ local: true }, '--waive', 'local', '--reason', 'seen')).toBe(2);
  expect(said.join()).toContain('found --waive local without --by, expected who passes over it, and why: --by NAME --reason TEXT');
});
