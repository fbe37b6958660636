import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { prove } from './prove.ts';
import { foundBy, runId, startStepHost, type StepHost } from './step-host.ts';

/** Bridges of a real Open vSwitch (userspace datapath) on one host, over its only link. The shells come by another way than the network. */
const run = runId('net');
const scripts = '/etc/sysconfig/network-scripts', medium = `/mnt/backup/controller.example.test${scripts}`;
const coordinator = '10.77.0.254', own = '10.77.0.1/24';
const ping = `ping -c1 -W2 ${coordinator} >/dev/null && echo answers`;
const where = (device: string): string => `ip -o -4 addr show dev ${device} 2>&1 | awk '{ print $4 }'`;
const ports = 'ovs-vsctl list-ports br-ex 2>&1';
let host: StepHost;
beforeAll(async () => {
  host = await startStepHost(run);
  await host.sh('subscription-manager repos --enable=rhel-7-server-openstack-6.0-rpms --disable=rhel-7-server-openstack-5.0-rpms; yum -y -q install openvswitch; systemctl start openvswitch');
  await host.sh(`mkdir -p ${scripts}`); // initscripts bring it on RHEL
});
afterAll(() => lab.down(run));

const bridge = (over: Record<string, unknown> = {}): Record<string, unknown> => ({ bridge: 'br-ex', ports: ['eth0'], addresses: [own], gateway: coordinator, datapath: 'netdev', ...over });

describe('operations on a real host: network', () => {
  test('net.ifcfg', async () => {
    const mac = await host.sh('cat /sys/class/net/eth0/address');
    await host.sh(`mkdir /srv/old; cp ${medium}/ifcfg-* /srv/old; printf '10.9.0.0/16 via 192.0.2.1 dev eth1\\n' >/srv/old/route-eth1; printf 'UUID=1\\nGATEWAY=192.0.2.1\\n' >>/srv/old/ifcfg-br-ex`);
    const args = { from: '/srv/old', interfaces: ['br-ex', 'eth1'], nameMap: { eth1: 'eth0' } };
    expect(await host.perform('check', 'net.ifcfg', { ...args, nameMap: {} })).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('eth1, which this host has not; it has eth0') as string });
    expect(await host.perform('check', 'net.ifcfg', { ...args, interfaces: ['eth0'], nameMap: {} })).toMatchObject({ code: 'precondition_failed', reason: expect.stringMatching(new RegExp(`52:54:00:77:00:01, which no interface of this host has; eth0 has ${mac}`)) as string });
    const value = (file: string, key: string): string => `sh -c '. ${scripts}/${file} 2>/dev/null && echo "$${key}"'`;
    await prove(host, {
      operation: 'net.ifcfg', args, reverts: true,
      looks: {
        [value('ifcfg-eth0', 'HWADDR')]: mac, [value('ifcfg-eth0', 'DEVICE $OVS_BRIDGE $TYPE')]: 'eth0 br-ex OVSPort',
        [value('ifcfg-br-ex', 'IPADDR $GATEWAY $NM_CONTROLLED:$UUID')]: '192.0.2.10 192.0.2.1 no:', [`cat ${scripts}/route-eth0`]: '10.9.0.0/16 via 192.0.2.1 dev eth0',
      },
      breaks: [
        { by: `sed -i 's/^HWADDR=.*/HWADDR=52:54:00:00:00:00/' ${scripts}/ifcfg-eth0`, finds: [{ what: `${scripts}/ifcfg-eth0`, found: 'HWADDR=52:54:00:00:00:00', wanted: `HWADDR=${mac}` }] },
        { by: `chmod 600 ${scripts}/ifcfg-br-ex`, finds: [{ what: `${scripts}/ifcfg-br-ex`, found: 'file 0600 0:0', wanted: 'file 0644 0:0' }] },
        { by: `rm ${scripts}/route-eth0`, finds: [{ what: `${scripts}/route-eth0`, found: 'missing', wanted: '10.9.0.0/16 via 192.0.2.1 dev eth0' }] },
      ],
    });
  });

  test('net.ovs.bridge: the only address moves to the bridge and back', async () => {
    await host.sh(`ip route add default via ${coordinator} dev eth0; ip route add 10.200.0.0/16 via 10.77.0.253 dev eth0 src 10.77.0.1 metric 7; ip addr add 10.77.0.61/24 dev eth0`);
    const mac = await host.sh('cat /sys/class/net/eth0/address');
    const args = bridge({ addresses: [own, '10.77.0.61/24'], ifcfg: { from: medium, interfaces: ['br-ex', 'eth1'], nameMap: { eth1: 'eth0' } } });
    await prove(host, {
      operation: 'net.ovs.bridge', args, reverts: true,
      looks: {
        [where('br-ex')]: '10.77.0.1/24\n10.77.0.61/24', [where('eth0')]: '', [ports]: 'eth0', 'cat /sys/class/net/br-ex/address': mac,
        'ip route | sort': `10.200.0.0/16 via 10.77.0.253 dev br-ex src 10.77.0.1 metric 7 \n10.77.0.0/24 dev br-ex proto kernel scope link src 10.77.0.1 \ndefault via ${coordinator} dev br-ex `,
        [`ping -c1 -W2 -I br-ex ${coordinator} >/dev/null && echo answers`]: 'answers', [`ls ${scripts}`]: 'ifcfg-br-ex\nifcfg-eth0',
      },
      breaks: [
        { by: 'ovs-vsctl del-port br-ex eth0', finds: [{ what: 'port eth0', found: 'on no bridge', wanted: 'on br-ex' }] },
        { by: 'ip addr add 10.77.0.1/24 dev eth0', finds: [{ what: `address ${own}`, found: 'on br-ex and on eth0', wanted: 'on br-ex' }] },
        { by: 'ip link set eth0 down', finds: [{ what: 'link eth0', found: 'down', wanted: 'up' }] },
        { by: `ip route replace default via 10.77.0.253 dev br-ex`, finds: [{ what: 'default route', found: 'default via 10.77.0.253 dev br-ex', wanted: `via ${coordinator} dev br-ex` }] },
      ],
    });
    expect(await host.sh(ping)).toBe('answers');
    await host.sh('ip route del default; ip route del 10.200.0.0/16; ip addr del 10.77.0.61/24 dev eth0');
  });

  test('net.ovs.bridge: IPv6, an address of another interface, a bridge that is there', async () => {
    await host.sh('ip link add card type veth peer name cable; ip link set card up; ip link set cable up; ip addr add 192.0.2.10/24 dev card; ip addr add 192.0.2.11/24 dev card; ip addr add 2001:db8:1::10/64 dev card nodad');
    await host.sh('ip -6 route add 2001:db8:2::/64 via 2001:db8:1::1 dev card; ip -6 route add 2001:db8:3::/64 via 2001:db8:1::2 dev card table 77; ovs-vsctl add-br br-own -- set Bridge br-own datapath_type=netdev');
    const v6 = (device: string): string => `ip -6 -o addr show dev ${device} scope global | awk '{ print $4 }'; ip -6 route show table all dev ${device} | grep 2001 | grep -v kernel | sed 's/ table.*//; s/ metric.*//' | sort`;
    // one address of the card goes, the primary one; the other stays and becomes the primary one, until all goes back
    await prove(host, {
      operation: 'net.ovs.bridge', args: bridge({ bridge: 'br-own', ports: [], addresses: ['192.0.2.10/24', '2001:db8:1::10/64'], gateway: undefined }), reverts: true,
      looks: {
        [where('br-own')]: '192.0.2.10/24', [where('card')]: '192.0.2.11/24', [v6('card')]: '',
        [v6('br-own')]: '2001:db8:1::10/64\n2001:db8:2::/64 via 2001:db8:1::1\n2001:db8:3::/64 via 2001:db8:1::2',
      },
      breaks: [{ by: 'ip addr del 2001:db8:1::10/64 dev br-own', finds: [{ what: 'address 2001:db8:1::10/64', found: 'nowhere', wanted: 'on br-own' }], mend: 'ip addr add 2001:db8:1::10/64 dev br-own nodad; ip -6 route replace 2001:db8:2::/64 via 2001:db8:1::1 dev br-own; ip -6 route replace 2001:db8:3::/64 via 2001:db8:1::2 dev br-own table 77' }],
    });
    expect(await host.sh('ovs-vsctl list-br')).toBe('br-own');
    await host.sh('ovs-vsctl del-br br-own; ip link del card');
  });

  test('net.ovs.bridge: an open connection and a stream of pings live through the move and the way back', async () => {
    await host.sh('mkdir -p /srv/web; head -c 30000000 /dev/urandom >/srv/web/load; cd /srv/web; python3 -m http.server 8080 >/dev/null 2>&1 & echo $! >/srv/web.pid; sleep 1');
    const wanted = await host.sh('sha256sum </srv/web/load | cut -c1-64');
    const load = lab.net(run, ['python3', '-c', `import hashlib, time, urllib.request
answer, seen = urllib.request.urlopen('http://10.77.0.1:8080/load', timeout=30), hashlib.sha256()
while part := answer.read(300000): seen.update(part); time.sleep(0.1)
print(seen.hexdigest())`]);
    const pings = lab.exec(run, 'controller', ['ping', '-i', '0.02', '-w', '9', '-q', coordinator]);
    const first = await host.perform('apply', 'net.ovs.bridge', bridge());
    expect(first).toMatchObject({ result: 'changed' });
    expect(await host.perform('revert', 'net.ovs.bridge', bridge(), { revertTo: foundBy(first) })).toMatchObject({ result: 'reverted' });
    expect((await load).stdout.trim()).toBe(wanted);
    const [, sent = '0', received = '0'] = /(\d+) packets transmitted, (\d+) received/.exec((await pings).stdout) ?? [];
    expect(Number(sent), JSON.stringify(await pings)).toBeGreaterThan(100);
    expect(Number(sent) - Number(received), 'pings lost, one every 20 ms').toBeLessThan(50);
    await host.sh('kill $(cat /srv/web.pid); rm -r /srv/web');
  });

  test('net.ovs.bridge: a gateway that does not answer is no success', async () => {
    const first = await host.perform('apply', 'net.ovs.bridge', bridge({ gateway: '10.77.0.99' }), { as: 'dead' });
    expect(first).toMatchObject({ code: 'verify_failed', reason: expect.stringContaining('gateway 10.77.0.99 is no answer over br-ex') as string });
    expect(await host.perform('revert', 'net.ovs.bridge', bridge({ gateway: '10.77.0.99' }), { as: 'dead', revertTo: foundBy(first) })).toMatchObject({ result: 'reverted' });
    expect(await host.sh(`${ping}; ip route show default`)).toBe('answers');
  });

  test('net.ovs.bridge: revert from half a change, twice', async () => {
    for (const half of [
      'ovs-vsctl add-br br-ex -- set Bridge br-ex datapath_type=netdev',
      'ovs-vsctl add-br br-ex -- set Bridge br-ex datapath_type=netdev -- add-port br-ex eth0',
      'ovs-vsctl add-br br-ex -- set Bridge br-ex datapath_type=netdev -- add-port br-ex eth0; ip link set br-ex up; ip addr add 10.77.0.1/24 dev br-ex',
      'ovs-vsctl add-br br-ex -- set Bridge br-ex datapath_type=netdev -- add-port br-ex eth0; ip link set br-ex up; ip addr add 10.77.0.1/24 dev br-ex; ip addr del 10.77.0.1/24 dev eth0',
      'ip addr flush dev eth0; ip link set eth0 down',
    ]) {
      const look = await host.perform('check', 'net.ovs.bridge', bridge());
      await host.sh(half);
      for (const turn of ['first', 'second']) expect(await host.perform('revert', 'net.ovs.bridge', bridge(), { revertTo: foundBy(look) }), `${half}, ${turn}`).toMatchObject({ result: 'reverted' });
      expect(await host.sh(`${ping}; ls /sys/class/net`), half).not.toContain('br-ex');
    }
  });

  test('net.ovs.bridge: what it refuses', async () => {
    const refused = async (args: Record<string, unknown>, reason: string): Promise<void> => {
      expect(await host.perform('apply', 'net.ovs.bridge', args)).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining(reason) as string });
    };
    await refused(bridge({ ports: ['eth7'] }), 'this host has no interface eth7; it has ');
    await refused(bridge({ addresses: [] }), `eth0 has ${own}, which \`addresses\` does not name`);
    await refused(bridge({ bridge: 'eth0', ports: [] }), 'eth0 is an interface of this host, but no bridge');
    await host.sh('ip link add dummy7 type veth peer name dummy8 && ovs-vsctl add-br br-other -- set Bridge br-other datapath_type=netdev -- add-port br-other dummy7');
    await refused(bridge({ ports: ['dummy7'] }), 'port dummy7 is on bridge br-other');
    await refused(bridge({ bridge: 'br-other', datapath: 'system' }), 'has the datapath netdev, not system');
    await host.sh('ovs-vsctl del-br br-other; ip link del dummy7');
  });

  test('net.ovs.bridge: after a restart of the host in the middle, going back leaves no trace', async () => {
    const look = await host.perform('check', 'net.ovs.bridge', bridge());
    expect(await host.perform('apply', 'net.ovs.bridge', bridge())).toMatchObject({ result: 'changed' });
    // what a boot does: the address comes from the old files, bridge and port from Open vSwitch's database
    await host.sh('ip addr flush dev br-ex; ip addr add 10.77.0.1/24 brd + dev eth0; systemctl restart openvswitch');
    expect(await host.perform('revert', 'net.ovs.bridge', bridge(), { revertTo: foundBy(look) })).toMatchObject({ result: 'reverted' });
    expect(await host.sh(`${ping}; ovs-vsctl list-br`)).toBe('answers');
  });
});
