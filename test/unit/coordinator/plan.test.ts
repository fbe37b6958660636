import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestHolds, type Plan, type PlanStep } from '../../../coordinator/plan-format.ts';
import { planJson, planText } from '../../../coordinator/plan-text.ts';
import { fixture, osp5ToOsp6, planSite } from './real-runbook.ts';

const stepsOf = (plan: Plan, host: string): PlanStep[] => plan.stages.flatMap((stage) => stage.hosts.filter((on) => on.host === host).flatMap((on) => on.steps));
const facts = (change: (value: Record<string, unknown>) => void): string => {
  const value = JSON.parse(fixture('captured/controller.json')) as Record<string, unknown>;
  change(value);
  return JSON.stringify(value);
};

test('the whole plan is as recorded', async () => {
  // Digests move with every word of an operation's schema; they have their own tests below.
  const plan: Plan = { ...planSite(), digest: 'DIGEST-OF-THE-PLAN', catalogueDigest: 'DIGEST-OF-THE-CATALOGUE', runbook: { ...planSite().runbook, digest: 'DIGEST-OF-THE-RUNBOOK' } };
  await expect(planJson(plan)).toMatchFileSnapshot('../../fixtures/plan/plan.json');
  await expect(planText(plan)).toMatchFileSnapshot('../../fixtures/plan/plan.txt');
});

test('the same texts give the same digest, another fact gives another', () => {
  const plan = planSite();
  expect(planSite().digest).toBe(plan.digest);
  expect(digestHolds(plan)).toBe(true);
  expect(planSite(undefined, facts((value) => { value['os'] = { release: 'Red Hat Enterprise Linux Server release 6.5 (Santiago)' }; })).digest).not.toBe(plan.digest);
});

test('a plan that was changed afterwards does not fit its digest', () => {
  const plan = JSON.parse(planJson(planSite())) as Plan;
  expect(digestHolds(plan)).toBe(true);
  (plan.stages[0]?.hosts[0]?.steps[0] as PlanStep).title = 'something else';
  expect(digestHolds(plan)).toBe(false);
});

test('every row of the channels and of the controller is carried on the controller', () => {
  const wanted = [...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => `R${n}`), ...Array.from({ length: 62 }, (_x, i) => `C${i + 1}`), 'C10b', 'C28b', 'C38b', 'C52b'];
  const carried = new Set(stepsOf(planSite(), 'controller').flatMap((step) => step.rows));
  expect(wanted.filter((row) => !carried.has(row))).toEqual([]);
});

test('a site without LVM skips C5 and C6 and says why', () => {
  const steps = stepsOf(planSite(), 'controller');
  expect(steps.find(({ id }) => id === 'C5')?.skip).toEqual({ reason: 'the old controller has no LVM backend of Block Storage, so there is no LIO target to serve' });
  expect(steps.find(({ id }) => id === 'C6')?.skip).toEqual({ reason: 'the old controller has no volume group that Block Storage uses' });
});

test('a site with LVM activates the groups that Block Storage uses, and no other', () => {
  const uuid = 'aB3xYz-1111-2222-3333-4444-5555-zYx3Ba';
  const plan = planSite(undefined, facts((value) => {
    value['lvm'] = { vgs: [{ name: 'vg_root', uuid, lvs: ['root'] }, { name: 'cinder-volumes', uuid, lvs: ['volume-1', 'volume-2'] }], pvs: [] };
    value['cinder'] = { lvmBackends: [{ section: 'lvm', volumeGroup: 'cinder-volumes' }] };
  }));
  const steps = stepsOf(plan, 'controller');
  expect(steps.find(({ id }) => id === 'C5')?.skip).toBeUndefined();
  expect(steps.filter(({ operation }) => operation === 'lvm.activated').map(({ id, args }) => ({ id, args })))
    .toEqual([{ id: 'C6.cinder-volumes', args: { vg: 'cinder-volumes', uuid, lvs: ['volume-1', 'volume-2'] } }]);
});

test('a captured broker account that the site does not describe is an error, at its place', () => {
  expect(() => planSite(undefined, facts((value) => { value['broker'] = { kind: 'rabbit', users: ['guest', 'openstack', 'monitor'] }; })))
    .toThrow(/^runbooks\/osp5-to-osp6\/phases\/40-broker\.yaml:\d+:\d+: found an expression that fails/);
});

test('needs become keys of planned steps, on the same host where it has the step', () => {
  expect(stepsOf(planSite(), 'controller').find(({ id }) => id === 'C2')?.needs).toEqual(['R1@controller', 'R5@controller', 'R8@controller']);
});

test('secrets stay references in the plan', () => {
  const user = stepsOf(planSite(), 'controller').find(({ operation }) => operation === 'rabbitmq.user');
  expect((user?.args as { password: string }).password).toBe('ini:/mnt/backup/controller.example.test/etc/nova/nova.conf#DEFAULT.rabbit_password');
});

test('a host without a backup is refused where the backup is named', () => {
  expect(() => planSite(fixture('site.yaml').replace(/ {4}backup: .*\n/, ''))).toThrow(/found unknown name "backup" in host, expected .* \(host controller\)/);
});

test('what cannot be undone and where a person comes first is shown', () => {
  const text = planText(planSite(), 160).replaceAll(/\s+/g, ' ');
  expect(text).toMatch(/C27 │ controller │ .* cannot be undone/);
  expect(text).toMatch(/a person first: Install/);
  expect(text).toMatch(/skipped: the site does not ask for/);
});

test('files of the runbook are all read from its folder', () => {
  const read = osp5ToOsp6().files.map(({ path }) => path);
  expect(new Set(read).size).toBe(read.length);
  const there = readdirSync(join(import.meta.dirname, '../../../runbooks/osp5-to-osp6'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yaml'));
  expect(read.sort()).toEqual(there.sort());
});

test('what only a person can do on an old compute is waited for, and is no failure of the run', () => {
  expect(stepsOf(planSite(), 'controller').find(({ id }) => id === 'N5b.copy-compute1')?.human).toMatch(/capture\.sh .*cold/);
});

test('once a compute is taken back, no later run asks a person to install it: it is full of instances then', () => {
  expect(stepsOf(planSite(), 'compute1').find(({ arrives }) => arrives === true)?.spent).toMatchObject({ after: ['N26.compute1@controller'] });
});

test('a compute that the old cloud does not know is waited for nowhere, and nothing is moved from it', () => {
  const site = fixture('site.yaml').replace(/variables: \{\}/, 'variables: {new_computes: [compute0]}').replace('  compute1:', `  compute0:
    role: compute
    address: 10.77.0.9
    fqdn: compute0.example.test
    backup: /mnt/backup/compute0.example.test
    captured: ./captured/compute0.json
  compute1:`);
  const steps = stepsOf(planSite(site), 'controller'), argsOf = (id: string): string => JSON.stringify(steps.find((step) => step.id === id)?.args);
  for (const id of ['C50', 'C57']) expect([argsOf(id).includes('compute1'), argsOf(id).includes('compute0')], id).toEqual([true, false]);
  expect(steps.filter(({ id }) => /^(N0|N1|N5b\..*)[.-]compute0$/.test(id)).map(({ skip }) => skip?.reason ?? skip)).toEqual(Array(5).fill('the old cloud does not know this host'));
  expect(steps.find(({ id }) => id === 'N0.compute1')?.skip).toBeUndefined();
  expect(steps.map(({ id }) => id).filter((id) => id.startsWith('C62.compute'))).toEqual(['C62.compute1']);
  for (const id of ['N19.compute0', 'N25.compute0', 'N26.compute0']) expect(steps.find((step) => step.id === id)?.skip, id).toBeUndefined();
});
