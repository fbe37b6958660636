// Errors of the text, and traps it does not mention, about storage and instances (mission analysis, procedure.md 2.1 and 2.3).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { missing, type Volume } from '../../../agent/cloud/attachments.ts';
import type { Host } from '../../../agent/host/host.ts';
import { computeDrained } from '../../../agent/operations/compute.drained.ts';
import { computeServices } from '../../../agent/operations/compute.services.ts';
import { volumeListed } from '../../../agent/operations/volume.listed.ts';
import { perform } from '../../../agent/perform.ts';
import { FakeCompute } from '../cloud/fake-compute.ts';
import { recorded, replay } from '../cloud/replay.ts';
import { recordingSchema } from '../recorded-host.ts';
import { carry, look } from './one-host.ts';
import { planned, stepOf, stepsOf, withLvm } from './real-plan.ts';

const root = join(import.meta.dirname, '../../..');
const plan = planned(withLvm);

describe.each(['icehouse', 'juno'])('%s', (release) => {
  const login = [`${release}/keystone/05`, `${release}/keystone/21`];

  test('E16: the text wants the service to be shown in the State column, where a dead one is shown as well; what counts is `up`', async () => {
    await using cloud = await replay(...login, `${release}/nova/127`);
    const dead = (recorded(`${release}/nova/127`).response.body as { services: { binary: string; host: string; state: string }[] }).services.find(({ state }) => state === 'down');
    expect(dead).toMatchObject({ binary: 'nova-compute', host: 'cmp1' });
    const { differences } = await computeServices.check(cloud.host(), computeServices.args.parse({ rcFile: '/root/rc', services: [{ binary: 'nova-compute', host: 'cmp1', status: 'any' }] }));
    expect(differences).toContainEqual({ what: 'nova-compute on cmp1', found: 'down', wanted: 'up' });
  });

  test('trap 29: a volume whose export failed is in error, in its row too, so that list and rows agree; it is named, unless it was so before', async () => {
    const all = recorded(`${release}/cinder/06`), volumes = (all.response.body as { volumes: { id: string; status: string }[] }).volumes;
    const page = { ...all, request: { ...all.request, path: `${all.request.path}&marker=${volumes.at(-1)!.id}` }, response: { ...all.response, body: { volumes: [] } } };
    await using cloud = await replay(...login, all, page);
    const rows = volumes.map((one) => `${one.id}\t${one.status}\n`).join(''), host: Host = { ...cloud.host(), read: async (argv) => ({ argv, exitCode: 0, signal: '', stdout: rows, stderr: '' }) };
    const failed = volumes.find(({ status }) => status === 'error')!.id, { args } = stepOf(plan, 'C36.exported');
    const of = async (given: object): Promise<unknown[]> => (await volumeListed.check(host, volumeListed.args.parse({ ...args, rcFile: '/root/rc', ...given }))).differences;
    expect(await of({ notIn: [] }), 'the list alone').toEqual([]);
    expect(await of({})).toEqual([{ what: `volume ${failed}`, found: 'error', wanted: 'not error' }]);
    expect(await of({ except: [failed] })).toEqual([]);
  });
});

test('trap 27: an attached volume\'s stored LUN fits TGT alone; with LVM nothing is attached at the freeze, all are attached again, under whatever name', () => {
  expect(stepOf(plan, 'P14').step).toMatchObject({ operation: '', gate: expect.stringContaining('every volume of the LVM backends was detached') as string });
  expect(stepOf(plan, 'P14').place).toBeLessThan(stepOf(plan, 'C5').place);
  expect(stepOf(plan, 'R9').place).toBeGreaterThan(stepOf(plan, 'C62.compute1').place);
  const before = [{ volume: 'v', server: 's', device: '/dev/vdb' }], now = (device: string | null, status = 'in-use'): Volume[] => [{ id: 'v', status, attachments: [{ server_id: 's', device }], 'os-vol-host-attr:host': 'c@lvm#lvm' }];
  expect(missing(before, now('/dev/vdc'))).toEqual([]);
  expect(missing(before, now('/dev/vdb', 'error'))).toHaveLength(1);
});

test('trap 28: targets that cinder-volume made and did not save are saved after its start and after the volumes are attached; target is never restarted', async () => {
  for (const [after, saved] of [['C35', 'C35.saved'], ['R9', 'R9.saved']] as const) {
    expect(stepOf(plan, saved).step.operation).toBe('lio.saved');
    expect(stepOf(plan, saved).place).toBeGreaterThan(stepOf(plan, after).place);
  }
  expect(stepOf(plan, 'C5').place).toBeLessThan(stepOf(plan, 'C35').place);
  expect(stepsOf(plan).filter(({ step, args }) => step.operation === 'service.restarted' && JSON.stringify(args['units']).includes('target'))).toEqual([]);
  const one = parse(readFileSync(join(root, 'test/fixtures/transcripts/lio.saved/changed.yaml'), 'utf8')) as Record<string, unknown>;
  const recording = Object.fromEntries(Object.entries(one).filter(([key]) => key in recordingSchema.shape));
  expect((await look('lio.saved', {}, recording)).differences.map(({ what }) => what).join()).toContain('iqn.2010-10.org.openstack:volume-');
  expect(await carry('lio.saved', {}, recording)).toMatchObject({ result: 'changed' });
});

test('trap 32: a driver that Juno does not have any more needs a person, before anything is restored', async () => {
  const { step: { operation }, args, place } = stepOf(plan, 'P10.cinder'), [, file = ''] = args['files'] as string[];
  expect(place).toBeLessThan(stepOf(plan, 'C32').place);
  for (const driver of ['cinder.volume.drivers.emc.emc_smis_iscsi.EMCSMISISCSIDriver', 'cinder.volume.drivers.xenapi.sm.XenAPINFSDriver']) {
    const { differences } = await look(operation, args, { files: { [file]: `[DEFAULT]\nenabled_backends = array\n[array]\nvolume_driver = ${driver}\n` } });
    expect(differences, driver).toEqual([{ what: expect.stringContaining(driver) as string, found: 'gone from the new release', wanted: 'a value it has' }]);
  }
  expect((await look(operation, args, { files: { [file]: '[DEFAULT]\nvolume_driver = cinder.volume.drivers.lvm.LVMISCSIDriver\n' } })).differences).toEqual([]);
});

test('trap 38: the flags of a live migration have another default in Juno, tunnelled; the review says so, and what the site set stays', async () => {
  const { step: { operation }, args } = stepOf(plan, 'P10.nova'), [, file = ''] = args['files'] as string[];
  expect((await look(operation, args, { files: { [file]: '[DEFAULT]\n[libvirt]\n' } })).reason).toMatch(/default changed: [^;]*libvirt\.live_migration_flag/);
  expect((await look(operation, args, { files: { [file]: '[libvirt]\nlive_migration_flag = VIR_MIGRATE_UNDEFINE_SOURCE, VIR_MIGRATE_PEER2PEER\n' } })).reason ?? '').not.toContain('libvirt.live_migration_flag');
});

test('trap 33: a nova before 2014.2.3 refuses live migrations from Icehouse; its own words are told, the instance stays whole, and the step fails', async () => {
  vi.useFakeTimers();
  vi.setTimerTickMode('nextTimerAsync');
  const fake = new FakeCompute();
  fake.node('cmp1', 1_005_003, { status: 'disabled', reason: 'move' });
  fake.node('cmp2');
  fake.liveFails.set('web', 'older');
  fake.add('web', 'ACTIVE', 'cmp1');
  const drained = perform({ operation: computeDrained, args: computeDrained.args.parse({ ...stepOf(planned(undefined, '{live_migration: shared}'), 'N1.compute1').args, rcFile: '/root/rc', host: 'cmp1' }), mode: 'apply', earlier: undefined, revertTo: undefined }, fake.host(), () => undefined);
  await expect(drained).rejects.toMatchObject({ code: 'command_failed', message: expect.stringMatching(/web .*is running an old version of Nova, live migrations involving that version may cause data loss/) as string });
  expect(fake.servers.map(({ status, host, task }) => [status, host, task])).toEqual([['ACTIVE', 'cmp1', null]]);
});
afterEach(() => { vi.useRealTimers(); });
