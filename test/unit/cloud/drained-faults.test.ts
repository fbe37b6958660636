import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { computeDrained } from '../../../agent/operations/compute.drained.ts';
import { perform } from '../../../agent/perform.ts';
import { FakeCompute } from './fake-compute.ts';

beforeEach(() => { vi.useFakeTimers(); vi.setTimerTickMode('nextTimerAsync'); });
afterEach(() => { vi.useRealTimers(); });

/** Three hosts of one hypervisor version, the first disabled. */
function cloud(): FakeCompute {
  const fake = new FakeCompute();
  fake.node('cmp1', 1_005_003, { status: 'disabled', reason: 'move' });
  fake.node('cmp2');
  fake.node('cmp3');
  fake.scheduler = 'cmp2';
  return fake;
}
const drained = async (fake: FakeCompute, args: Record<string, unknown> = {}): Promise<{ result: string }> =>
  await perform({ operation: computeDrained, args: computeDrained.args.parse({ rcFile: '/root/rc', host: 'cmp1', live: 'shared', ...args }), mode: 'apply', earlier: undefined, revertTo: undefined }, fake.host(), () => undefined);
const where = (fake: FakeCompute): string[] => fake.servers.map((one) => `${one.name} ${one.status} ${one.host ?? ''}`);
const acts = (fake: FakeCompute): string[] => fake.done.filter((one) => !one.startsWith('#'));

test('one that throws: no other is begun, what is under way is finished first, and the first error is told', async () => {
  const fake = cloud();
  for (let at = 0; at < 6; at += 1) fake.add(`i${at}`, 'ACTIVE', 'cmp1');
  fake.onAct = (what) => { if (what === 'os-migrateLive i1') throw new Error('killed'); };
  await expect(drained(fake, { concurrency: 2 })).rejects.toThrow('killed');
  expect(fake.servers.filter((one) => one.task !== null), 'under way').toEqual([]);
  const begun = acts(fake);
  await new Promise((resolve) => { setTimeout(resolve, 60_000); });
  expect(acts(fake)).toEqual(begun);
  expect(begun).toEqual(['os-migrateLive i0', 'os-migrateLive i1']);
});

test('an instance that cannot be looked at is a failure of its own', async () => {
  const fake = cloud();
  fake.add('dark', 'ACTIVE', 'cmp1');
  fake.add('web', 'ACTIVE', 'cmp1');
  fake.unseen.add('dark');
  await expect(drained(fake, { instanceS: 10 })).rejects.toMatchObject({ code: 'command_failed', message: expect.stringMatching(/cmp1 is not empty; instance 0{8}.*HTTP 500/) as string });
  expect(where(fake)).toEqual(['dark ACTIVE cmp1', 'web ACTIVE cmp2']);
});

test('a migration whose instance is elsewhere, and that is never ended, is named and not looked at for ever', async () => {
  const fake = cloud();
  const server = fake.add('web', 'ACTIVE', 'cmp2');
  fake.migrations.push({ id: 7, instance_uuid: server.id, status: 'migrating', source_compute: 'cmp1', dest_compute: 'cmp2', old_instance_type_id: 6, new_instance_type_id: 6 });
  await expect(drained(fake)).rejects.toMatchObject({ code: 'command_failed', message: expect.stringMatching(/its migration 7 \(cmp1 to cmp2\) still is migrating: .*table migrations/) as string });
  expect(acts(fake)).toEqual([]);
});

test('the end of all the time ends also what is listed again and again', async () => {
  const fake = cloud();
  const server = fake.add('web', 'ACTIVE', 'cmp2');
  fake.migrations.push({ id: 7, instance_uuid: server.id, status: 'migrating', source_compute: 'cmp1', dest_compute: 'cmp2', old_instance_type_id: 6, new_instance_type_id: 6 });
  await expect(drained(fake, { deadlineS: 60, noticeS: 600 })).rejects.toMatchObject({ message: expect.stringMatching(/still to be done when the 60 s were over/) as string });
});

test("an owner's resize that begins while the drain goes on is the owner's too", async () => {
  const fake = cloud();
  const server = fake.add('web', 'ACTIVE', 'cmp1');
  fake.liveFails.set('web', 'refused');
  // Between two tries: the older migration of the same instance kept the flavour.
  fake.migrations.push({ id: 1, instance_uuid: server.id, status: 'confirmed', source_compute: 'cmp2', dest_compute: 'cmp1', old_instance_type_id: 6, new_instance_type_id: 6 });
  fake.onAct = () => {
    Object.assign(server, { status: 'VERIFY_RESIZE', host: 'cmp2', before: 'ACTIVE' });
    fake.migrations.push({ id: 2, instance_uuid: server.id, status: 'finished', source_compute: 'cmp1', dest_compute: 'cmp2', old_instance_type_id: 6, new_instance_type_id: 7 });
  };
  await expect(drained(fake)).rejects.toMatchObject({ message: expect.stringMatching(/its owner has not confirmed a resize/) as string });
  expect(acts(fake)).not.toContain('confirmResize web');
});

test('VERIFY_RESIZE without a migration that is finished is left to a person', async () => {
  const fake = cloud();
  const server = fake.add('web', 'VERIFY_RESIZE', 'cmp1', { before: 'ACTIVE' });
  fake.migrations.push({ id: 1, instance_uuid: server.id, status: 'reverted', source_compute: 'cmp2', dest_compute: 'cmp1', old_instance_type_id: 6, new_instance_type_id: 6 });
  await expect(drained(fake)).rejects.toMatchObject({ message: expect.stringMatching(/no migration of it is known to be finished.*nova resize-confirm/) as string });
  expect(acts(fake)).toEqual([]);
});

test('a guest that died in its move is taken back, though it is off', async () => {
  const fake = cloud();
  fake.diesInMove.add('web');
  fake.add('web', 'ACTIVE', 'cmp1');
  await expect(drained(fake, { live: 'none', tries: 1 })).rejects.toMatchObject({ message: expect.stringMatching(/taken back from cmp2, where it is off, and was ACTIVE before/) as string });
  expect(where(fake)).toEqual(['web ACTIVE cmp1']);
  expect(acts(fake)).not.toContain('confirmResize web');
});

test("a state that another host's drain noted is that drain's to put back", async () => {
  const fake = cloud();
  const theirs = fake.add('theirs', 'ACTIVE', 'cmp3', { metadata: { tandem_drain: 'cmp2:PAUSED' } });
  const ours = fake.add('ours', 'ACTIVE', 'cmp3', { metadata: { tandem_drain: 'CMP1:PAUSED' } });
  fake.add('web', 'ACTIVE', 'cmp1');
  expect(await drained(fake)).toMatchObject({ result: 'changed' });
  expect(theirs).toMatchObject({ status: 'ACTIVE', metadata: { tandem_drain: 'cmp2:PAUSED' } });
  expect(ours).toMatchObject({ status: 'PAUSED', metadata: {} });
});

test('a host that is down and empty: what was moved before is put back all the same', async () => {
  const fake = cloud(), ours = fake.add('ours', 'ACTIVE', 'cmp3', { metadata: { tandem_drain: 'cmp1:PAUSED' } });
  Object.assign(fake.nodes[0]!, { state: 'down' });
  expect((await drained(fake, { policy: { paused: 'move' } })).result).toBe('changed');
  expect(ours).toMatchObject({ status: 'PAUSED', metadata: {} });
});

test('a host that is down, wiped before its turn: nothing is tried', async () => {
  const fake = cloud();
  fake.add('web', 'PAUSED', 'cmp1');
  Object.assign(fake.nodes[0]!, { state: 'down' });
  await expect(drained(fake, { policy: { paused: 'move' } })).rejects.toMatchObject({ code: 'precondition_failed', message: expect.stringContaining('nova-compute on cmp1 is down, last report never') as string });
  expect(acts(fake)).toEqual([]);
});
