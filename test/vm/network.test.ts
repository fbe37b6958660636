import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startCutOffHost, type CutOffHost } from '../integration/cut-off.ts';
import { resultsOf } from '../integration/lab-site.ts';
import { prove } from '../integration/prove.ts';
import { openStepHost, runId, type StepHost } from '../integration/step-host.ts';
import * as lab from '../lab/lab.ts';

/**
 * The kernel's own datapath of Open vSwitch, real packet filtering and a real power cut, in one virtual machine: first single
 * steps with the product's code, then the packed agent inside and the packed coordinator outside.
 */
const id = runId('vmnt'), WITHIN_S = 30, scripts = '/etc/sysconfig/network-scripts', own = '10.77.0.1/24', coordinator = '10.77.0.254';
const ifcfg = { from: '/srv/old', interfaces: ['br-ex', 'eth1'], nameMap: { eth1: 'eth0' } };
const bridge = (over: Record<string, unknown> = {}): Record<string, unknown> => ({ bridge: 'br-ex', ports: ['eth0'], addresses: [own], gateway: coordinator, ifcfg, ...over });
let host: CutOffHost, step: StepHost;

const place = async (): Promise<string> => await host.sh('ip -o -4 addr show to 10.77.0.1 | cut -d" " -f2; ovs-vsctl list-br');

beforeAll(async () => {
  host = await startCutOffHost(id, 'vm');
  step = openStepHost(id, 'one=vm');
  await host.sh(`set -e; systemctl start openvswitch; mkdir /srv/old
    printf 'DEVICE=br-ex\\nTYPE=OVSBridge\\nDEVICETYPE=ovs\\nBOOTPROTO=static\\nIPADDR=10.77.0.1\\nPREFIX=24\\nONBOOT=yes\\n' >/srv/old/ifcfg-br-ex
    printf 'DEVICE=eth1\\nHWADDR=52:54:00:00:00:01\\nTYPE=OVSPort\\nDEVICETYPE=ovs\\nOVS_BRIDGE=br-ex\\nONBOOT=yes\\n' >/srv/old/ifcfg-eth1
    ip route replace default via ${coordinator}; systemctl -q enable openvswitch`);
});
afterAll(() => host.site.down());
afterEach(async () => { await host.sh('rm -f /root/after; touch /root/gate'); });

test('net.ifcfg', async () => {
  const mac = await host.sh('cat /sys/class/net/eth0/address');
  await prove(step, {
    operation: 'net.ifcfg', args: ifcfg, reverts: true,
    looks: { [`sh -c '. ${scripts}/ifcfg-eth0; echo $HWADDR $OVS_BRIDGE $IPADDR'`]: `${mac} br-ex`, [`grep -c IPADDR=10.77.0.1 ${scripts}/ifcfg-br-ex`]: '1' },
    breaks: [{ by: `rm ${scripts}/ifcfg-br-ex`, finds: [{ what: `${scripts}/ifcfg-br-ex`, found: 'missing', wanted: expect.stringContaining('DEVICE=br-ex') }] }],
  });
});

test('net.ovs.bridge in the kernel: the only address moves to the bridge and back', async () => {
  await prove(step, {
    operation: 'net.ovs.bridge', args: bridge(), reverts: true,
    looks: {
      'ip -o -4 addr show to 10.77.0.1 | cut -d" " -f2': 'br-ex', 'ip route show default': `default via ${coordinator} dev br-ex `,
      'ovs-dpctl show system@ovs-system | grep -c "port .: \\(eth0\\|br-ex (internal)\\)"': '2', [`cat ${scripts}/ifcfg-eth0 | grep OVS_BRIDGE`]: 'OVS_BRIDGE=br-ex',
    },
    breaks: [{ by: 'ovs-vsctl del-port br-ex eth0', finds: [{ what: 'port eth0', found: 'on no bridge', wanted: 'on br-ex' }] }],
  });
  expect(await host.reachable()).toBe(true);
});

test('firewall.replaced', async () => {
  await host.write('/srv/rules', '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:neutron-filter-top - [0:0]\n-A FORWARD -j neutron-filter-top\n-A INPUT -p tcp -m multiport --dports 5671,5672 -m comment --comment "001 amqp incoming" -j REJECT\nCOMMIT\n');
  await prove(step, {
    operation: 'firewall.replaced', args: { v4: '/srv/rules', stripChains: ['neutron-*'] }, reverts: true,
    looks: { 'iptables-save | grep -c "5671,5672.*001 amqp"': '1', 'iptables-save | grep -c neutron; grep -c neutron /etc/sysconfig/iptables': '0\n0' },
    breaks: [{ by: 'iptables -A INPUT -p tcp --dport 99 -j DROP', finds: [{ what: 'iptables in the kernel', found: expect.stringContaining('"99"'), wanted: 'no such rule' }] }],
  });
});

test('the packed agent and coordinator: confirmed over the bridge, lasting, nothing left to do; without its port it goes back', async () => {
  await host.change('net.ovs.bridge', bridge({ ports: [], gateway: undefined, ifcfg: undefined, confirmWithinS: 10 }));
  expect(await host.site.tandem('run', '--run-id', 'noport')).toMatchObject({ code: 6 });
  await host.expectBack('noport', 'nobody confirmed it over a new connection within 10 s', 15_000);
  expect(await place()).toBe('eth0');
  await host.change('net.ovs.bridge', bridge({ confirmWithinS: WITHIN_S }));
  const run = await host.site.tandem('run', '--run-id', 'moved');
  expect(run, run.stdout).toMatchObject({ code: 0 });
  expect((await host.journal('moved')).map(({ kind }) => kind)).toContain('confirmed');
  expect(await place()).toBe('br-ex\nbr-ex');
  expect(await host.sh(`grep -l OVS ${scripts}/*`)).toBe(`${scripts}/ifcfg-br-ex\n${scripts}/ifcfg-eth0`);
  expect(await host.site.tandem('run', '--run-id', 'again')).toMatchObject({ code: 0 });
  expect(resultsOf(await host.site.report('again'), 'one')).toMatchObject({ F2: 'unchanged' });
  await host.sh(`ovs-vsctl del-br br-ex; ip addr add ${own} broadcast + dev eth0; rm ${scripts}/ifcfg-br-ex; printf 'DEVICE=eth0\\nONBOOT=yes\\nIPADDR=10.77.0.1\\nPREFIX=24\\n' >${scripts}/ifcfg-eth0; sync`);
});

// Last, since it leaves the lease with a coordinator that has gone.
test('the coordinator is gone and the power is cut in the window: the host comes up reachable', async () => {
  await host.change('net.ovs.bridge', bridge({ gateway: undefined, confirmWithinS: 600 }));
  await host.beginAtGate('power', async ({ child, ended }) => { child.kill('SIGKILL'); await ended; });
  await host.awaitEvent('power', 'awaiting');
  expect(await place()).toBe('br-ex\nbr-ex');
  await lab.kill(id, 'one');
  host.restarted();
  await host.expectBack('power', 'the host was restarted before the change was confirmed', 400_000);
  expect(await place()).toBe('eth0');
});
