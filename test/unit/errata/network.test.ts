// Traps of cut-over, network and services that the document does not mention (mission analysis, procedure.md 2.3).
import { afterEach, expect, test, vi } from 'vitest';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import type { Host } from '../../../agent/host/host.ts';
import { recordedHost, recordingSchema } from '../recorded-host.ts';
import { carry, look, type Recording } from './one-host.ts';
import { IFUP, wordsOf } from './printed.ts';
import { planned, stepOf, stepsOf, type Facts } from './real-plan.ts';

const made = 'made by hand after iproute 3.10.0, iputils 20121221 and Open vSwitch 2.1';
const ADDRESSES = { argv: ['ip', '-o', 'addr'], stdout: '1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n2: eth0    inet 10.77.0.7/24 brd 10.77.0.255 scope global eth0\\       valid_lft forever preferred_lft forever\n', source: made };
const COMPUTES = ['compute1', 'compute2'];
const plan = planned();

test('trap 1: the old controller is off and has given its address away before the new one takes it; while anybody answers there, nothing begins', async () => {
  const { step: { operation }, args, place } = stepOf(plan, 'P12');
  expect(place).toBeLessThan(stepOf(plan, 'C1').place);
  const first = stepsOf(plan).find(({ step }) => step.changes);
  expect(place, 'nothing was changed before').toBeLessThan(first?.place ?? 0);
  const arping = (answers: string): Recording => ({ commands: [ADDRESSES, { argv: ['arping', '-c', '3', '-w', '5', '-I', 'eth0', '10.77.0.1'], exitCode: answers === '' ? 1 : 0, stdout: `ARPING 10.77.0.1 from 10.77.0.7 eth0\n${answers}Sent 3 probes (1 broadcast(s))\nReceived 1 response(s)\n`, source: made }] });
  expect(await carry(operation, args, arping('Unicast reply from 10.77.0.1 [52:54:00:4D:00:01]  0.682ms\n'))).toMatchObject({ code: 'verify_failed', reason: expect.stringContaining('answered by 52:54:00:4d:00:01') as string });
  expect(await carry(operation, args, arping(''))).toMatchObject({ result: 'unchanged' });
});

/** A provider bridge with a network card, as a cloud with VLANs has it. */
const withPort = (facts: Facts): void => {
  facts.neutron.bridgePorts['br-ex'] = ['eth1', 'phy-br-ex'];
  facts.host.interfaces.push({ name: 'eth1', mac: '52:54:00:4d:01:01', addresses: [] });
};
const bridges = (ports: string[]): Recording => ({
  files: Object.fromEntries(['eth0', 'eth1', 'br-ex', 'lo'].flatMap((name, at) => [[`/sys/class/net/${name}/address`, `52:54:00:77:01:0${String(at)}\n`], [`/sys/class/net/${name}/flags`, '0x1003\n']])),
  commands: [
    { argv: ['ovs-vsctl', '--timeout=5', '--format=json', '--', '--columns=name,ports,datapath_type,other_config', 'list', 'Bridge', '--', '--columns=_uuid,name', 'list', 'Port'], source: made,
      stdout: `{"data":[["br-ex",["set",[${['br-ex', ...ports].map((name) => `["uuid","${name}"]`).join(',')}]],"",["map",[]]]],"headings":["name","ports","datapath_type","other_config"]}\n{"data":[${['br-ex', ...ports].map((name) => `[["uuid","${name}"],"${name}"]`).join(',')}],"headings":["_uuid","name"]}\n` },
    ADDRESSES, ...['-4', '-6'].map((family) => ({ argv: ['ip', family, '-o', 'route', 'show', 'table', 'all'], stdout: '', source: made })),
  ],
});

test('trap 17: ifup brings the bridge up and attaches no port; the step has the old host\'s ports, and a bridge without them is not as wanted', async () => {
  const bridge = wordsOf(IFUP)[0], { step: { operation }, args } = stepOf(planned(withPort), 'C8.br-ex');
  expect([bridge, args['bridge'], args['ports']]).toEqual(['br-ex', 'br-ex', ['eth1']]);
  const wanted = { ...args, ifcfg: undefined };
  expect((await look(operation, wanted, bridges([]))).differences).toEqual([{ what: 'port eth1', found: 'on no bridge', wanted: 'on br-ex' }]);
  expect((await look(operation, wanted, bridges(['eth1']))).differences).toEqual([]);
});

test('trap 18: NetworkManager keeps its hands off the restored files of bridge and port, whatever the old host\'s said', async () => {
  const { ifcfg } = stepOf(planned(withPort), 'C8.br-ex').args as { ifcfg: { from: string } };
  const { host } = await carry('net.ifcfg', ifcfg, { files: {
    ...Object.fromEntries(['eth0', 'eth1'].flatMap((name) => [[`/sys/class/net/${name}/address`, '52:54:00:4d:01:01\n'], [`/sys/class/net/${name}/flags`, '0x1003\n']])), '/etc/sysconfig/network-scripts/ifcfg-lo': 'DEVICE=lo\n',
    [`${ifcfg.from}/ifcfg-br-ex`]: 'DEVICE=br-ex\nTYPE=OVSBridge\nNM_CONTROLLED=yes\n', [`${ifcfg.from}/ifcfg-eth1`]: 'DEVICE=eth1\nTYPE=OVSPort\nOVS_BRIDGE=br-ex\n',
  } });
  for (const name of ['br-ex', 'eth1']) expect(host.files.get(`/etc/sysconfig/network-scripts/ifcfg-${name}`)?.content, name).toMatch(/^NM_CONTROLLED=no$/m);
});

test('trap 19: interfaces that have another name on the new host have it on the bridge and in the firewall\'s rules too', async () => {
  const site = planned(withPort, '{}', '{eth1: em2}'), moved = stepsOf(site).filter(({ step }) => ['net.ovs.bridge', 'firewall.replaced'].includes(step.operation));
  expect(moved.map(({ args }) => [args['nameMap'] ?? (args['ifcfg'] as Record<string, unknown>)['nameMap']]).flat(), 'every such step has the site\'s names').toEqual(moved.map(() => ({ eth1: 'em2' })));
  expect(stepOf(site, 'C8.br-ex').args['ports']).toEqual(['em2']);
  const rules = (name: string): string => `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i ${name} -p tcp -m tcp --dport 22 -m comment --comment "-i eth1 was here" -j ACCEPT\n-A FORWARD ! -o ${name} -m physdev --physdev-in ${name} -j DROP\n-A INPUT -i eth10 -j DROP\nCOMMIT\n`;
  const { differences } = await look('firewall.replaced', { v4: '/b/iptables', nameMap: { eth1: 'em2' } }, {
    files: { '/b/iptables': rules('eth1'), '/etc/sysconfig/iptables': `# from /b/iptables\n${rules('em2')}` }, commands: [{ argv: ['iptables-save'], stdout: rules('em2'), source: made }],
  });
  expect(differences).toEqual([]);
});

/** A STAND-IN for systemd and /proc: one unit that runs until `diesAtMs`, and is failed from then on. */
function dying(diesAtMs: number): Host {
  const shown = (): string => (performance.now() < diesAtMs ? 'ActiveState=active\nSubState=running\nMainPID=4711' : 'ActiveState=failed\nSubState=failed\nMainPID=0');
  return Object.assign(recordedHost(recordingSchema.parse({ files: { '/proc/4711/stat': '4711 (python) S 1' } })), {
    mayWrite: true, read: async (argv: string[]) => ({ argv, exitCode: 0, signal: '', stderr: '', stdout: `Id=neutron-openvswitch-agent.service\nLoadState=loaded\n${shown()}\nUnitFileState=enabled\nExecMainStartTimestampMonotonic=1\nResult=success\n` }),
  });
}

test('trap 20: the agent ends 1.5 s after its start where a mapped bridge is missing; bridges come first, and a start that does not last is no start', async () => {
  vi.useFakeTimers();
  vi.setTimerTickMode('nextTimerAsync');
  for (const [bridge, agent, host] of [['C8.br-ex', 'C48.neutron-openvswitch-', 'controller'], ...COMPUTES.map((name) => ['N7b.br-ex', 'N18', name])] as [string, string, string][]) {
    expect(stepOf(plan, bridge, host).place).toBeLessThan(stepOf(plan, agent, host).place);
    const operation = findOperation('service.running')!, proof = async (diesAfterMs: number): Promise<unknown> => await operation.verify!(dying(performance.now() + diesAfterMs), operation.args.parse(stepOf(plan, agent, host).args));
    expect(await proof(1500)).toMatchObject({ satisfied: false, differences: expect.arrayContaining([expect.objectContaining({ found: 'failed (failed)' })]) as object[] });
    expect(await proof(60_000)).toMatchObject({ satisfied: true });
  }
});

test('trap 22: a restart of the switch\'s agent takes the flows of running guests away; no step restarts anything of the network', () => {
  const restarts = stepsOf(plan).filter(({ step }) => step.operation === 'service.restarted').flatMap(({ args }) => args['units'] as string[]);
  expect(restarts.length).toBeGreaterThan(6);
  expect(restarts.filter((unit) => !/^(?:openstack-nova-|sshd$)/.test(unit))).toEqual([]);
});

test('trap 23: firewalld is masked before the old rules are loaded, since it would replace them at the next boot', async () => {
  for (const [mask, load, host] of [['C10b', 'C13', 'controller'], ...COMPUTES.map((name) => ['N12b', 'N15', name])] as [string, string, string][]) {
    expect(stepOf(plan, mask, host).step).toMatchObject({ operation: 'service.masked', args: { units: ['firewalld'] } });
    expect(stepOf(plan, mask, host).place).toBeLessThan(stepOf(plan, load, host).place);
  }
  const rules = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n', unit = '/usr/lib/systemd/system/firewalld.service';
  const installed = { files: { '/b/iptables': rules, '/etc/sysconfig/iptables': `# from /b/iptables\n${rules}`, [unit]: '[Unit]\n' }, commands: [{ argv: ['iptables-save'], stdout: rules, source: made }] };
  expect((await look('firewall.replaced', { v4: '/b/iptables' }, installed)).differences, 'the rules are loaded, and the next boot would lose them').toMatchObject([{ what: 'firewalld', found: 'not masked' }]);
});

afterEach(() => { vi.useRealTimers(); });
