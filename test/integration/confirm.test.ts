import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Event } from '../../proto/events.ts';
import * as lab from '../lab/lab.ts';
import { fixture, resultsOf, startLabSite, until, type LabSite, type Started } from './lab-site.ts';
import { runId } from './step-host.ts';

/**
 * Rules that shut the coordinator out, on a host with real iptables and a real link: whatever dies meanwhile, the host
 * comes back by itself. F1 waits for a gate where the test wants to come before F2, the firewall; F3 is what comes after.
 */
const id = runId('conf'), host = 'one';
const WITHIN_MS = 6000, GRACE_MS = 5000;
/** A host that is being restarted cannot do it sooner: it is reachable from its start on, since its lasting rules are the old ones. */
const BOOT_MS = 120_000;
const rules = (...lines: string[]): string => ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ...lines.map((line) => `-A INPUT ${line}`), 'COMMIT', ''].join('\n');
const OLD = rules('-p tcp -m tcp --dport 8774 -j REJECT --reject-with icmp-port-unreachable');
const NOBODY = rules('-i lo -j ACCEPT', '-j DROP');
const ONLY_OLD_CONNECTIONS = rules('-m state --state RELATED,ESTABLISHED -j ACCEPT', '-i lo -j ACCEPT', '-j DROP');
const GOOD = rules('-s 10.77.0.254/32 -p tcp -m tcp --dport 7443 -j ACCEPT', '-i lo -j ACCEPT', '-j DROP');
let site: LabSite, live: string;

const write = async (path: string, text: string): Promise<void> => { expect(await lab.exec(id, host, ['sh', '-c', `cat >${path}`], { input: text })).toMatchObject({ code: 0 }); };
const liveRules = async (): Promise<string> => await site.sh(host, 'iptables-save | grep -v "^#" | sed "s/\\[[0-9:]*\\]//"');
const reachable = async (): Promise<boolean> => (await lab.net(id, ['timeout', '1', 'bash', '-c', 'exec 3<>/dev/tcp/10.77.0.1/7443'])).code === 0;
const journal = async (run: string): Promise<Event[]> => (await site.sh(host, `cat /var/lib/tandem/runs/${run}/journal.jsonl 2>/dev/null || true`)).split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { at: Event }).at);
const has = async (run: string, kind: Event['kind']): Promise<boolean> => (await journal(run)).some((event) => event.step === 'F2' && event.kind === kind);
const timeOf = (events: Event[], kind: Event['kind']): number => events.find((event) => event.step === 'F2' && event.kind === kind)!.timeMs;

/** The host is as before: reachable, with its old rules now and at the next start; what came after was not begun, and the journal says why. */
async function expectBack(run: string, reason: string, withinMs: number = WITHIN_MS + GRACE_MS): Promise<void> {
  await until('the host is back', async () => (await has(run, 'finished')) && await reachable(), 30_000);
  const events = await journal(run);
  const ended = Object.fromEntries(events.flatMap((event) => (event.kind === 'finished' ? [[event.step, event]] : [])));
  expect(ended['F2']).toMatchObject({ result: 'reverted', reason: `${reason}; the host is back in the state found before` });
  await until('what came after is skipped', async () => (await journal(run)).some((event) => event.step === 'F3' && event.kind === 'finished'));
  expect((await journal(run)).find((event) => event.step === 'F3' && event.kind === 'finished')).toMatchObject({ result: 'skipped', reason: 'F2 before it ended as reverted' });
  expect(timeOf(events, 'finished') - timeOf(events, 'armed'), 'time cut off at most').toBeLessThan(withinMs);
  expect(await liveRules()).toBe(live);
  expect(await site.sh(host, 'cat /etc/sysconfig/iptables')).toBe(OLD.trimEnd());
  expect(await site.sh(host, 'test -e /root/after || echo none')).toBe('none');
}

/** Begins a run, lets `before` come between F1 and F2, then opens the gate. */
async function beginAtGate(run: string, newRules: string, before: (started: Started) => Promise<unknown>): Promise<Started> {
  await site.sh(host, 'systemctl stop gate; rm -f /root/gate');
  await write('/root/rules', newRules);
  const started = site.begin('run', '--run-id', run);
  await until('the whole stage is there and F1 in hand', async () => {
    const events = await journal(run);
    return events.filter(({ kind }) => kind === 'accepted').length === 3 && events.some((event) => event.step === 'F1' && event.kind === 'checked');
  });
  await before(started);
  await site.sh(host, 'touch /root/gate');
  return started;
}

beforeAll(async () => {
  site = await startLabSite(id, host);
  site.useRunbook(fixture('cut-off'));
  await site.sh(host, `set -e; yum -y -q install iptables-services >/dev/null; systemctl -q stop firewalld; systemctl -q mask firewalld 2>/dev/null
    printf '[Service]\\nExecStartPre=/bin/sh -c "until [ -e /root/gate ]; do sleep 0.1; done"\\nExecStart=/bin/sleep 1000000\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/gate.service
    systemctl daemon-reload; touch /root/gate`);
  await write('/etc/sysconfig/iptables', OLD);
  await site.sh(host, 'systemctl -q enable iptables; systemctl restart iptables');
  live = await liveRules();
  await write('/root/rules', GOOD);
  await site.must('plan');
});
afterAll(() => site.down());
beforeEach(async () => { await site.sh(host, 'rm -f /root/after'); });

test('rules that drop the coordinator: the host comes back by itself, the rest is skipped; with the rule added the same plan goes through', async () => {
  await write('/root/rules', NOBODY);
  const run = await site.tandem('run', '--run-id', 'nobody');
  expect(run).toMatchObject({ code: 6, stdout: expect.stringContaining('undone by the hosts themselves (one rolled back)') as string });
  expect(resultsOf(await site.report('nobody'), host)).toEqual({ F1: 'changed', F2: 'reverted', F3: 'skipped' });
  await expectBack('nobody', 'nobody confirmed it over a new connection within 6 s');
  await write('/root/rules', GOOD);
  expect(await site.tandem('run', '--run-id', 'good')).toMatchObject({ code: 0 });
  expect(resultsOf(await site.report('good'), host)).toMatchObject({ F2: 'changed', F3: 'changed' });
  expect(await site.sh(host, 'iptables-save | grep -c "10.77.0.254/32.*7443"; grep -c 10.77.0.254 /etc/sysconfig/iptables')).toBe('1\n1');
  await site.sh(host, `systemctl stop gate`);
  await write('/etc/sysconfig/iptables', OLD);
  await site.sh(host, 'systemctl restart iptables');
});

test('rules under which the old connection lives on and no new one gets in are found out too', async () => {
  await write('/root/rules', ONLY_OLD_CONNECTIONS);
  expect(await site.tandem('run', '--run-id', 'oldonly')).toMatchObject({ code: 6 });
  expect((await journal('oldonly')).map(({ kind }) => kind)).toContain('awaiting');
  await expectBack('oldonly', 'nobody confirmed it over a new connection within 6 s');
});

test('the link is lost before good rules are loaded: nobody can say that they work, so they go', async () => {
  const run = await beginAtGate('cut', GOOD, async () => await lab.cut(id, host));
  await until('it has gone back', async () => await has('cut', 'finished'), 30_000);
  await lab.mend(id, host);
  expect(await run.ended).toMatchObject({ code: 6 });
  await expectBack('cut', 'nobody confirmed it over a new connection within 6 s');
});

test('the agent is killed with -9 in the window: systemd starts it again, and it goes back in time', async () => {
  const before = await site.sh(host, 'systemctl show -p MainPID --value tandem-agent');
  const run = await beginAtGate('killed', NOBODY, async () => undefined);
  await until('the rules are loaded', async () => await has('killed', 'awaiting'));
  await site.sh(host, `kill -KILL ${before}`);
  expect(await run.ended).toMatchObject({ code: 6 });
  expect(await site.sh(host, 'systemctl show -p MainPID --value tandem-agent')).not.toBe(before);
  await expectBack('killed', 'nobody confirmed it over a new connection within 6 s');
});

test.each([['a reboot', lab.reboot], ['a power cut', lab.kill]])('%s in the window: the host comes up with its old rules', async (what, restart) => {
  const run = what === 'a reboot' ? 'reboot' : 'power', started = await beginAtGate(run, NOBODY, async () => undefined);
  await until('the rules are loaded', async () => await has(run, 'awaiting'));
  await restart(id, host);
  site.anew(host);
  expect(await started.ended).toMatchObject({ code: 6 });
  await expectBack(run, 'the host was restarted before the change was confirmed', BOOT_MS);
});

// Last, since it leaves the lease with a coordinator that has gone.
test('a stage streamed ahead and the coordinator gone: the host ends reachable and its journal tells why', async () => {
  await beginAtGate('gone', NOBODY, async ({ child, ended }) => { child.kill('SIGKILL'); await ended; });
  await expectBack('gone', 'nobody confirmed it over a new connection within 6 s');
  expect((await site.tandem('status', 'gone')).stdout).toMatch(/one: 1 changed, 1 reverted, 1 skipped; F2 reverted: nobody confirmed it/);
});
