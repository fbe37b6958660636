import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { startCutOffHost, type CutOffHost } from './cut-off.ts';
import { resultsOf } from './lab-site.ts';
import { runId } from './step-host.ts';

/** The only address of a host moves to a bridge of a real Open vSwitch (userspace datapath), over the link that the coordinator uses. */
const id = runId('br'), WITHIN_S = 8, MOST_MS = 1000 * (WITHIN_S + 5), BOOT_MS = 120_000;
const NOT_CONFIRMED = `nobody confirmed it over a new connection within ${WITHIN_S} s`;
const bridge = (ports: string[]): Record<string, unknown> => ({ bridge: 'br-ex', ports, addresses: ['10.77.0.1/24'], datapath: 'netdev', confirmWithinS: WITHIN_S });
let host: CutOffHost;

const place = async (): Promise<string> => await host.sh('ip -o -4 addr show to 10.77.0.1 | cut -d" " -f2; ovs-vsctl list-br');

async function expectOnCard(run: string, reason: string, withinMs: number = MOST_MS): Promise<void> {
  await host.expectBack(run, reason, withinMs);
  expect(await place()).toBe('eth0');
}

beforeAll(async () => {
  host = await startCutOffHost(id);
  await host.sh('set -e; yum -y -q --enablerepo=rhel-7-server-openstack-6.0-rpms install openvswitch >/dev/null; systemctl -q enable openvswitch; systemctl start openvswitch');
  expect(await place()).toBe('eth0');
});
afterAll(() => host.site.down());
afterEach(async () => { await host.sh('rm -f /root/after; touch /root/gate'); });

test('the only address moves and the coordinator still gets in: confirmed; a second run has nothing to do', async () => {
  await host.change('net.ovs.bridge', bridge(['eth0']));
  expect(await host.site.tandem('run', '--run-id', 'moved')).toMatchObject({ code: 0 });
  expect(resultsOf(await host.site.report('moved'), 'one')).toMatchObject({ F2: 'changed', F3: 'changed' });
  expect((await host.journal('moved')).map(({ kind }) => kind)).toContain('confirmed');
  expect(await place()).toBe('br-ex\nbr-ex');
  expect(await host.site.tandem('run', '--run-id', 'again')).toMatchObject({ code: 0 });
  expect(resultsOf(await host.site.report('again'), 'one')).toMatchObject({ F2: 'unchanged' });
  await host.sh('ovs-vsctl del-br br-ex; ip addr add 10.77.0.1/24 dev eth0');
});

test('without its port the bridge takes the address where nobody reaches it: it goes back by itself', async () => {
  await host.change('net.ovs.bridge', bridge([]));
  expect(await host.site.tandem('run', '--run-id', 'noport')).toMatchObject({ code: 6 });
  await expectOnCard('noport', NOT_CONFIRMED);
});

test('the agent is killed with -9 in the window', async () => {
  const run = await host.beginAtGate('killed');
  await host.awaitEvent('killed', 'awaiting');
  await host.sh('kill -KILL "$(systemctl show -p MainPID --value tandem-agent)"');
  expect(await run.ended).toMatchObject({ code: 6 });
  await expectOnCard('killed', NOT_CONFIRMED);
});

// Last, since it leaves the lease with a coordinator that has gone.
test('the coordinator is gone, and the host is rebooted in the window: Open vSwitch has kept bridge and port, the agent takes them away', async () => {
  await host.change('net.ovs.bridge', { ...bridge(['eth0']), confirmWithinS: 60 });
  await host.beginAtGate('reboot', async ({ child, ended }) => { child.kill('SIGKILL'); await ended; });
  await host.awaitEvent('reboot', 'awaiting');
  expect(await place()).toBe('br-ex\nbr-ex');
  await lab.reboot(id, 'one');
  host.restarted();
  await expectOnCard('reboot', 'the host was restarted before the change was confirmed', BOOT_MS);
});
