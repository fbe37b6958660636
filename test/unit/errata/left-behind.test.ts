// What the document neither backs up nor restores (mission analysis, procedure.md 2.3, traps 6 and 16).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { backupOf, carry } from './one-host.ts';
import { planned, stepOf, stepsOf, type Facts } from './real-plan.ts';

const script = readFileSync(join(import.meta.dirname, '../../../runbooks/osp5-to-osp6/capture.sh'), 'utf8');
const plan = planned();
/** Trap 6, as it is listed there. */
const FORGOTTEN = ['/var/lib/rabbitmq', '/var/lib/cinder', '/var/lib/neutron', '/etc/my.cnf', '/etc/hosts', '/etc/sysctl.conf', '/etc/ntp.conf', '/etc/chrony.conf', '/etc/multipath.conf', '/etc/lvm/lvm.conf', '/etc/iscsi/initiatorname.iscsi',
  '/etc/ceph', '/etc/libvirt/secrets', '/etc/pki', '/etc/openvswitch/conf.db', '/etc/sysconfig/ip6tables', '/etc/sysconfig/memcached', '/etc/httpd/conf.d', '/var/spool/cron', '/etc/logrotate.d', '/etc/ssh'];

test('trap 6: all that the print forgets is in the backup', () => {
  const folders = /^folders='([^']+)'/m.exec(script)?.[1]?.split(' ') ?? [];
  expect(FORGOTTEN.filter((path) => !folders.some((folder) => `${path}/`.startsWith(`/${folder}/`)))).toEqual([]);
});

test('trap 6: accounts of the broker, settings of the data directory, IPv6 rules and libvirt\'s secrets are on the new hosts again', () => {
  expect(stepsOf(plan).find(({ step }) => step.operation === 'rabbitmq.user')?.args).toMatchObject({ user: 'openstack', vhost: '/' });
  expect(stepOf(plan, 'C22.adopted').args).toMatchObject({ carryFrom: '/mnt/backup/controller.example.test/etc/my.cnf', carryKeys: expect.arrayContaining(['innodb_log_file_size']) as string[] });
  const on6 = (facts: Facts): void => { facts.services['ip6tables'] = 'on'; };
  expect(stepOf(planned(on6), 'C13.rules6').args).toMatchObject({ v6: '/mnt/backup/controller.example.test/etc/sysconfig/ip6tables' });
  for (const host of ['compute1', 'compute2']) expect(stepOf(plan, 'N9', host).args['paths']).toContain('/etc/libvirt/secrets');
});

test('trap 6: an array lets a host in by its iSCSI name; it has its old one before anything could attach, and Ceph\'s keys', async () => {
  const name = 'InitiatorName=iqn.1994-05.com.redhat:old\n', old = [{ path: '/etc/iscsi' }, { path: '/etc/iscsi/initiatorname.iscsi', content: name }, { path: '/etc/iscsi/iscsid.conf', content: 'of RHEL 6' }, { path: '/etc/ceph' }, { path: '/etc/ceph/ceph.conf', content: '[global]\n' }];
  for (const [id, service, host] of [['C6.clients', 'C35', 'controller'], ['N21.clients', 'N24', 'compute1'], ['N21.clients', 'N24', 'compute2']] as const) {
    const { step: { operation }, args, place } = stepOf(plan, id, host);
    expect(place).toBeLessThan(stepOf(plan, service, host).place);
    const files = { ...backupOf(`/mnt/backup/${host}.example.test`, `${host}.example.test`, old), '/etc': { type: 'directory' }, '/etc/iscsi': { type: 'directory', mode: '0755' }, '/etc/iscsi/initiatorname.iscsi': 'InitiatorName=iqn.1994-05.com.redhat:new\n', '/etc/iscsi/iscsid.conf': 'of RHEL 7' };
    const { result, host: after } = await carry(operation, args, { files });
    const ceph = host === 'controller' ? undefined : '[global]\n';
    expect([result, after.files.get('/etc/iscsi/initiatorname.iscsi')?.content, after.files.get('/etc/iscsi/iscsid.conf')?.content, after.files.get('/etc/ceph/ceph.conf')?.content]).toEqual(['changed', name, 'of RHEL 7', ceph]);
  }
});

test('trap 6: Ceph\'s keys belong to the services that use them: they come back when those accounts are there, and before Block Storage starts', async () => {
  const { step: { operation }, args, place } = stepOf(plan, 'C32.clients');
  for (const service of ['openstack-cinder', 'openstack-glance']) {
    const installed = stepsOf(plan).filter(({ step, args: its }) => step.operation === 'package.installed' && (its['names'] as string[]).includes(service)).map((each) => each.place);
    expect(Math.min(...installed), service).toBeLessThan(place);
  }
  expect(place).toBeLessThan(stepOf(plan, 'C35').place);
  const key = (name: string): object => ({ path: `/etc/ceph/ceph.client.${name}.keyring`, content: `[client.${name}]`, owner: name, group: name, uid: 100, gid: 100 });
  const files = { ...backupOf('/mnt/backup/controller.example.test', 'controller.example.test', [{ path: '/etc/ceph' }, key('cinder'), key('glance')] as Parameters<typeof backupOf>[2]), '/etc': { type: 'directory' } };
  const { result, host: after } = await carry(operation, args, { files, users: { root: 0, cinder: 165, glance: 161 }, groups: { root: 0, cinder: 165, glance: 161 } });
  expect([result, after.files.get('/etc/ceph/ceph.client.glance.keyring')?.uid]).toEqual(['changed', 161]);
});

test('trap 6: what multipath, Ceph and the site have changed since stays as it is in a new run', () => {
  const on6 = planned((facts: Facts): void => { facts.services['ip6tables'] = 'on'; });
  expect(stepOf(on6, 'C13.rules6').step.spent?.after).toEqual(['C62.open@controller']);
  for (const [id, host, after] of [['C15', 'controller', 'C62.open@controller'], ['C6.clients', 'controller', 'C62.open@controller'], ['C32.clients', 'controller', 'C62.open@controller'], ['N21.clients', 'compute1', 'N26.compute1@controller']] as const) {
    expect(stepOf(plan, id, host).step.spent?.after, id).toEqual([after]);
  }
});

test('trap 16: what packstack set in the kernel so that dead connections to the broker are found is set here, before the broker and the computes start', async () => {
  const conf = '# Kernel sysctl configuration file for Red Hat Linux\nnet.ipv4.ip_forward = 0\nnet.ipv4.tcp_keepalive_intvl = 1\nnet.ipv4.tcp_keepalive_probes = 5\nnet.ipv4.tcp_keepalive_time = 5\n';
  const kernel = (time: number, interval: number, probes: number): object => ({ '/proc/sys/net/ipv4/tcp_keepalive_time': `${String(time)}\n`, '/proc/sys/net/ipv4/tcp_keepalive_intvl': `${String(interval)}\n`, '/proc/sys/net/ipv4/tcp_keepalive_probes': `${String(probes)}\n` });
  for (const [id, service, host] of [['C15.kernel', 'C16', 'controller'], ['N21.kernel', 'N24', 'compute1'], ['N21.kernel', 'N24', 'compute2']] as const) {
    const { step: { operation }, args, place } = stepOf(plan, id, host);
    expect(place).toBeLessThan(stepOf(plan, service, host).place);
    const { result, host: after } = await carry(operation, args, {
      files: { [`/mnt/backup/${host}.example.test/etc/sysctl.conf`]: conf, ...kernel(7200, 75, 9) },
      commands: [{ argv: ['sysctl', '-w', 'net.ipv4.tcp_keepalive_time=5', 'net.ipv4.tcp_keepalive_intvl=1', 'net.ipv4.tcp_keepalive_probes=5'], purpose: 'act', source: 'sysctl(8)', after: { files: kernel(5, 1, 5) } }],
    });
    expect([result, after.files.get('/etc/sysctl.d/90-carried.conf')?.content.split('\n').slice(1)]).toEqual(['changed', ['net.ipv4.tcp_keepalive_time = 5', 'net.ipv4.tcp_keepalive_intvl = 1', 'net.ipv4.tcp_keepalive_probes = 5', '']]);
  }
});
