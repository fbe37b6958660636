import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixture, resultsOf, startLabSite, until, type LabSite } from './lab-site.ts';
import { runId } from './step-host.ts';

/**
 * A run is stopped while every host has a step in hand: that one is finished, nothing after it is begun. The units start
 * once the test opens the gate, a file that they wait for.
 */
const hosts = ['one', 'two'];
const units = ['slow-1', 'slow-2', 'slow-3'];
let site: LabSite;
beforeAll(async () => {
  site = await startLabSite(runId('stop'), ...hosts);
  site.useRunbook(fixture('slow'));
  const write = units.map((unit) => `printf '[Service]\\nExecStartPre=/bin/sh -c "until [ -e /run/gate ]; do sleep 0.1; done"\\nExecStart=/bin/sleep 1000000\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/${unit}.service`);
  await Promise.all(hosts.map(async (host) => await site.sh(host, `${write.join('; ')}; systemctl daemon-reload`)));
  expect(await site.tandem('plan')).toMatchObject({ code: 0 });
});
afterAll(() => site.down());

const stateOf = async (host: string, unit: string): Promise<string> => await site.sh(host, `systemctl is-active ${unit} || true`);
const allInHand = async (unit: string): Promise<void> => {
  await Promise.all(hosts.map(async (host) => { await until(`${unit} starting on ${host}`, async () => await stateOf(host, unit) === 'activating'); }));
};
const openGate = async (): Promise<void> => { await Promise.all(hosts.map(async (host) => await site.sh(host, 'touch /run/gate'))); };
const clear = async (): Promise<void> => { await Promise.all(hosts.map(async (host) => await site.sh(host, `rm -f /run/gate; systemctl stop ${units.join(' ')}; systemctl -q disable ${units.join(' ')}`))); };

const told = async (run: string): Promise<void> => {
  await Promise.all(hosts.map(async (host) => { await until(`${host} is told to stop`, async () => (await site.sh(host, `grep -c '"kind":"stopped"' /var/lib/tandem/runs/${run}/journal.jsonl || true`)) === '1'); }));
};

/** S1 was in hand: done and proven. The rest was not begun, as the units themselves show. */
async function expectStoppedAfterFirst(run: string, reason: string): Promise<void> {
  const report = await site.report(run);
  for (const { host, steps } of report.hosts) {
    expect(resultsOf(report, host), host).toEqual({ S1: 'changed', S2: 'skipped', S3: 'skipped' });
    for (const step of steps.slice(1)) expect(step, `${step.id} on ${host}`).toMatchObject({ skippedBy: 'run', reason: expect.stringContaining(`stopped: ${reason}`) as string });
    expect(await Promise.all(units.map(async (unit) => await stateOf(host, unit)))).toEqual(['active', 'inactive', 'inactive']);
  }
  expect(report).toMatchObject({ exitCode: 130, counts: { changed: 2, skipped: 4 } });
}

describe('a run is stopped while steps are in hand', () => {
  test('tandem stop from another process', async () => {
    const run = site.begin('run', '--run-id', 'stopped');
    await allInHand('slow-1');
    const during = await site.tandem('status', 'stopped');
    expect(during).toMatchObject({ code: 0, stdout: expect.stringMatching(/one: .*in hand: S1[^\n]*\n.*two: .*in hand: S1/) as string });
    expect(await site.tandem('stop', 'stopped', '--reason', 'the disk fills up')).toMatchObject({ code: 0, stdout: 'one: finishes S1, 1 more skipped\ntwo: finishes S1, 1 more skipped\n' });
    await openGate();
    expect(await run.ended).toMatchObject({ code: 130 });
    await expectStoppedAfterFirst('stopped', 'the disk fills up');
    expect((await site.tandem('status', 'stopped')).stdout).toMatch(/stopped: the disk fills up[\s\S]*one: 1 changed, 2 skipped\n.*two: 1 changed, 2 skipped/);
    expect(await site.tandem('stop', 'nosuch')).toMatchObject({ code: 2, stderr: expect.stringContaining('no run "nosuch"') as string });
    await clear();
  });

  test('Ctrl-C', async () => {
    const run = site.begin('run', '--run-id', 'interrupted');
    await allInHand('slow-1');
    run.child.kill('SIGINT');
    await told('interrupted');
    await openGate();
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('Stopping: each host finishes the step in hand');
    await expectStoppedAfterFirst('interrupted', 'Ctrl-C');
    await clear();
  });

  test('a stopped run is not gone on with, a new one is', async () => {
    expect(await site.tandem('run', '--run-id', 'interrupted')).toMatchObject({ code: 2, stderr: expect.stringContaining('exists already') as string });
    await openGate();
    expect(await site.tandem('op', 'service.running', '--host', 'one', 'units=slow-1', 'stableForS=0', '--run-id', 'anew')).toMatchObject({ code: 0 });
    await clear();
  });

  // Last, since it leaves the lease with a coordinator that has gone.
  test('a second Ctrl-C only detaches and says so', async () => {
    const run = site.begin('run', '--run-id', 'detached');
    await allInHand('slow-1');
    run.child.kill('SIGINT');
    await told('detached');
    run.child.kill('SIGINT');
    const ended = await run.ended;
    expect(ended).toMatchObject({ code: 130, stderr: expect.stringContaining('Detached: the hosts finish the step in hand by themselves. To look again: tandem status detached') as string });
    expect(await stateOf('one', 'slow-1'), 'let go of before the step was done').toBe('activating');
    expect((await site.tandem('status', 'detached')).stdout).toMatch(/Run detached: not ended\n.*one: .*in hand: S1/);
    await openGate();
    await until('both hosts have skipped S2', async () => /one: 1 changed, 1 skipped, 1 waiting\n.*two: 1 changed, 1 skipped, 1 waiting/.test((await site.tandem('status', 'detached')).stdout));
    expect(await site.tandem('run', '--run-id', 'next')).toMatchObject({ code: 9, stderr: expect.stringContaining('held by run detached') as string });
  });
});
