import { expect, test } from 'vitest';
import { COMMANDS } from '../../../agent/host/commands.ts';
import type { ActOptions, Host } from '../../../agent/host/host.ts';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import { recordedHost, recordingSchema } from '../recorded-host.ts';

/** A STAND-IN for systemd with one unit: `systemctl` of any verb is noted, `enable` and `disable` take effect. */
function oneUnit(enabled: string, active: string): { host: Host; verbs: string[] } {
  const verbs: string[] = [], now = { enabled };
  const host = Object.assign(recordedHost(recordingSchema.parse({})), {
    read: async (argv: string[]) => ({ argv, exitCode: 0, signal: '', stderr: '', stdout: `LoadState=loaded\nActiveState=${active}\nSubState=x\nUnitFileState=${now.enabled}\nMainPID=0\nExecMainStartTimestampMonotonic=0\nResult=success\n` }),
    act: async (argv: string[], _options?: ActOptions) => {
      const verb = argv[1] ?? '';
      verbs.push(verb);
      if (verb === 'enable' || verb === 'disable') now.enabled = `${verb}d`;
      return { argv, exitCode: 0, signal: '', stdout: '', stderr: '' };
    },
  });
  return { host, verbs };
}

test('trap 21: a cleanup unit is enabled and taken back without ever being started, stopped or restarted, also when the boot has run it meanwhile', async () => {
  const operation = findOperation('service.enabled')!, args = operation.args.parse({ units: ['neutron-ovs-cleanup', 'neutron-netns-cleanup'].slice(0, 1) });
  for (const active of ['inactive', 'active']) {
    const { host, verbs } = oneUnit('disabled', active), { found } = await operation.check(host, args);
    await operation.apply!(host, args, found);
    expect((await operation.check(host, args)).satisfied).toBe(true);
    await operation.revert!(host, args, found);
    expect(verbs, active).toEqual(['enable', 'disable']);
  }
  const booted = oneUnit('enabled', 'active');
  await operation.revert!(booted.host, args, (await operation.check(oneUnit('disabled', 'inactive').host, args)).found);
  expect(booted.verbs, 'its stop would clean up too').toEqual(['disable']);
  // service.restarted has an allow-list: a unit that is not on it is not touched, one that does not run neither.
  const rest = oneUnit('enabled', 'inactive'), restarted = findOperation('service.restarted')!, allowed = restarted.args.parse({ units: ['neutron-ovs-cleanup'], newerThan: ['/etc/x'] });
  Object.assign(rest.host, { stat: async () => ({ type: 'file', mode: 0, uid: 0, gid: 0, sizeBytes: 0, mtimeS: 0 }) });
  expect(await restarted.check(rest.host, allowed)).toMatchObject({ satisfied: true, reason: expect.stringContaining('not touched: neutron-ovs-cleanup.service') as string });
});

test('E6: the printed target of the copy is a path that libvirt does not read; it is refused', () => {
  const { args } = findOperation('file.copied')!, from = '/mnt/backup/etc/libvirt/libvirtd.conf', consumer = '/etc/libvirt/libvirtd.conf';
  expect(args.safeParse({ from, to: '/etc/libvirtd.conf', consumer }).error?.issues[0]?.message).toContain(`what reads it reads ${consumer}`);
  expect(args.safeParse({ from, to: consumer, consumer }).success).toBe(true);
});

test('E19: a boolean that is on for this boot only is not enough, and is set with -P', async () => {
  const operation = findOperation('selinux.boolean')!, args = operation.args.parse({ name: 'httpd_can_network_connect', value: true });
  const host = recordedHost(recordingSchema.parse({
    files: { '/sys/fs/selinux/enforce': '1', '/etc/selinux/config': 'SELINUX=enforcing\nSELINUXTYPE=targeted\n', '/sys/fs/selinux/booleans/httpd_can_network_connect': '1 1' },
    commands: [{ argv: ['setsebool', '-P', 'httpd_can_network_connect', 'on'], purpose: 'act', source: 'setsebool(8)' }],
  }));
  const { satisfied, found } = await operation.check(host, args);
  expect(satisfied, 'as the printed command leaves it').toBe(false);
  host.mayWrite = true;
  await operation.apply!(host, args, found);
  expect(host.left()).toEqual([]);
});

test('trap 39: nothing is run by sudo, which wants a terminal; another user\'s commands go through runuser', () => {
  expect(COMMANDS.filter(({ argv }) => argv.some((word) => word === 'sudo' || word === 'su'))).toEqual([]);
});
