import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '../../proto/events.ts';
import { resultsOf } from '../integration/lab-site.ts';
import { runId } from '../integration/step-host.ts';
import { startPowerHost, type PowerHost } from './power.ts';

/**
 * The packed agent in a virtual machine that loses its power, a real coordinator outside. One run goes on through every loss;
 * each time all that the coordinator was told must be on the host, and in the end each effect was made exactly once.
 */
const id = runId('vmpw');
let host: PowerHost;

/** What a started host has of its own: no effect yet, of one run. */
const anew = async (): Promise<void> => { await host.sh('set -e; : >/mnt/effects; rm -f /mnt/yum.pid; echo 0.2 >/mnt/yum-takes; echo x >/srv/owned; chown root /srv/owned; printf "[DEFAULT]\\n" >/srv/ini; systemctl -q disable counted-1 counted-2; sync'); };

beforeAll(async () => {
  host = await startPowerHost(id);
  await anew();
  await host.answers();
});
afterAll(() => host.site.down());

test.each<[string, string[], string, Event['kind'], number?]>([
  ['while the whole stage is accepted and its first look waits', ['run', '--run-id', 'power'], 'P4', 'accepted'],
  ['when a change was made and is being proven', ['resume', 'power'], 'P1', 'applied', 1],
  ['at the result of a package', ['resume', 'power'], 'P2', 'finished', 2],
  ['at the result of a change of an owner', ['resume', 'power'], 'O1', 'finished', 3],
])('the power fails %s: nothing that was told is lost', async (_moment, args, step, kind, gate) => {
  await host.cutAt('power', step, kind, await host.begin(args, gate));
  expect(await host.losses('power')).toEqual([]);
});

test('then the run comes to its end, with every effect made once', async () => {
  const { code, stdout } = await (await host.begin(['resume', 'power'])).ended;
  expect(code, stdout).toBe(0);
  expect(resultsOf(await host.site.report('power'), 'one')).toEqual({ G1: 'unchanged', P1: 'changed', G2: 'unchanged', E1: 'changed', P2: 'changed', G3: 'unchanged', O1: 'changed', P3: 'changed', I1: 'changed', P4: 'changed' });
  expect((await host.sh("cut -d' ' -f1,2 /mnt/effects")).split('\n')).toEqual(['installed first', 'installed second', 'installed third', 'installed fourth']);
  expect(await host.losses('power')).toEqual([]);
  expect(await host.sh('cat /mnt/strays 2>/dev/null || true')).toBe('');
});

test('the trial tried itself: with fsync and fdatasync off under the agent it finds losses, and resume refuses the host', async () => {
  await anew();
  await host.sh(`set -e; mkdir -p /etc/systemd/system/tandem-agent.service.d
    printf '[Service]\\nExecStart=\\nExecStart=/srv/without-sync /opt/tandem/bin/tandem agent serve --listen \${TANDEM_LISTEN}\\n' >/etc/systemd/system/tandem-agent.service.d/without-sync.conf
    systemctl daemon-reload; systemctl restart tandem-agent; sync`);
  await host.answers();
  await host.cutAt('sabotage', 'P1', 'finished', await host.begin(['run', '--run-id', 'sabotage'], 1));
  expect(await host.losses('sabotage')).toContainEqual(expect.stringMatching(/finished of P1, was told and is not in the host's journal/));
  // The lease may be lost as well: then the host is still the run's before (9), else it no longer has what it told (3).
  const { code, stderr } = await host.site.tandem('resume', 'sabotage');
  expect([3, 9], stderr).toContain(code);
  expect(stderr).toMatch(/is not the one this run knows|no longer has them|is held by run power/);
});
