import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
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

test('ACTIVE goes live to the preferred host, SHUTOFF cold and confirmed; nothing is left', async () => {
  const fake = cloud();
  fake.add('web', 'ACTIVE', 'cmp1');
  fake.add('off', 'SHUTOFF', 'cmp1');
  fake.add('other', 'ACTIVE', 'cmp2');
  expect(await drained(fake, { targets: ['cmp3'] })).toMatchObject({ result: 'changed' });
  expect(where(fake)).toEqual(['web ACTIVE cmp3', 'off SHUTOFF cmp2', 'other ACTIVE cmp2']);
  expect(acts(fake)).toEqual(['os-migrateLive web', 'migrate off', 'confirmResize off']);
});

test('an empty host: nothing is done', async () => {
  expect(await drained(cloud())).toMatchObject({ result: 'unchanged' });
});

test('a host that still is enabled is not drained: the scheduler would fill it', async () => {
  const fake = cloud();
  fake.nodes[0]!.status = 'enabled';
  fake.add('web', 'ACTIVE', 'cmp1');
  await expect(drained(fake)).rejects.toMatchObject({ code: 'precondition_failed', message: expect.stringMatching(/disabled first/) as string });
});

test('E14: the state that waits for a confirmation is VERIFY_RESIZE; one that an earlier drain left so is tested and confirmed', async () => {
  const fake = cloud();
  fake.add('web', 'VERIFY_RESIZE', 'cmp2', { before: 'ACTIVE' });
  fake.migrations.push({ id: 1, instance_uuid: fake.servers[0]!.id, status: 'finished', source_compute: 'cmp1', dest_compute: 'cmp2', old_instance_type_id: 6, new_instance_type_id: 6 });
  expect(await drained(fake)).toMatchObject({ result: 'changed' });
  expect(acts(fake)).toEqual(['os-getConsoleOutput web', 'confirmResize web']);
});

test('a confirmation that an earlier drain has begun is refused, and waited for', async () => {
  const fake = cloud();
  const server = fake.add('web', 'VERIFY_RESIZE', 'cmp2', { before: 'ACTIVE' });
  fake.migrations.push({ id: 1, instance_uuid: server.id, status: 'confirming', source_compute: 'cmp1', dest_compute: 'cmp2', old_instance_type_id: 6, new_instance_type_id: 6 });
  setTimeout(() => { server.status = 'ACTIVE'; fake.migrations[0]!.status = 'confirmed'; }, 7000);
  expect(await drained(fake, { errorBudget: 0 })).toMatchObject({ result: 'changed' });
});

test('E15: a cold migration powers a running instance off and on, so it is not chosen where it can go live', async () => {
  const fake = cloud();
  fake.add('web', 'ACTIVE', 'cmp1');
  await drained(fake, { live: 'shared' });
  expect(acts(fake)).not.toContain('migrate web');
});

test('trap 34: never live to an older hypervisor; without a newer one it goes cold, which is not refused', async () => {
  const fake = cloud();
  fake.nodes[0]!.version = 2_000_000;
  fake.add('web', 'ACTIVE', 'cmp1');
  await drained(fake);
  expect(acts(fake)).toEqual(['migrate web', 'os-getConsoleOutput web', 'confirmResize web']);
  expect(fake.done.join('\n')).toMatch(/no host with as new a hypervisor/);
});

test('trap 35: while the cap holds, no live migration from a host that would hang', async () => {
  const fake = cloud();
  fake.liveFails.set('web', 'hangs');
  fake.add('web', 'ACTIVE', 'cmp1');
  await drained(fake, { noLiveFrom: ['CMP1'] });
  expect(acts(fake)).toEqual(['migrate web', 'os-getConsoleOutput web', 'confirmResize web']);
});

describe('trap 36: states that no migration takes', () => {
  test.each(['PAUSED', 'SUSPENDED', 'ERROR'])('%s is left to a person unless the policy says otherwise', async (status) => {
    const fake = cloud();
    fake.add('odd', status, 'cmp1');
    fake.add('web', 'ACTIVE', 'cmp1');
    await expect(drained(fake)).rejects.toMatchObject({ code: 'command_failed', message: expect.stringMatching(new RegExp(`odd .*${status} is left to a person`)) as string });
    expect(where(fake)).toEqual([`odd ${status} cmp1`, 'web ACTIVE cmp2']);
  });
  test.each([['PAUSED', 'cmp3'], ['SUSPENDED', 'cmp3'], ['ERROR', 'cmp2']])('%s is moved and put back', async (status, to) => {
    const fake = cloud();
    const server = fake.add('odd', status, 'cmp1');
    expect(await drained(fake, { targets: ['cmp3'], policy: { paused: 'move', suspended: 'move', error: 'move' } })).toMatchObject({ result: 'changed' });
    expect(where(fake)).toEqual([`odd ${status} ${to}`]);
    expect(server.metadata).toEqual({});
  });
  test.each(['PAUSED', 'SUSPENDED', 'ERROR'])('%s is shut down and moved', async (status) => {
    const fake = cloud();
    fake.add('odd', status, 'cmp1');
    await drained(fake, { policy: { paused: 'stop', suspended: 'stop', error: 'stop' } });
    expect(where(fake)).toEqual(['odd SHUTOFF cmp2']);
  });
  test.each(['RESCUE', 'SHELVED', 'BUILD'])('%s is named with its cure', async (status) => {
    const fake = cloud();
    fake.add('odd', status, 'cmp1');
    await expect(drained(fake, { instanceS: 10 })).rejects.toMatchObject({ message: expect.stringMatching(/nova (unrescue|shelve-offload|delete)/) as string });
  });
});

test.each([[false, /was accepted, and nothing came of it: it still is SHUTOFF on cmp1/], [true, /HTTP 400: No valid host was found/]])('no valid host, refused %j: a 202 that does nothing is noticed', async (refusesNoHost, reason) => {
  const fake = cloud();
  fake.scheduler = undefined;
  fake.refusesNoHost = refusesNoHost;
  fake.add('off', 'SHUTOFF', 'cmp1');
  await expect(drained(fake)).rejects.toMatchObject({ message: expect.stringMatching(reason) as string });
  expect(acts(fake)).toEqual(['migrate off', 'migrate off']);
});

test.each(['left', 'hangs'] as const)('task_state migrating that a failed live migration leaves behind (%s) is reported with its cure and not tried again', async (how) => {
  const fake = cloud();
  fake.liveFails.set('web', how);
  const server = fake.add('web', 'ACTIVE', 'cmp1');
  await expect(drained(fake, { instanceS: 60 })).rejects.toMatchObject({ message: expect.stringMatching(new RegExp(`migrating was left behind.*nova reset-state --active ${server.id}`)) as string });
  expect(acts(fake)).toEqual(['os-migrateLive web']);
});

test('a live migration that is refused is tried at another target', async () => {
  const fake = cloud();
  fake.nodes[1]!.state = 'up';
  fake.liveFails.set('web', 'refused');
  fake.add('web', 'ACTIVE', 'cmp1');
  await expect(drained(fake)).rejects.toMatchObject({ message: expect.stringMatching(/to cmp2: os-migrateLive: HTTP 400.*then to cmp3: os-migrateLive: HTTP 400/) as string });
});

test('VERIFY_RESIZE that does not answer on its new host is taken back', async () => {
  const fake = cloud();
  fake.deaf.add('cmp2');
  fake.add('web', 'ACTIVE', 'cmp1');
  await expect(drained(fake, { live: 'none', tries: 1 })).rejects.toMatchObject({ message: expect.stringMatching(/taken back from cmp2, where it gives no console/) as string });
  expect(where(fake)).toEqual(['web ACTIVE cmp1']);
  expect(acts(fake)).toContain('revertResize web');
  expect(acts(fake)).not.toContain('confirmResize web');
});

test('VERIFY_RESIZE whose power is neither on nor off is taken back', async () => {
  const fake = cloud();
  fake.add('web', 'VERIFY_RESIZE', 'cmp2', { before: 'ACTIVE', power: 0 });
  fake.migrations.push({ id: 1, instance_uuid: fake.servers[0]!.id, status: 'finished', source_compute: 'cmp1', dest_compute: 'cmp2', old_instance_type_id: 6, new_instance_type_id: 6 });
  await drained(fake);
  expect(acts(fake)[0]).toBe('revertResize web');
});

test('a cold migration that lands where it may not go is taken back', async () => {
  const fake = cloud();
  fake.add('off', 'SHUTOFF', 'cmp1');
  await expect(drained(fake, { targets: ['cmp3'], elsewhere: false })).rejects.toMatchObject({ message: expect.stringMatching(/taken back from cmp2, where it may not go/) as string });
  expect(where(fake)).toEqual(['off SHUTOFF cmp1']);
});

test("an owner's resize is not confirmed over the owner's head", async () => {
  const fake = cloud();
  fake.add('web', 'VERIFY_RESIZE', 'cmp2', { before: 'ACTIVE' });
  fake.migrations.push({ id: 1, instance_uuid: fake.servers[0]!.id, status: 'finished', source_compute: 'cmp1', dest_compute: 'cmp2', old_instance_type_id: 6, new_instance_type_id: 7 });
  await expect(drained(fake)).rejects.toMatchObject({ message: expect.stringMatching(/its owner has not confirmed a resize/) as string });
  expect(acts(fake)).toEqual([]);
});

test.each([1, 3])('so many at a time: %i', async (concurrency) => {
  const fake = cloud();
  for (let at = 0; at < 9; at += 1) fake.add(`i${at}`, 'ACTIVE', 'cmp1');
  await drained(fake, { concurrency });
  expect(fake.mostUnderWay).toBe(concurrency);
  expect(new Set(fake.servers.map((one) => one.host)), 'spread over the targets').toEqual(new Set(concurrency === 1 ? ['cmp2'] : ['cmp2', 'cmp3']));
});

test('error budget: after so many failures no other move is begun', async () => {
  const fake = cloud();
  for (let at = 0; at < 6; at += 1) { fake.add(`i${at}`, 'ACTIVE', 'cmp1'); fake.liveFails.set(`i${at}`, 'refused'); }
  await expect(drained(fake, { errorBudget: 2, tries: 1, concurrency: 1 })).rejects.toMatchObject({ message: expect.stringMatching(/i5 .*not begun: 3 moves have failed, 2 may/) as string });
  expect(acts(fake)).toHaveLength(3);
});

test('resume after being killed at any act: it goes on where the instances are, and nothing is left', async () => {
  const policy = { paused: 'move', suspended: 'move', error: 'stop' };
  const fill = (fake: FakeCompute): FakeCompute => { for (const status of ['ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED', 'ERROR']) fake.add(status.toLowerCase(), status, 'cmp1'); return fake; };
  const whole = fill(cloud());
  await drained(whole, { policy, noLiveFrom: ['cmp1'] });
  const wanted = where(whole), length = acts(whole).length;
  expect(length).toBeGreaterThan(12);
  let unsureTimes = 0;
  for (let at = 1; at <= length; at += 1) {
    const fake = fill(cloud());
    let left = at;
    fake.onAct = () => { left -= 1; if (left <= 0) throw new Error('killed'); };
    await expect(drained(fake, { policy, noLiveFrom: ['cmp1'] })).rejects.toThrow('killed');
    fake.onAct = () => undefined;
    await new Promise((resolve) => { setTimeout(resolve, 60_000); });
    const again = async (): Promise<{ result: string }> => await drained(fake, { policy, noLiveFrom: ['cmp1'] });
    const unsure = fake.servers.filter((one) => one.status === 'VERIFY_RESIZE' && one.power === 4);
    if (unsure.length > 0) {
      await expect(again(), `killed at act ${at}`).rejects.toMatchObject({ message: expect.stringMatching(/it is not known whether it was before its move/) as string });
      expect(unsure.every((one) => one.status === 'VERIFY_RESIZE' && one.host === 'cmp2')).toBe(true);
      for (const one of unsure) await fake.host().send({ method: 'POST', url: `http://c:8774/v2/T/servers/${one.id}/action`, headers: {}, body: '{"confirmResize":null}', timeoutS: 9 }); // the person
      await new Promise((resolve) => { setTimeout(resolve, 60_000); });
      unsureTimes += 1;
    }
    expect(await again(), `killed at act ${at}`).toMatchObject({ result: expect.stringMatching(/changed/) as string });
    expect(where(fake), `killed at act ${at}`).toEqual(wanted);
    expect(fake.servers.every((one) => Object.keys(one.metadata).length === 0)).toBe(true);
  }
  expect(unsureTimes, 'off, by an earlier try').toBeGreaterThan(0);
});

test('a dry run says of each instance what would be done', async () => {
  const fake = cloud();
  fake.add('web', 'ACTIVE', 'cmp1');
  fake.add('off', 'SHUTOFF', 'cmp1');
  fake.add('odd', 'PAUSED', 'cmp1');
  const { differences, found } = await computeDrained.check(fake.host(), computeDrained.args.parse({ rcFile: '/root/rc', host: 'cmp1', live: 'block', targets: ['cmp3'] }));
  expect(found).toEqual({ instances: 3, migrations: 0 });
  expect(differences.map((one) => one.wanted)).toEqual(['live migration to cmp3', 'cold migration (it is shut off)', 'nothing can be done: status PAUSED is left to a person: neither way of migration takes it']);
});
