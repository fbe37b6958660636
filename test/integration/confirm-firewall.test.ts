import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { startCutOffHost, type CutOffHost } from './cut-off.ts';
import { resultsOf, until } from './lab-site.ts';
import { runId } from './step-host.ts';

/** Rules that shut the coordinator out, with real iptables: whatever dies meanwhile, the host comes back by itself. */
const id = runId('fw'), WITHIN_S = 6, MOST_MS = 1000 * (WITHIN_S + 5);
/** A host that is being restarted is reachable from its start on: its lasting rules are the old ones. */
const BOOT_MS = 120_000;
const NOT_CONFIRMED = `nobody confirmed it over a new connection within ${WITHIN_S} s`;
const rules = (...lines: string[]): string => ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ...lines.map((line) => `-A INPUT ${line}`), 'COMMIT', ''].join('\n');
const OLD = rules('-p tcp -m tcp --dport 8774 -j REJECT --reject-with icmp-port-unreachable');
const NOBODY = rules('-i lo -j ACCEPT', '-j DROP');
const ONLY_OLD_CONNECTIONS = rules('-m state --state RELATED,ESTABLISHED -j ACCEPT', '-i lo -j ACCEPT', '-j DROP');
const GOOD = rules('-s 10.77.0.254/32 -p tcp -m tcp --dport 7443 -j ACCEPT', '-i lo -j ACCEPT', '-j DROP');
let host: CutOffHost, live: string;

const liveRules = async (): Promise<string> => await host.sh('iptables-save | grep -v "^#" | sed "s/\\[[0-9:]*\\]//"');
const load = async (text: string): Promise<void> => { await host.write('/etc/sysconfig/iptables', text); await host.sh('systemctl restart iptables'); };

async function expectOldRules(run: string, reason: string, withinMs: number = MOST_MS): Promise<void> {
  await host.expectBack(run, reason, withinMs);
  expect(await liveRules(), 'now').toBe(live);
  expect(await host.sh('cat /etc/sysconfig/iptables'), 'at the next start').toBe(OLD.trimEnd());
}

beforeAll(async () => {
  host = await startCutOffHost(id);
  await host.sh('set -e; yum -y -q install iptables-services >/dev/null; systemctl -q stop firewalld; systemctl -q mask firewalld 2>/dev/null; systemctl -q enable iptables');
  await load(OLD);
  live = await liveRules();
  await host.write('/root/rules', GOOD);
  await host.change('firewall.replaced', { v4: '/root/rules', confirmWithinS: WITHIN_S });
});
afterAll(() => host.site.down());
beforeEach(async () => { await host.sh('rm -f /root/after; touch /root/gate'); });

test('rules that drop the coordinator: the host comes back by itself, the rest is skipped; with the rule added the same plan goes through', async () => {
  await host.write('/root/rules', NOBODY);
  const run = host.site.begin('run', '--run-id', 'nobody');
  await host.awaitEvent('nobody', 'awaiting');
  expect(await host.reachable()).toBe(false);
  const armedMs = (await host.journal('nobody')).find(({ kind }) => kind === 'armed')!.timeMs;
  await until('it can be reached again', () => host.reachable(), 30_000);
  expect(Date.now() - armedMs, 'time cut off, seen from outside').toBeLessThan(MOST_MS);
  expect(await run.ended).toMatchObject({ code: 6, stdout: expect.stringContaining('undone by the hosts themselves (one rolled back)') as string });
  expect(resultsOf(await host.site.report('nobody'), 'one')).toEqual({ F1: 'changed', F2: 'reverted', F3: 'skipped' });
  await expectOldRules('nobody', NOT_CONFIRMED);
  await host.write('/root/rules', GOOD);
  expect(await host.site.tandem('run', '--run-id', 'good')).toMatchObject({ code: 0 });
  expect(resultsOf(await host.site.report('good'), 'one')).toMatchObject({ F2: 'changed', F3: 'changed' });
  expect(await host.sh('iptables-save | grep -c "10.77.0.254/32.*7443"; grep -c 10.77.0.254 /etc/sysconfig/iptables')).toBe('1\n1');
  await load(OLD);
});

test('rules under which the old connection lives on and no new one gets in are found out too', async () => {
  await host.write('/root/rules', ONLY_OLD_CONNECTIONS);
  expect(await host.site.tandem('run', '--run-id', 'oldonly')).toMatchObject({ code: 6 });
  await expectOldRules('oldonly', NOT_CONFIRMED);
});

test('the link is lost before good rules are loaded: nobody can say that they work, so they go', async () => {
  await host.write('/root/rules', GOOD);
  const run = await host.beginAtGate('cut', async () => await lab.cut(id, 'one'));
  await host.awaitEvent('cut', 'finished');
  await lab.mend(id, 'one');
  expect(await run.ended).toMatchObject({ code: 6 });
  await expectOldRules('cut', NOT_CONFIRMED);
});

test('the agent is killed with -9 in the window: systemd starts it again, and it goes back in time', async () => {
  const agent = async (): Promise<string> => await host.sh('systemctl show -p MainPID --value tandem-agent'), before = await agent();
  await host.write('/root/rules', NOBODY);
  const run = await host.beginAtGate('killed');
  await host.awaitEvent('killed', 'awaiting');
  await host.sh(`kill -KILL ${before}`);
  expect(await run.ended).toMatchObject({ code: 6 });
  expect(await agent()).not.toBe(before);
  await expectOldRules('killed', NOT_CONFIRMED);
});

test.each([['reboot', lab.reboot], ['powercut', lab.kill]])('%s in the window: the host comes up with its old rules', async (run, restart) => {
  await host.write('/root/rules', NOBODY);
  const started = await host.beginAtGate(run);
  await host.awaitEvent(run, 'awaiting');
  await restart(id, 'one');
  host.restarted();
  expect(await started.ended).toMatchObject({ code: 6 });
  await expectOldRules(run, 'the host was restarted before the change was confirmed', BOOT_MS);
});

// Last, since it leaves the lease with a coordinator that has gone.
test('a stage streamed ahead and the coordinator gone: the host ends reachable and its journal tells why', async () => {
  await host.write('/root/rules', NOBODY);
  await host.beginAtGate('gone', async ({ child, ended }) => { child.kill('SIGKILL'); await ended; });
  await expectOldRules('gone', NOT_CONFIRMED);
  expect((await host.site.tandem('status', 'gone')).stdout).toMatch(/one: 1 changed, 1 reverted, 1 skipped; F2 reverted: nobody confirmed it/);
});
