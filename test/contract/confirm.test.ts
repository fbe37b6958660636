import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { bootMark, monotonicMs } from '../../agent/host/proc.ts';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { confirmAnew } from '../../coordinator/confirm.ts';
import { commandId, type Command } from '../../proto/command.ts';
import { StepError } from '../../proto/errors.ts';
import type { Event, EventKind, Json } from '../../proto/events.ts';
import { startAgent, type AgentHere } from './agent-here.ts';

/** A switch that can cut the host off, in its running and its lasting state; every act on it is counted. */
let running: string, lasting: string, acts: string[], stuck: number, agent: AgentHere, fence: number;

const args = z.strictObject({ to: z.string(), confirmWithinS: z.int().optional(), breaks: z.boolean().optional(), refuses: z.boolean().optional(), hangs: z.boolean().optional(), unkept: z.boolean().optional() });
const look = (): Json => ({ running, lasting });
const switchSet: Operation = operation({
  name: 'switch.set', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args,
  check: (_probe, { to }) => Promise.resolve(finding(look(), running === to && lasting === to ? [] : [{ what: 'switch', found: `${running}/${lasting}`, wanted: to }])),
  apply(_host, { to, breaks }) {
    acts.push(`apply ${to}`);
    running = breaks === true ? 'broken' : to;
    return Promise.resolve();
  },
  confirmed: {
    withinS: ({ confirmWithinS }) => confirmWithinS,
    prepare: (_host, { refuses }) => (refuses === true ? Promise.reject(new StepError('precondition_failed', 'not now')) : Promise.resolve(void acts.push('prepare'))),
    state: () => Promise.resolve(look()),
    works: (_host, { to, hangs }) => (hangs === true ? new Promise(() => undefined) : Promise.resolve(finding({}, running === to ? [] : [{ what: 'switch', found: running, wanted: to }]))),
    lasting: (_host, { to }) => Promise.resolve(lasting === to ? [] : [{ what: 'switch', found: lasting, wanted: to }]),
    keep: (_host, { to, unkept }) => { acts.push('keep'); if (unkept !== true) lasting = to; return Promise.resolve(); },
  },
  revert(_host, _args, found) {
    acts.push('revert');
    if (stuck > 0) { stuck -= 1; return Promise.reject(new StepError('command_failed', 'stuck')); }
    ({ running, lasting } = found as { running: string; lasting: string });
    return Promise.resolve();
  },
});

function command(step: string, given: z.infer<typeof args>, more: { attempt?: number; batch?: string } = {}): Command {
  const key = { run: 'r1', planDigest: 'd', step, mode: 'apply' as const, attempt: more.attempt ?? 1 };
  return { ...key, id: commandId({ ...key, host: 'h1' }), batch: more.batch ?? 'b', operation: 'switch.set', args: given as Json, timeoutS: 5, fence, secrets: {} };
}
const request = (asked: Command): { runId: string; commandId: string; fence: number } => ({ runId: 'r1', commandId: asked.id, fence });
/** Carries commands out; confirms those that wait where `confirms` is set. */
async function execute(commands: Command[], confirms: boolean): Promise<Event[]> {
  const link = agent.link(), events: Event[] = [], confirming: Promise<void>[] = [];
  await link.execute(commands, 5, (event) => {
    events.push(event);
    if (confirms && event.kind === 'awaiting') confirming.push(confirmAnew(link, { runId: 'r1', commandId: event.command, fence }, event.remainingMs, () => false));
  });
  await Promise.allSettled(confirming);
  return events;
}
const kinds = (events: Event[], step: string): string[] => events.filter((event) => event.step === step).map(({ kind }) => kind);
const ends = (events: Event[]): string[] => events.flatMap((event) => (event.kind === 'finished' ? [`${event.step} ${event.result} ${event.code}`.trim()] : []));
/** What an earlier life of the agent wrote before it died. */
function begun(asked: Command, ...events: EventKind[]): void {
  const log = agent.dispatcher.run('r1');
  log.record(asked.id, asked.step, { kind: 'accepted', operation: asked.operation, args: asked.args, mode: 'apply', batch: asked.batch, timeoutS: 5, attempt: 1, needsSecrets: false, fence });
  log.record(asked.id, asked.step, { kind: 'checked', satisfied: false, found: { running: 'old', lasting: 'old' }, differences: [], reason: '' });
  for (const event of events) log.record(asked.id, asked.step, event);
}
const armed = (inMs: number, boot = bootMark()): EventKind => ({ kind: 'armed', confirmWithinS: 1, untilMonotonicMs: monotonicMs() + inMs, boot });
const idle = async (): Promise<void> => { await expect.poll(() => agent.dispatcher.busy, { timeout: 5000 }).toBe(false); };

beforeEach(async () => {
  running = lasting = 'old';
  acts = [];
  stuck = 0;
  agent = await startAgent([switchSet]);
  fence = Number((await agent.link().call('AcquireLease', { runId: 'r1', owner: 'ann', ttlS: 60 }))['fence']);
});
afterEach(async () => { await agent.remove(); });

test('confirmed over a new connection: made lasting only then, and the batch goes on', async () => {
  const events = await execute([command('A1', { to: 'new', confirmWithinS: 5 }), command('A2', { to: 'newer' })], true);
  expect(ends(events)).toEqual(['A1 changed', 'A2 changed']);
  expect(kinds(events, 'A1')).toEqual(['accepted', 'checked', 'armed', 'applied', 'awaiting', 'confirmed', 'verified', 'finished']);
  expect(events.find(({ kind }) => kind === 'confirmed')).toMatchObject({ by: 'ops', peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string });
  expect(acts).toEqual(['prepare', 'apply new', 'keep', 'prepare', 'apply newer', 'keep']);
});

test('not confirmed: undone within the time, told as reverted, and the rest of the batch is skipped', async () => {
  const events = await execute([command('A1', { to: 'new', confirmWithinS: 1 }), command('A2', { to: 'newer' })], false);
  expect(ends(events)).toEqual(['A1 reverted not_confirmed', 'A2 skipped']);
  expect(kinds(events, 'A1').slice(-4)).toEqual(['awaiting', 'reverting', 'verified', 'finished']);
  expect(events.findLast((event) => event.kind === 'finished' && event.step === 'A1')).toMatchObject({ reason: 'nobody confirmed it over a new connection within 1 s; the host is back in the state found before' });
  expect({ running, lasting }).toEqual({ running: 'old', lasting: 'old' });
  expect(acts).not.toContain('keep');
  expect(ends(await execute([command('A1', { to: 'new', confirmWithinS: 5 }, { attempt: 2, batch: 'b2' })], true)), 'a new attempt').toEqual(['A1 changed']);
});

test('the connection that asked cannot confirm, nor one that was used before; a stale number and an observer neither', async () => {
  const asked = command('A1', { to: 'new', confirmWithinS: 2 }), link = agent.link(), used = agent.link();
  await used.call('GetFacts', {});
  const answers: unknown[] = [];
  const done = link.execute([asked], 5, (event) => {
    if (event.kind !== 'awaiting') return;
    answers.push(link.call('Confirm', request(asked)), used.call('Confirm', request(asked)),
      agent.link().call('Confirm', { ...request(asked), fence: fence - 1 }).catch((error: unknown) => (error as Error).message),
      agent.link('observer').call('Confirm', request(asked)).catch((error: unknown) => (error as Error).message),
      agent.link().call('Confirm', { ...request(asked), commandId: 'f'.repeat(32) }));
  });
  expect([...(await done).values()][0]).toMatchObject({ result: 'reverted' });
  const old = { confirmed: false, reason: 'this connection is older than the change; only a new one proves that new ones get in' };
  expect(await Promise.all(answers)).toEqual([old, old, expect.stringMatching(/fencing number/), 'h1: eye is an observer; Confirm is for operators', { confirmed: false, reason: 'this host knows no such command' }]);
  expect(await agent.link().call('Confirm', request(asked)), 'too late').toEqual({ confirmed: false, reason: 'it has ended as reverted' });
});

test('what does not work is undone at once, with that reason; what is refused before has touched nothing', async () => {
  expect(ends(await execute([command('A1', { to: 'new', confirmWithinS: 60, breaks: true })], true))).toEqual(['A1 reverted verify_failed']);
  expect(running).toBe('old');
  acts = [];
  expect(ends(await execute([command('A2', { to: 'new', confirmWithinS: 60, refuses: true }, { batch: 'c' })], true))).toEqual(['A2 failed precondition_failed']);
  expect(acts).toEqual([]);
});

test('a look that never ends, as on a file system that the change cut off, does not hold up the way back', async () => {
  const events = await execute([command('A1', { to: 'new', confirmWithinS: 1, hangs: true })], true);
  expect(ends(events)).toEqual(['A1 reverted timed_out']);
  expect(running).toBe('old');
});

test('what is confirmed and cannot be made lasting goes back: the next start would mix old and new', async () => {
  const events = await execute([command('A1', { to: 'new', confirmWithinS: 5, unkept: true })], true);
  expect(ends(events)).toEqual(['A1 reverted verify_failed']);
  expect({ running, lasting }).toEqual({ running: 'old', lasting: 'old' });
});

test('a later attempt keeps the state that it finds', async () => {
  expect(ends(await execute([command('A1', { to: 'new', confirmWithinS: 5 })], true))).toEqual(['A1 changed']);
  running = lasting = 'by hand';
  expect(ends(await execute([command('A1', { to: 'new', confirmWithinS: 1 }, { attempt: 2, batch: 'b2' })], false))).toEqual(['A1 reverted not_confirmed']);
  expect(running).toBe('by hand');
});

test('going back is tried again when it did not succeed', async () => {
  stuck = 1;
  const events = await execute([command('A1', { to: 'new', confirmWithinS: 1 })], false);
  expect(ends(events)).toEqual(['A1 reverted not_confirmed']);
  expect(events.find(({ kind }) => kind === 'progress')).toMatchObject({ text: 'going back did not succeed (stuck)' });
}, 20_000);

test('an agent that died while it waited waits for the rest of the time, and takes a confirmation then', async () => {
  running = 'new';
  const asked = command('A1', { to: 'new', confirmWithinS: 1 });
  begun(asked, armed(3000), { kind: 'applied' }, { kind: 'awaiting', remainingMs: 3000 });
  agent = await agent.restart();
  await expect.poll(async () => (await agent.link().call('Confirm', request(asked)))['confirmed']).toBe(true);
  await idle();
  expect({ running, lasting, acts }).toEqual({ running: 'new', lasting: 'new', acts: ['keep'] });
});

test.each<[string, () => EventKind[], string]>([
  ['its time is over', () => [armed(-1), { kind: 'applied' }, { kind: 'awaiting', remainingMs: 1 }], 'nobody confirmed it'],
  ['the host was restarted', () => [armed(60_000, 'another boot'), { kind: 'applied' }, { kind: 'awaiting', remainingMs: 1 }], 'the host was restarted before the change was confirmed'],
  ['it died in the middle of the change', () => [armed(60_000)], 'the agent was stopped in the middle of the change'],
  ['it died while going back', () => [armed(60_000), { kind: 'reverting', code: 'verify_failed', reason: 'it did not work', failure: null }], 'it did not work'],
])('an agent that comes back goes back when %s, also in a stopped run, before any other run', async (_when, events, reason) => {
  running = 'new';
  const asked = command('A1', { to: 'new', confirmWithinS: 1 });
  begun(asked, ...events());
  agent.dispatcher.stop('r1', 'tea');
  agent = await agent.restart();
  await idle();
  expect({ running, lasting }).toEqual({ running: 'old', lasting: 'old' });
  expect(acts).toEqual(['revert']);
  expect(agent.dispatcher.run('r1').commands.get(asked.id)?.finished).toMatchObject({ result: 'reverted', reason: `${reason}${reason.startsWith('nobody') ? ' over a new connection within 1 s' : ''}; the host is back in the state found before` });
});

test('an agent that comes back to a host that is back already does nothing more', async () => {
  const asked = command('A1', { to: 'new', confirmWithinS: 1 });
  begun(asked, armed(60_000, 'another boot'), { kind: 'applied' });
  agent = await agent.restart();
  await idle();
  expect(acts).toEqual([]);
  expect(agent.dispatcher.run('r1').commands.get(asked.id)?.finished).toMatchObject({ result: 'reverted' });
});

test('what was confirmed before the agent died is made lasting, and made again where a restart took it away', async () => {
  const asked = command('A1', { to: 'new', confirmWithinS: 1 });
  begun(asked, armed(-1, 'another boot'), { kind: 'applied' }, { kind: 'awaiting', remainingMs: 1 }, { kind: 'confirmed', by: 'ops', peer: '127.0.0.1:1' });
  agent = await agent.restart();
  await idle();
  expect({ running, lasting, acts }).toEqual({ running: 'new', lasting: 'new', acts: ['apply new', 'keep'] });
});
