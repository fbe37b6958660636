import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { computeCanary } from '../../../agent/operations/compute.canary.ts';
import { computeScheduling } from '../../../agent/operations/compute.scheduling.ts';
import type { Operation } from '../../../agent/operations/operation.ts';
import { perform } from '../../../agent/perform.ts';
import { StepError } from '../../../proto/errors.ts';
import type { EventKind, Json } from '../../../proto/events.ts';
import { FakeCompute } from './fake-compute.ts';

beforeEach(() => { vi.useFakeTimers(); vi.setTimerTickMode('nextTimerAsync'); });
afterEach(() => { vi.useRealTimers(); });

function cloud(): FakeCompute {
  const fake = new FakeCompute();
  fake.node('cmp1');
  fake.node('cmp2');
  return fake;
}
const run = async (fake: FakeCompute, operation: Operation, args: Record<string, unknown>, mode: 'apply' | 'revert' = 'apply', revertTo?: Json): Promise<{ result: string; found: Json }> => {
  const events: EventKind[] = [];
  const { result } = await perform({ operation, args: operation.args.parse({ rcFile: '/root/rc', host: 'cmp1', ...args }), mode, earlier: undefined, revertTo }, fake.host(), (event) => { events.push(event); });
  const checked = events.find((event) => event.kind === 'checked');
  return { result, found: checked?.kind === 'checked' ? checked.found : null };
};
const fly = (fake: FakeCompute, args: Record<string, unknown> = {}): Promise<{ result: string }> => run(fake, computeCanary, { name: 'canary-n26', image: 'cirros', flavor: 'm1.tiny', network: 'private', ...args });
const acts = (fake: FakeCompute): string[] => fake.done.filter((one) => !one.startsWith('#'));

test('it boots on the host, gives its console, is deleted; a second look finds it and boots no other', async () => {
  const fake = cloud();
  expect(await fly(fake)).toMatchObject({ result: 'changed' });
  expect(acts(fake)).toEqual(['boot canary-n26-trial on cmp1', 'os-getConsoleOutput canary-n26-trial', 'PUT  canary-n26-trial', 'DELETE  canary-n26']);
  expect(await fly(fake)).toMatchObject({ result: 'unchanged' });
  expect(await fly(fake, { name: 'canary-n2' }), 'another canary').toMatchObject({ result: 'changed' });
  expect(await fly(fake, { host: 'cmp2' }), 'the same name on another host').toMatchObject({ result: 'changed' });
});

test('a boot that hangs in BUILD has a deadline, is deleted, and is named with what it means', async () => {
  const fake = cloud();
  fake.deaf.add('cmp1');
  await expect(fly(fake, { stuckMeans: 'see [upgrade_levels] compute on the controller' })).rejects.toMatchObject({ code: 'command_failed', message: expect.stringMatching(/still is in BUILD \(task_state scheduling\) after 180 s, without a fault: see \[upgrade_levels\] compute/) as string });
  expect(fake.servers.map((one) => one.status)).toEqual(['DELETED']);
  await expect(fly(fake), 'that it was there does not prove it').rejects.toMatchObject({ message: expect.stringMatching(/BUILD/) as string });
});

test('ACTIVE and no console is a failure, and a later look is not deceived by it', async () => {
  const fake = cloud();
  fake.onAct = (what) => { if (what.startsWith('os-getConsole')) fake.deaf.add('cmp1'); };
  await expect(fly(fake)).rejects.toMatchObject({ message: expect.stringMatching(/gives no console: .*HTTP 500/) as string });
  fake.onAct = () => undefined;
  fake.deaf.clear();
  expect(await fly(fake)).toMatchObject({ result: 'changed' });
  expect(acts(fake).filter((one) => one.startsWith('boot'))).toHaveLength(2);
});

test('a console that fails once, as after an outage of the broker, is asked again', async () => {
  const fake = cloud();
  let first = true;
  fake.onAct = (what) => { if (what.startsWith('os-getConsole')) { if (first) fake.deaf.add('cmp1'); else fake.deaf.clear(); first = false; } };
  expect(await fly(fake)).toMatchObject({ result: 'changed' });
});

test('a boot that ends in ERROR tells the fault', async () => {
  await expect(fly(cloud(), { host: 'nowhere' })).rejects.toMatchObject({ message: expect.stringMatching(/ended in ERROR: No valid host was found/) as string });
});

test('killed at any act: what was left behind is cleaned up, and it ends proven', async () => {
  for (let at = 1; at <= 4; at += 1) {
    const fake = cloud();
    let left = at;
    fake.onAct = () => { left -= 1; if (left <= 0) throw new Error('killed'); };
    await expect(fly(fake)).rejects.toThrow('killed');
    fake.onAct = () => undefined;
    await new Promise((resolve) => { setTimeout(resolve, 10_000); });
    expect(await fly(fake), `killed at act ${at}`).toMatchObject({ result: 'changed' });
    expect(fake.servers.every((one) => one.deleted), `killed at act ${at}`).toBe(true);
  }
});

test('reverted: nothing is left of it', async () => {
  const fake = cloud();
  fake.add('canary-n26-trial', 'ACTIVE', 'cmp1');
  expect(await run(fake, computeCanary, { name: 'canary-n26', image: 'cirros', flavor: 'm1.tiny' }, 'revert', null)).toMatchObject({ result: 'reverted' });
  expect(fake.servers.every((one) => one.deleted)).toBe(true);
});

test.each([[{ image: 'none' }, /no image "none"/], [{ network: 'twice' }, /2 have the name of the network "twice"/], [{ flavor: 'huge' }, /no flavor "huge"/]])('what is not there, or there twice: %j', async (args, reason) => {
  await expect(fly(cloud(), args)).rejects.toMatchObject({ code: 'precondition_failed', message: expect.stringMatching(reason) as string });
});

test('scheduling: disabled with a reason, enabled again, and back to what was found', async () => {
  const fake = cloud(), node = fake.nodes[0]!;
  const off = await run(fake, computeScheduling, { enabled: false, reason: 'moves to another release' });
  expect(off.result).toBe('changed');
  expect(node).toMatchObject({ status: 'disabled', reason: 'moves to another release' });
  expect(await run(fake, computeScheduling, { enabled: false, reason: 'moves to another release' })).toMatchObject({ result: 'unchanged' });
  const on = await run(fake, computeScheduling, { enabled: true });
  expect(on).toMatchObject({ result: 'changed', found: { status: 'disabled', reason: 'moves to another release' } });
  expect(await run(fake, computeScheduling, { enabled: true }, 'revert', on.found)).toMatchObject({ result: 'reverted' });
  expect(node).toMatchObject({ status: 'disabled', reason: 'moves to another release' });
  await expect(run(fake, computeScheduling, { host: 'cmp9', enabled: true })).rejects.toMatchObject({ code: 'precondition_failed', message: expect.stringMatching(/knows no nova-compute on cmp9 \(it knows cmp1, cmp2\)/) as string });
});

test("another tenant's instance of that name is neither deleted nor believed", async () => {
  const fake = cloud();
  fake.add('canary-n26', 'ACTIVE', 'cmp1', { tenant: 'other' });
  fake.add('canary-n26', 'DELETED', 'cmp1', { tenant: 'other', deleted: true });
  expect(await fly(fake)).toMatchObject({ result: 'changed' });
  expect(acts(fake)[0]).toBe('boot canary-n26-trial on cmp1');
  expect(fake.servers[0]).toMatchObject({ status: 'ACTIVE', deleted: false });
});

test('a boot without an answer is cleaned up, since it may have been begun', async () => {
  const fake = cloud();
  fake.onAct = (what) => { if (what.startsWith('boot')) throw new StepError('command_failed', 'no answer in 90 s'); };
  await expect(fly(fake)).rejects.toMatchObject({ code: 'command_failed', message: 'no answer in 90 s' });
  expect(fake.servers.map((one) => one.status)).toEqual(['DELETED']);
});

test('a console call without an answer is asked again', async () => {
  const fake = cloud();
  let first = true;
  fake.onAct = (what) => { if (what.startsWith('os-getConsole') && first) { first = false; throw new StepError('command_failed', 'no answer in 90 s'); } };
  expect(await fly(fake)).toMatchObject({ result: 'changed' });
  expect(acts(fake).filter((one) => one.startsWith('boot'))).toHaveLength(1);
});
