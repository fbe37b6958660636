import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { prove } from './prove.ts';
import { runId, startStepHost, type StepHost } from './step-host.ts';

/** Identity, channels, packages, services and the firewall of one host, in the runbook's order; a test rests on the ones before it. */
const run = runId('sys');
let host: StepHost;
beforeAll(async () => { host = await startStepHost(run); });
afterAll(() => lab.down(run));

describe('operations on a real host: system', () => {
  test('host.identified', async () => {
    const args = { fqdn: 'controller.example.test', short: 'controller', addresses: ['10.77.0.1'] };
    expect(await host.perform('apply', 'host.identified', args)).toMatchObject({ result: 'unchanged' });
    expect(await host.sh('uname -n; cat /etc/redhat-release')).toMatch(/^controller(\.example\.test)?\n.*release 7\.0/);
    await host.sh('ip addr del 10.77.0.1/24 dev eth0; ip addr add 10.77.0.9/24 dev eth0');
    expect(await host.perform('apply', 'host.identified', args)).toMatchObject({ code: 'verify_failed', reason: expect.stringMatching(/^address 10\.77\.0\.1 is not on this host \(.*10\.77\.0\.9.*\), wanted on this host$/) as string });
    await host.sh('ip addr del 10.77.0.9/24 dev eth0; ip addr add 10.77.0.1/24 dev eth0');
    await host.sh("sed -i 's/^VERSION_ID=.*/VERSION_ID=\"6.5\"/' /etc/os-release");
    expect(await host.perform('apply', 'host.identified', args)).toMatchObject({ code: 'verify_failed', reason: 'release is rhel 6.5, wanted rhel 7.*' });
    await host.sh("sed -i 's/^VERSION_ID=.*/VERSION_ID=\"7.0\"/' /etc/os-release");
  });

  test('repository.selected', async () => {
    const args = { enable: ['rhel-7-server-openstack-6.0-rpms', 'rhel-7-server-rh-common-rpms'], disable: ['rhel-7-server-openstack-5.0-rpms', 'cf-me-*', '*-eus-rpms'] };
    await prove(host, {
      operation: 'repository.selected', args, reverts: true,
      looks: { 'yum -q repolist enabled | sort': /^repo id.*\nrhel-7-server-openstack-6\.0-rpms .*\nrhel-7-server-rh-common-rpms .*\nrhel-7-server-rpms [^\n]*$/ },
      breaks: [
        { by: 'subscription-manager repos --enable=rhel-7-server-eus-rpms', finds: [{ what: 'rhel-7-server-eus-rpms', found: 'enabled', wanted: 'disabled' }] },
        { by: 'subscription-manager repos --disable=rhel-7-server-openstack-6.0-rpms', finds: [{ what: 'rhel-7-server-openstack-6.0-rpms', found: 'disabled', wanted: 'enabled' }] },
      ],
    });
    expect(await host.perform('apply', 'repository.selected', { enable: ['rhel-7-server-openstack-6.0-rpm'] }))
      .toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('the nearest is rhel-7-server-openstack-6.0-rpms') as string });
    expect(await host.perform('apply', 'repository.selected', args, { as: 'R5' })).toMatchObject({ result: 'changed' });
  });

  test('package.installed', async () => {
    const args = { names: ['openvswitch'], from: 'rhel-7-server-openstack-6.0-rpms' };
    await prove(host, {
      operation: 'package.installed', args, reverts: true,
      looks: { 'rpm -q openvswitch': /^openvswitch-\d/, 'test -x /usr/bin/ovs-vsctl && echo there': 'there' },
      breaks: [
        { by: 'rpm -e --nodeps openvswitch', finds: [{ what: 'openvswitch', found: 'not installed', wanted: 'installed' }] },
        {
          by: 'mv /usr/bin/ovs-vsctl /usr/bin/ovs-vsctl.away', mend: 'mv /usr/bin/ovs-vsctl.away /usr/bin/ovs-vsctl',
          finds: [{ what: '/usr/bin/ovs-vsctl', found: expect.stringContaining('missing'), wanted: 'as packaged' }],
        },
        {
          by: 'cp -a /usr/bin/ovs-vsctl /usr/bin/ovs-vsctl.away; truncate -s 10 /usr/bin/ovs-vsctl', mend: 'mv /usr/bin/ovs-vsctl.away /usr/bin/ovs-vsctl',
          finds: [{ what: '/usr/bin/ovs-vsctl', found: expect.anything(), wanted: 'as packaged' }],
        },
      ],
    });
    expect(await host.perform('apply', 'package.installed', { names: ['openvswitch'], version: '1.*' })).toMatchObject({ code: expect.any(String) as string });
    expect((await host.trySh('rpm -q openvswitch')).code, 'a wrong version installs nothing').toBe(1);
    const all = { names: ['openvswitch', 'iptables-services'] };
    expect(await host.perform('apply', 'package.installed', all, { as: 'C2' })).toMatchObject({ result: 'changed' });
    expect(await host.verify('package.installed', { ...all, from: 'rhel-7-server-rpms' }), 'from another channel').toMatchObject({
      satisfied: false, differences: [{ what: 'repository of openvswitch', found: 'rhel-7-server-openstack-6.0-rpms', wanted: 'rhel-7-server-rpms' }],
    });
  });

  test('service.running', async () => {
    await prove(host, {
      operation: 'service.running', args: { units: ['openvswitch'], stableForS: 1 }, reverts: true,
      looks: { 'systemctl is-active openvswitch': 'active', 'systemctl is-enabled openvswitch': 'enabled', 'ovs-vsctl --timeout=2 show | wc -l': /^[1-9]/ },
      breaks: [
        { by: 'systemctl stop openvswitch', finds: [{ what: 'openvswitch.service', found: 'inactive (dead)', wanted: 'active' }] },
        { by: 'systemctl disable openvswitch', finds: [{ what: 'openvswitch.service at boot', found: 'disabled', wanted: 'enabled' }] },
      ],
    });
  });

  test('service.running sees a process that does not stay up', async () => {
    const unit = '[Service]\\nExecStart=/bin/sleep 0.7\\nRestart=always\\nRestartSec=0\\nStartLimitInterval=0\\n';
    await host.sh(`printf '${unit}' >/etc/systemd/system/flapping.service; systemctl daemon-reload`);
    expect(await host.perform('apply', 'service.running', { units: ['flapping'], enabled: false, stableForS: 2 }, { as: 'flapping' }))
      .toMatchObject({ code: 'verify_failed', reason: expect.stringMatching(/flapping\.service/) as string });
    await host.sh('systemctl stop flapping; rm /etc/systemd/system/flapping.service');
  });

  test('service.enabled', async () => {
    await host.sh(`printf '[Service]\\nExecStart=/bin/sleep 1000000\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/sleeper.service; systemctl daemon-reload`);
    await prove(host, {
      operation: 'service.enabled', args: { units: ['sleeper'] }, reverts: true,
      looks: { 'readlink /etc/systemd/system/multi-user.target.wants/sleeper.service': '/etc/systemd/system/sleeper.service' },
      breaks: [{ by: 'systemctl disable sleeper', finds: [{ what: 'sleeper.service at boot', found: 'disabled', wanted: 'enabled' }] }],
    });
    expect((await host.trySh('systemctl is-active sleeper')).printed, 'not started').toBe('inactive');
  });

  test('service.stopped', async () => {
    await host.sh('systemctl enable sleeper; systemctl start sleeper');
    await prove(host, {
      operation: 'service.stopped', args: { units: ['sleeper'], disabled: true }, reverts: true,
      looks: { 'systemctl is-active sleeper': 'inactive', 'pgrep -fx "/bin/sleep 1000000" | wc -l': '0', 'systemctl is-enabled sleeper': 'disabled' },
      breaks: [
        { by: 'systemctl start sleeper', finds: [{ what: 'sleeper.service', found: 'active (running)', wanted: 'inactive' }] },
        { by: 'systemctl enable sleeper', finds: [{ what: 'sleeper.service at boot', found: 'enabled', wanted: 'disabled' }] },
      ],
    });
  });

  test('service.masked', async () => {
    const args = { units: ['firewalld'] };
    await prove(host, {
      operation: 'service.masked', args, reverts: true,
      looks: { 'readlink /etc/systemd/system/firewalld.service': '/dev/null', 'systemctl is-active firewalld': 'inactive', 'systemctl start firewalld 2>&1': /masked/ },
      breaks: [
        {
          by: 'systemctl unmask firewalld', finds: [
            { what: 'firewalld.service', found: 'disabled', wanted: 'masked' },
            { what: '/etc/systemd/system/firewalld.service', found: 'no link', wanted: '/dev/null' },
          ],
        },
        {
          by: 'systemctl unmask firewalld; systemctl start firewalld', finds: [
            { what: 'firewalld.service', found: 'disabled', wanted: 'masked' },
            { what: 'firewalld.service now', found: 'active (running)', wanted: 'inactive' },
            { what: '/etc/systemd/system/firewalld.service', found: 'no link', wanted: '/dev/null' },
          ],
        },
      ],
    });
    expect(await host.perform('apply', 'service.masked', { units: ['nosuch'] }, { as: 'nosuch' })).toMatchObject({ result: 'unchanged', reason: expect.stringContaining('no such unit') as string });
  });

  test('firewall.replaced', async () => {
    const v4 = '/mnt/backup/controller.example.test/etc/sysconfig/iptables', v6 = '/mnt/backup/controller.example.test/etc/sysconfig/ip6tables';
    const args = { v4, v6, stripChains: ['neutron-*', 'nova-*'], mustAllow: [{ address: '10.77.0.254', port: 7443 }] };
    const untouched = await host.sh('iptables-save | grep -v ^#; cat /etc/sysconfig/iptables');
    expect(await host.perform('apply', 'firewall.replaced', args)).toMatchObject({ code: 'precondition_failed', reason: expect.stringMatching(/10\.77\.0\.254 to port 7443.*firstRules/) as string });
    expect(await host.sh('iptables-save | grep -v ^#; cat /etc/sysconfig/iptables'), 'refused before anything was touched').toBe(untouched);
    const allowing = { ...args, firstRules: { v4: ['-A INPUT -s 10.77.0.254/32 -p tcp -m tcp --dport 7443 -j ACCEPT'] } };
    expect(await host.perform('apply', 'firewall.replaced', allowing)).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('firewalld is running') as string });
    expect(await host.sh('iptables-save | grep -v ^#; cat /etc/sysconfig/iptables'), 'refused before anything was touched').toBe(untouched);
    await host.sh('systemctl -q stop firewalld; systemctl -q mask firewalld 2>/dev/null');
    const amqp = '-A INPUT -s 10.77.0.0/24 -p tcp -m multiport --dports 5671,5672 -m comment --comment "001 amqp incoming" -j ACCEPT';
    await prove(host, {
      operation: 'firewall.replaced', args: allowing, reverts: true,
      looks: {
        'iptables-save | grep ^-': /-A INPUT -s 10\.77\.0\.254\/32 [^\n]*7443 -j ACCEPT\n-A INPUT -s 10\.77\.0\.0\/24 [^\n]*5671,5672/,
        'ip6tables-save -t filter | grep -c REJECT': /^[1-9]/,
        'grep -c "001 amqp incoming" /etc/sysconfig/iptables': '1',
      },
      breaks: [
        { by: `iptables -D ${amqp.slice(3)}`, finds: [{ what: 'iptables in the kernel', found: 'no such rule', wanted: expect.stringContaining('--comment "001 amqp incoming"') }] },
        { by: 'iptables -I INPUT -p tcp --dport 5000 -j DROP', finds: [{ what: 'iptables in the kernel', found: expect.stringContaining('5000'), wanted: 'no such rule' }] },
        { by: 'ip6tables -P INPUT DROP', finds: [{ what: 'ip6tables in the kernel', found: expect.stringContaining('INPUT DROP'), wanted: expect.stringContaining('INPUT ACCEPT') }] },
        { by: 'sed -i /amqp/d /etc/sysconfig/iptables', finds: [{ what: '/etc/sysconfig/iptables', found: 'other rules', wanted: `the rules of ${v4}` }] },
        { by: 'rm /etc/sysconfig/iptables', finds: [{ what: '/etc/sysconfig/iptables', found: 'missing', wanted: `the rules of ${v4}` }] },
      ],
    });
    expect(await host.sh('iptables-save | grep -c nova- || true')).toBe('0');
  });

  test('selinux.relabeled and selinux.boolean: nothing to do without SELinux, refused between the two', async () => {
    const both = [['selinux.relabeled', { paths: ['/etc/sysconfig'] }], ['selinux.boolean', { name: 'httpd_can_network_connect', value: true }]] as const;
    for (const [name, args] of both) expect(await host.perform('apply', name, args)).toMatchObject({ result: 'unchanged', reason: expect.stringMatching(/^no SELinux on this host/) as string });
    expect((await host.trySh('test -e /sys/fs/selinux/enforce')).code).toBe(1);
    await host.sh('cp /etc/selinux/config /root/selinux; mkdir -p /etc/selinux/targeted; printf "SELINUX=enforcing\\nSELINUXTYPE=targeted\\n" >/etc/selinux/config');
    for (const [name, args] of both) expect(await host.perform('apply', name, args)).toMatchObject({ code: 'precondition_failed', reason: expect.stringMatching(/enforcing.*reboot/) as string });
    await host.sh('rmdir /etc/selinux/targeted; mv /root/selinux /etc/selinux/config');
  });
});
