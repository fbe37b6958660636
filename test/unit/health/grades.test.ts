import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { worst } from '../../../agent/health/health.ts';
import {
  bridgesItem, certificateItem, clockItem, offsetFromChrony, offsetFromNtpq, packagesItem, selinuxItem, targetsItem, unitsItem, volumeGroupsItem,
} from '../../../agent/health/services.ts';
import { disksItem, loadItem, memoryItem } from '../../../agent/health/system.ts';
import { createAuthority, issue } from '../../../coordinator/pki/certificates.ts';

const disk = (mountPoint: string, used: number, inodesUsed = 0) => ({ mountPoint, type: 'xfs', sizeBytes: 1000, freeBytes: 1000 - used, inodes: 100, freeInodes: 100 - inodesUsed });

test.each([
  ['load that the processors carry', loadItem('0.10 1.90 2.00 1/99 1234', 2), 'ok'],
  ['load of more than two tasks a processor', loadItem('9.0 4.1 2.0 1/99 1234', 2), 'warn'],
  ['load of more than eight', loadItem('40 17 9 1/99 1234', 2), 'critical'],
  ['memory', memoryItem({ total: 1000, available: 500 }), 'ok'],
  ['little memory', memoryItem({ total: 1000, available: 90 }), 'warn'],
  ['hardly any memory', memoryItem({ total: 1000, available: 20 }), 'critical'],
  ['disks with room', disksItem([disk('/', 500), disk('/var', 849)]), 'ok'],
  ['one full disk among many', disksItem([disk('/', 500), disk('/var', 960)]), 'critical'],
  ['a disk out of inodes', disksItem([disk('/', 100, 90)]), 'warn'],
  ['no disk to be seen', disksItem([]), 'unknown'],
  ['no failed unit', unitsItem(''), 'ok'],
  ['a failed unit', unitsItem('openstack-keystone.service loaded failed failed OpenStack Identity\n'), 'warn'],
  ['a failed unit with the mark of a newer systemd', unitsItem('● mariadb.service loaded failed failed MariaDB\n'), 'warn'],
  ['a readable rpm database', packagesItem(''), 'ok'],
  ['a broken rpm database', packagesItem('error: rpmdb: BDB0113 Thread/process 4711/140 failed: BDB1507 Thread died\n'), 'critical'],
  ['SELinux as configured', selinuxItem('1', 'SELINUX=enforcing\nSELINUXTYPE=targeted\n'), 'ok'],
  ['SELinux switched off for now', selinuxItem('0', 'SELINUX=enforcing\n'), 'warn'],
  ['no SELinux', selinuxItem(undefined, undefined), 'ok'],
  ['two volume groups of one name', volumeGroupsItem([{ name: 'a', uuid: '1' }, { name: 'a', uuid: '2' }]), 'critical'],
  ['targets that are saved', targetsItem(['iqn.2010-10.org.openstack:volume-1'], '{"targets":[{"wwn":"iqn.2010-10.org.openstack:volume-1"}]}'), 'ok'],
  ['targets that a reboot would lose', targetsItem(['iqn.2010-10.org.openstack:volume-1'], '{}'), 'warn'],
  ['no Open vSwitch', bridgesItem(undefined), 'ok'],
  ['a clock within half a second', clockItem(-0.2, ''), 'ok'],
  ['a clock that makes agents look dead', clockItem(-1.2, ''), 'critical'],
  ['a clock nobody keeps', clockItem(undefined, 'no ntpd'), 'unknown'],
] as const)('%s', (_name, item, grade) => {
  expect(item).toMatchObject({ grade });
});

test('a finding names what is wrong', () => {
  expect(unitsItem('● a.service loaded failed failed A\nb.service loaded failed failed B\n').reason).toBe('failed: a.service, b.service');
  expect(disksItem([disk('/', 500), disk('/var', 960)]).reason).toBe('/var is 96 % full');
});

test('offsets are read from both time daemons', () => {
  // chrony 1.29.1, chronyc(1), "tracking"
  expect(offsetFromChrony('Reference ID    : 1.2.3.4 (foo.example.net)\nStratum         : 3\nSystem time     : 0.000006523 seconds slow of NTP time\n')).toBeCloseTo(-0.000006523, 12);
  expect(offsetFromChrony('System time     : 1.5 seconds fast of NTP time\n')).toBe(1.5);
  expect(offsetFromChrony('506 Cannot talk to daemon\n')).toBeUndefined();
  // ntp 4.2.6, ntpq -pn: offset is the ninth column, milliseconds
  const peers = '     remote           refid      st t when poll reach   delay   offset  jitter\n==============\n+192.0.2.5       .GPS.            1 u   25   64  377    0.451    9.000   0.005\n*192.0.2.4       .GPS.            1 u   25   64  377    0.451   -1.234   0.005\n';
  expect(offsetFromNtpq(peers)).toBeCloseTo(-0.001234, 9);
  expect(offsetFromNtpq(peers.replace('*', ' '))).toBeUndefined();
});

const DAY_MS = 86_400_000;
test('a certificate warns when fewer than 30 whole days are left, and is critical in its last week', async () => {
  const made = Date.parse('2026-05-01T12:00:00Z'), authority = await createAuthority('lab', made), own = await issue(authority, 'agent', 'lab', 'h1', made);
  const at = (daysLeft: number) => certificateItem(Buffer.from(own.certificatePem), Buffer.from(authority.certificatePem), made + (730 - daysLeft) * DAY_MS);
  const second = 1 / 86_400;
  expect([100, 31, 30, 30 - second, 29, 8, 7, 7 - second, 6, 0, -1].map((days) => at(days).grade)).toEqual(['ok', 'ok', 'ok', 'warn', 'warn', 'warn', 'warn', 'critical', 'critical', 'critical', 'critical']);
  expect([at(31), at(-2)].map(({ reason, values }) => [reason, values])).toEqual([['ends in 31 days', { daysLeft: 31, authorityDaysLeft: 2951 }], ['ended 2 days ago', { daysLeft: -2, authorityDaysLeft: 2918 }]]);
});

test('the authority that ends sooner is what counts, and what is signed by it ends with it', async () => {
  const made = Date.parse('2026-05-01T12:00:00Z'), authority = await createAuthority('lab', made), late = made + 3620 * DAY_MS; // it holds 3650 days
  const own = await issue(authority, 'agent', 'lab', 'h1', late), ends = (pem: string): string => new X509Certificate(pem).validTo;
  expect(ends(own.certificatePem)).toBe(ends(authority.certificatePem));
  const at = (daysLeft: number) => certificateItem(Buffer.from(own.certificatePem), Buffer.from(authority.certificatePem), made + (3650 - daysLeft) * DAY_MS);
  expect([30, 29, 6].map((days) => [at(days).grade, at(days).reason])).toEqual([['ok', "the site's authority ends in 30 days"], ['warn', "the site's authority ends in 29 days"], ['critical', "the site's authority ends in 6 days"]]);
  // A certificate from before they were held to the authority's end.
  const other = Buffer.from((await createAuthority('lab', made - 3640 * DAY_MS)).certificatePem);
  expect(certificateItem(Buffer.from((await issue(authority, 'agent', 'lab', 'h1', made)).certificatePem), other, made)).toMatchObject({ grade: 'warn', reason: "the site's authority ends in 10 days", values: { daysLeft: 10, authorityDaysLeft: 10 } });
});

test('the host is as well as its worst part', () => {
  expect(worst(['ok', 'unknown', 'ok'])).toBe('unknown');
  expect(worst(['ok', 'critical', 'warn'])).toBe('critical');
  expect(worst([])).toBe('ok');
});
