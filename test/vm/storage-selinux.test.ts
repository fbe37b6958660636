import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '../../proto/events.ts';
import { foundBy, openStepHost, runId, startStepHost, type Answer, type StepHost } from '../integration/step-host.ts';
import * as lab from '../lab/lab.ts';
import { LIO, LVM, SETTLED, TREE } from './set-up.ts';

// Real device-mapper, LIO with a real initiator, and SELinux in one virtual machine, booted once and rebooted once. The
// tests build on each other. Calls are few and batched: one of targetcli takes 3 s here, setsebool -P and semanage 15 s.
const run = runId('vmst'), machine = 'vm1=vm';
let host: StepHost, uuid = '', initiator = '';
const iqn = 'iqn.2010-10.org.openstack:volume-1', password = 'chap-Secret-77';
const group = (): Record<string, unknown> => ({ vg: 'cinder-volumes', uuid, lvs: ['volume-1', 'volume-2'] });
const served = (): Record<string, unknown> => ({ targets: [{ iqn, luns: { 0: 'block/volume-1' }, portals: ['0.0.0.0:3260'], initiators: [initiator] }] });
const boolean = { name: 'httpd_can_network_connect', value: true };
const rule = { spec: '/srv/moved(/.*)?', type: 'mysqld_db_t', example: '/srv/moved/ibdata1' };
const relabel = { paths: ['/var/lib/mysql'] };
const found: Record<string, Json> = {};

/** Applied, then nothing left to do; its state of before is kept for the way back. */
async function applied(operation: string, args: Record<string, unknown>): Promise<Answer> {
  const first = await host.perform('apply', operation, args);
  expect(first, operation).toMatchObject({ result: 'changed' });
  found[operation] = foundBy(first);
  const again = await host.perform('apply', operation, args);
  expect(again, `${operation} again`).toMatchObject({ result: 'unchanged' });
  return again;
}
const reverted = async (operation: string, args: Record<string, unknown>): Promise<void> => {
  expect(await host.perform('revert', operation, args, { revertTo: found[operation] ?? null }), `revert ${operation}`).toMatchObject({ result: 'reverted' });
};
const refused = async (operation: string, args: Record<string, unknown>, reason: RegExp): Promise<void> => {
  const answer = await host.perform('apply', operation, args, { as: 'refused' });
  expect(answer).toMatchObject({ code: 'precondition_failed' });
  expect(answer.reason).toMatch(reason);
};
/** What an initiator of the kernel reads from the LUN, logged in with CHAP over loopback. */
const readByInitiator = (): Promise<string> => host.sh(`set -e; systemctl start iscsid; iscsiadm -m discovery -t st -p 127.0.0.1 >/dev/null; iscsiadm -m node -T ${iqn} -l >/dev/null; udevadm settle -t 20
  head -c 16 /dev/$(lsblk -Sno NAME,TRAN | awk '$2 == "iscsi" { print $1 }'); iscsiadm -m node -T ${iqn} -u >/dev/null`);

beforeAll(async () => {
  host = await startStepHost(run, machine);
  await host.sh(LVM);
  uuid = await host.sh('vgs --noheadings -o vg_uuid cinder-volumes 2>/dev/null | tr -d " "');
  initiator = await host.sh("sed -n 's/^InitiatorName=//p' /etc/iscsi/initiatorname.iscsi");
  await host.sh(TREE.make);
});
afterAll(async () => { await lab.down(run); });

test('a dry run of each writes nothing', async () => {
  const answers: Answer[] = [];
  const written = await host.writtenDuring(async () => {
    for (const [operation, args] of [['lvm.activated', group()], ['lio.saved', {}], ['lio.asserted', served()], ['selinux.relabeled', relabel], ['selinux.fcontext', rule], ['selinux.boolean', boolean]] as const) answers.push(await host.perform('check', operation, args));
  });
  expect(answers.map(({ result }) => result)).toEqual(['would_change', 'unchanged', 'unknown', 'would_change', 'would_change', 'would_change']);
  expect(written).toEqual([]);
});

test('selinux.relabeled leaves the labels that fixfiles restore leaves, names what has none, and puts the former ones back', async () => {
  // fixfiles works on in the background, 60 s: the next tests need nothing of it.
  await host.sh(`mv /usr/sbin/genhomedircon /root/; ${TREE.labels} >/root/before`); // it rebuilds the labels of home directories, for minutes; none is in the tree
  const change = await host.perform('apply', 'selinux.relabeled', relabel);
  expect(change).toMatchObject({ result: 'changed' });
  expect(change.events[0]).toMatchObject({ reason: 'left out, as files there carry no labels of their own: /var/lib/mysql/context (tmpfs of none)' });
  const labels = await host.sh(`${TREE.labels} | tee /root/ours | sed "s/^[^:]*:object_r://; s/:s0//"`);
  expect(labels.split('\n')).toEqual(expect.arrayContaining([
    'mysqld_db_t /var/lib/mysql/db/a name', 'swapfile_t /var/lib/mysql/db/custom', 'mysqld_db_t /var/lib/mysql/link', 'mysqld_db_t /var/lib/mysql/memory/file',
    'mysqld_db_t /var/lib/mysql/other/file', 'public_content_t /var/lib/mysql/context/file']));
  expect(await host.perform('apply', 'selinux.relabeled', relabel, { as: 'again' })).toMatchObject({ result: 'unchanged', reason: expect.stringContaining('left out') as string });
  expect(await host.sh('matchpathcon -V /var/lib/mysql/ibdata1 /var/lib/mysql/other/file')).toMatch(/ibdata1 verified.\n.*file verified./);
  expect(await host.perform('revert', 'selinux.relabeled', relabel, { revertTo: foundBy(change) })).toMatchObject({ result: 'reverted' });
  await host.sh(`${TREE.labels} | diff /root/before -`);
  await host.sh('nohup sh -c "fixfiles restore /var/lib/mysql; touch /root/done" >/dev/null 2>&1 &');
});

test('lvm.activated: this group alone; what is not plainly it is refused', async () => {
  await refused('lvm.activated', { ...group(), uuid: uuid.replace(/^./, (letter) => (letter === 'x' ? 'y' : 'x')) }, /with UUID .* is here; the old host's has/);
  const [exported = '', broken = '', twin = ''] = (await host.sh('vgs --noheadings -o vg_uuid gone 2>/dev/null; vgs --noheadings -o vg_uuid broken 2>/dev/null; cat /srv/twin')).split(/\s+/).filter(Boolean);
  await refused('lvm.activated', { vg: 'gone', uuid: exported }, /is exported: .*vgimport gone/);
  await refused('lvm.activated', { vg: 'broken', uuid: broken }, /misses a disk \(physical volume \w{6}-/);
  await host.sh(`set -e; losetup /dev/loop1 /srv/disk1; ${SETTLED}`);
  await refused('lvm.activated', group(), new RegExp(`2 volume groups are called cinder-volumes \\(.*${twin}`));
  await host.sh(`set -e; losetup -d /dev/loop1; ${SETTLED}; vgchange -qqan cinder-volumes`);
  await applied('lvm.activated', group());
  expect(await host.sh('dmsetup ls | cut -f1 | sort; lvs --noheadings -o lv_full_name,lv_active other 2>/dev/null')).toMatch(/^cinder--volumes-volume--1\ncinder--volumes-volume--2\n\s*other\/lv\s*$/);
  await host.sh('mkfs.ext4 -qF /dev/cinder-volumes/volume-2; mount /dev/cinder-volumes/volume-2 /mnt');
  const inUse = await host.perform('revert', 'lvm.activated', group(), { revertTo: found['lvm.activated'] ?? null });
  expect(inUse).toMatchObject({ code: 'precondition_failed', reason: 'volume group cinder-volumes cannot be deactivated: volume-2 is mounted at /mnt' });
  await host.sh('umount /mnt');
  await reverted('lvm.activated', group());
  expect(await host.sh('dmsetup ls; ls /dev/cinder-volumes 2>&1 | wc -l')).toMatch(/No devices found\n1/);
  await applied('lvm.activated', group());
});

test('lio.saved and lio.asserted: the running targets are those of the file; saving what is left of them is refused', async () => {
  await host.sh(LIO(iqn, initiator, password));
  expect(await readByInitiator()).toBe('tandem pattern 1');
  const unsaved = await host.perform('apply', 'lio.asserted', served());
  expect(unsaved).toMatchObject({ code: 'verify_failed', reason: `target ${iqn} is not saved, wanted saved` });
  const saved = await applied('lio.saved', {});
  expect(JSON.stringify([unsaved, saved, found])).not.toContain(password);
  await host.sh('targetctl save /root/by-rtslib.json; diff /root/by-rtslib.json /etc/target/saveconfig.json');
  expect(await host.perform('apply', 'lio.asserted', served())).toMatchObject({ result: 'unchanged' });
  const held = await host.perform('revert', 'lvm.activated', group(), { revertTo: found['lvm.activated'] ?? null });
  expect(held).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('volume-1 is served by LIO as block/volume-1') as string });
  await host.sh('systemctl restart target');
  expect(await host.perform('apply', 'lio.asserted', served()), 'after a restart of target').toMatchObject({ result: 'unchanged' });
  expect(await readByInitiator(), 'after a restart of target').toBe('tandem pattern 1');
  await host.sh('targetctl clear');
  await refused('lio.saved', {}, new RegExp(`saved, but not running: backstore block/volume-1, target ${iqn}\\.`));
  expect(await host.perform('apply', 'lio.asserted', served())).toMatchObject({ code: 'verify_failed', reason: `target ${iqn} is not running, wanted running` });
  await host.sh('targetctl restore');
  await reverted('lio.saved', {});
  expect(await host.sh('ls /etc/target')).not.toContain('saveconfig.json');
  expect(await host.perform('apply', 'lio.saved', {}, { as: 'saved-again' })).toMatchObject({ result: 'changed' });
});

test('selinux.fcontext and selinux.boolean: in the policy store, and taken from it', async () => {
  expect(await host.sh('for i in $(seq 300); do [ -e /root/done ] && break; sleep 1; done; ls /root/done; mv /root/genhomedircon /usr/sbin/')).toBe('/root/done');
  expect(await host.sh(`${TREE.labels} | diff /root/ours - && echo as fixfiles left them`)).toBe('as fixfiles left them');
  await applied('selinux.fcontext', rule);
  expect(await host.sh('mkdir /srv/moved; touch /srv/moved/ibdata1; restorecon -R /srv/moved; stat -c %C /srv/moved/ibdata1')).toContain(':mysqld_db_t:');
  await reverted('selinux.fcontext', rule);
  expect(await host.sh('matchpathcon -n /srv/moved/ibdata1; grep -c moved /var/lib/selinux/*/active/file_contexts.local /etc/selinux/*/contexts/files/file_contexts.local | grep -v :0 || true')).not.toMatch(/mysqld_db_t|moved/);
  await applied('selinux.boolean', boolean);
  expect(await host.sh(`getsebool ${boolean.name}`)).toMatch(/--> on/);
});

test('after a reboot targets are served, the boolean is on, and what was done can still be undone', async () => {
  await lab.reboot(run, 'vm1');
  host = openStepHost(run, machine);
  expect(await host.perform('apply', 'lio.asserted', { ...served(), deadlineS: 60 })).toMatchObject({ result: 'unchanged' });
  expect(await readByInitiator()).toBe('tandem pattern 1');
  expect(await host.perform('apply', 'lio.saved', {}, { as: 'after-reboot' })).toMatchObject({ result: 'unchanged' });
  expect(await host.sh(`getsebool ${boolean.name}`)).toMatch(/--> on/);
  expect(await host.perform('apply', 'selinux.boolean', boolean, { as: 'after-reboot' })).toMatchObject({ result: 'unchanged' });
  await host.sh(`setsebool ${boolean.name} off`); // for this boot only
  expect(await host.verify('selinux.boolean', boolean)).toMatchObject({ satisfied: false, differences: [{ what: boolean.name, found: 'off', wanted: 'on' }] });
  await host.sh(`setsebool ${boolean.name} on`);
  await reverted('selinux.boolean', boolean);
  expect(await host.sh(`getsebool ${boolean.name}; cat /var/lib/selinux/*/active/booleans.local`)).toMatch(new RegExp(`--> off[^]*^${boolean.name}=0$`, 'm'));
});
