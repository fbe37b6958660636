// Errors of the text, and traps it does not mention, that are about files: what is restored, whose it is, what must not come back.
import { expect, test } from 'vitest';
import { backupOf, carry, look } from './one-host.ts';
import { MY_CNF, RSYNC_NOVA, wordsOf } from './printed.ts';
import { planned, stepOf, stepsOf } from './real-plan.ts';

const plan = planned();
const COMPUTE = '/mnt/backup/compute1.example.test', CONTROLLER = '/mnt/backup/controller.example.test';
const NOVA = [{ path: '/etc/nova' }, { path: '/etc/nova/nova.conf', content: '[DEFAULT]\n', group: 'nova', gid: 162 }, { path: '/etc/nova/release', content: '[Nova]\nproduct = OpenStack Compute\npackage = 1.el6ost\n' }];

test('E7: one argument of rsync is a list, and nothing is restored; the step\'s one path is where from and where to, and what stands there is read', async () => {
  const [, path = '', ...to] = wordsOf(RSYNC_NOVA.replace('BACKUP', ''));
  expect([path, to]).toEqual(['/etc/nova', []]);
  const { step: { operation }, args } = stepOf(plan, 'N21', 'compute1');
  expect([operation, args['paths']]).toEqual(['backup.restored', [path]]);
  const asRsyncLeavesIt = { files: { ...backupOf(COMPUTE, 'compute1.example.test', NOVA), '/etc': { type: 'directory' } }, users: { root: 0 }, groups: { root: 0, nova: 162 } };
  expect((await look(operation, args, asRsyncLeavesIt)).differences).toContainEqual({ what: '/etc/nova/nova.conf', found: 'absent', wanted: expect.any(String) as string });
  const { result, host } = await carry(operation, args, asRsyncLeavesIt);
  expect([result, host.files.get('/etc/nova/nova.conf')]).toEqual(['changed', expect.objectContaining({ content: '[DEFAULT]\n', mode: 0o640, gid: 162 })]);
});

test('trap 43: the older package\'s /etc/nova/release is in the backup and does not come back, so that nova names its own package', async () => {
  for (const [id, on, backup, fqdn] of [['C52', 'controller', CONTROLLER, 'controller.example.test'], ['N21', 'compute1', COMPUTE, 'compute1.example.test']] as const) {
    const files = { ...backupOf(backup, fqdn, NOVA), '/etc/nova': { type: 'directory', mode: '0755' }, '/etc/nova/release': '[Nova]\npackage = 3.el7ost\n' };
    const { result, host } = await carry('backup.restored', stepOf(plan, id, on).args, { files, users: { root: 0 }, groups: { root: 0, nova: 162 } });
    expect([result, host.files.get('/etc/nova/release')?.content]).toEqual(['changed', '[Nova]\npackage = 3.el7ost\n']);
  }
});

test('E10: the text restores .my.conf, the command .my.cnf; that one is copied, to where every step of the database looks', async () => {
  const target = wordsOf(MY_CNF.command)[1], { args, step: { operation } } = stepOf(plan, 'C19');
  expect(args).toMatchObject({ from: CONTROLLER + String(target), to: target });
  const clients = stepsOf(plan).map(({ args: { defaultsFile } }) => defaultsFile).filter((path) => path !== undefined);
  expect(clients.length).toBeGreaterThan(8);
  expect(new Set(clients)).toEqual(new Set([target]));
  // A squashed medium has lost its mode as well.
  const { result, host } = await carry(operation, args, { files: { [CONTROLLER + String(target)]: { content: '[client]\npassword=x\n', mode: '0644', uid: 65534, gid: 65534 }, '/root/.bashrc': '' } });
  expect([result, host.files.get('/root/.my.cnf')]).toEqual(['changed', expect.objectContaining({ mode: 0o600, uid: 0, gid: 0 })]);
  expect(host.files.has(MY_CNF.text)).toBe(false);
});

test('trap 3: a medium that squashes root is known by a file of root on it, before anything is restored from there', async () => {
  const { step: { operation }, args, place } = stepOf(plan, 'P2b'), witness = String(args['witness']);
  const first = stepsOf(plan).find(({ step }) => step.operation.startsWith('backup.'));
  expect(place).toBeLessThan(first?.place ?? 0);
  const medium = (uid: number): object => ({ files: { '/proc/self/mountinfo': '21 1 253:0 / / rw - xfs /dev/root rw\n40 21 0:38 / /mnt/backup rw - nfs4 nas:/backup rw\n', [CONTROLLER]: { type: 'directory' }, [witness]: { content: 'x', mode: '0600', uid, gid: uid } } });
  expect((await look(operation, args, medium(65534))).differences).toMatchObject([{ what: witness, found: expect.stringContaining('root_squash') as string }]);
  expect((await look(operation, args, medium(0))).satisfied).toBe(true);
});

test('trap 4: accounts that have another number on the new host get the files by their name', async () => {
  const old = [{ path: '/etc/neutron' }, { path: '/etc/neutron/neutron.conf', content: 'a', group: 'neutron', gid: 494 }, { path: '/etc/neutron/plugin.ini', content: 'b', owner: 'neutron', group: 'neutron', uid: 495, gid: 494 }];
  const { step: { operation }, args } = stepOf(plan, 'C45');
  const { result, host } = await carry(operation, args, { files: { ...backupOf(CONTROLLER, 'controller.example.test', old), '/etc': { type: 'directory' } }, users: { root: 0, neutron: 996 }, groups: { root: 0, neutron: 993, chrony: 494 } });
  expect([result, host.files.get('/etc/neutron/neutron.conf')?.gid, host.files.get('/etc/neutron/plugin.ini')?.uid]).toEqual(['changed', 993, 996]);
});

test('trap 5: whatever is restored has its SELinux labels before anything that reads it is started', () => {
  for (const restored of stepsOf(plan).filter(({ step }) => step.operation === 'backup.restored')) {
    const { host, place, step } = restored, paths = restored.args['paths'] as string[];
    const start = stepsOf(plan).find((one) => one.host === host && one.place > place && one.step.operation === 'service.running');
    const labels = stepsOf(plan).filter((one) => one.host === host && one.place > place && one.place < (start?.place ?? 0) && one.step.operation === 'selinux.relabeled').flatMap(({ args }) => args['paths'] as string[]);
    for (const path of paths) expect(labels.some((label) => path === label || path.startsWith(`${label}/`)), `${path} of ${step.id}@${host}`).toBe(true);
  }
});

test('trap 25: the file that the Open vSwitch agent reads at Juno is among those that are restored, and none of them is left out', async () => {
  const read = '/etc/neutron/plugins/openvswitch/ovs_neutron_plugin.ini';
  const old = [{ path: '/etc/neutron' }, { path: '/etc/neutron/plugins' }, { path: '/etc/neutron/plugins/openvswitch' }, { path: read, content: '[ovs]\nbridge_mappings = physnet1:br-ex\n' }];
  for (const [id, on] of [['C45', 'controller'], ['N17', 'compute1'], ['N17', 'compute2']] as const) {
    const { host } = await carry('backup.restored', stepOf(plan, id, on).args, { files: { ...backupOf(`/mnt/backup/${on}.example.test`, `${on}.example.test`, old), '/etc': { type: 'directory' } } });
    expect(host.files.get(read)?.content, on).toBe('[ovs]\nbridge_mappings = physnet1:br-ex\n');
  }
});

test('trap 41: the web server\'s own configuration is never restored; 2.2 rules would meet Apache 2.4', () => {
  const writes = stepsOf(plan).filter(({ step }) => ['backup.restored', 'file.copied', 'django.settings', 'config.migrated', 'ini.set'].includes(step.operation));
  const places = writes.flatMap(({ args }) => [args['paths'], args['to'], args['files'], args['file']].flat()).filter((path): path is string => typeof path === 'string');
  expect(places.length).toBeGreaterThan(20);
  expect(places.filter((path) => path === '/etc' || path.startsWith('/etc/httpd') || path.startsWith('/etc/h*'))).toEqual([]);
});

test('trap 2: a copy that was taken while the database ran is no copy; the plan asks for a cold one before the data directory is filled', async () => {
  const { step: { operation }, args, place } = stepOf(plan, 'P4');
  expect(place).toBeLessThan(stepOf(plan, 'C18').place);
  const files = (mode: 'hot' | 'cold'): object => ({ files: backupOf(CONTROLLER, 'controller.example.test', [{ path: '/var/lib/mysql' }, { path: '/var/lib/mysql/ibdata1', content: 'x' }], mode) });
  expect((await look(operation, args, files('hot'))).differences).toEqual([{ what: `${CONTROLLER}/manifest.tsv`, found: expect.stringContaining('while services ran') as string, wanted: 'cold' }]);
  expect((await look(operation, args, files('cold'))).satisfied).toBe(true);
});
