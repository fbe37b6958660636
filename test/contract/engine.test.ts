import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { commandId, type Command } from '../../proto/command.ts';
import type { Event, Mode } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { startAgent, type AgentHere } from './agent-here.ts';

/** A counted, externally visible effect: a line in a file. */
let effects: string[], agent: AgentHere, blind: boolean;
const held = new Map<string, () => void>();

const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '',
  args: z.strictObject({ text: z.string(), fails: z.boolean().optional(), lies: z.boolean().optional(), waits: z.boolean().optional() }),
  check: (_probe, { text }) => (blind ? Promise.reject(new StepError('command_failed', 'the lines cannot be seen')) : Promise.resolve(finding({ lines: effects.filter((line) => line === text).length }, effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }]))),
  async apply(_host, { text, fails, lies, waits }) {
    if (waits === true) await new Promise<void>((resolve) => { held.set(text, resolve); });
    if (fails === true) throw new StepError('command_failed', 'it broke', { argv: ['x', '***'], exitCode: 3, signal: '', stderrTail: 'why' });
    if (lies !== true) effects.push(text);
  },
  revert(_host, { text }) { effects.splice(effects.indexOf(text), 1); return Promise.resolve(); },
});

async function lease(run: string): Promise<number> {
  const answer = await agent.link().call('AcquireLease', { runId: run, owner: 'ann', ttlS: 60 });
  expect(answer['granted']).toBe(true);
  return Number(answer['fence']);
}

function command(run: string, fence: number, step: string, args: Record<string, unknown>, more: { mode?: Mode; attempt?: number; batch?: string } = {}): Command {
  const key = { run, planDigest: 'd', step, host: 'h1', mode: more.mode ?? 'apply' as const, attempt: more.attempt ?? 1 };
  const { host: _, ...rest } = key;
  return { ...rest, id: commandId(key), batch: more.batch ?? 'b', operation: 'line.added', args: args as Command['args'], timeoutS: 5, fence, secrets: {} };
}

const resultsOf = (events: Event[]): string[] => events.flatMap((e) => (e.kind === 'finished' ? [`${e.step} ${e.result}`] : []));
async function execute(commands: Command[]): Promise<Event[]> {
  const events: Event[] = [];
  await agent.link().execute(commands, 5, (event) => events.push(event));
  return events;
}

beforeEach(async () => { effects = []; blind = false; held.clear(); agent = await startAgent([lineAdded]); });
afterEach(async () => { await agent.remove(); });

test('commands streamed ahead run in order; each event comes once, with rising numbers', async () => {
  const fence = await lease('r1');
  const events = await execute(['A1', 'A2', 'A3'].map((step) => command('r1', fence, step, { text: step })));
  expect(effects).toEqual(['A1', 'A2', 'A3']);
  expect(resultsOf(events)).toEqual(['A1 changed', 'A2 changed', 'A3 changed']);
  expect(events.filter((e) => e.step === 'A2').map((e) => e.kind)).toEqual(['accepted', 'checked', 'applied', 'verified', 'finished']);
  expect(events.map((e) => e.seq)).toEqual([...events.map((e) => e.seq)].sort((a, b) => a - b));
});

test('the first failure stops the batch, the rest is skipped with the reason; another batch goes on', async () => {
  const fence = await lease('r1');
  const events = await execute([command('r1', fence, 'A1', { text: 'a', fails: true }), command('r1', fence, 'A2', { text: 'b' }), command('r1', fence, 'A3', { text: 'c' }, { batch: 'other' })]);
  expect(resultsOf(events)).toEqual(['A1 failed', 'A2 skipped', 'A3 changed']);
  expect(events.find((e) => e.kind === 'finished' && e.step === 'A2')).toMatchObject({ reason: 'A1 before it ended as failed' });
  expect(events.find((e) => e.kind === 'finished')).toMatchObject({ code: 'command_failed', failure: { exitCode: 3, stderrTail: 'why' } });
});

test('a change that does not show is a failure, whatever it returned', async () => {
  const fence = await lease('r1');
  const events = await execute([command('r1', fence, 'A1', { text: 'a', lies: true })]);
  expect(events.at(-1)).toMatchObject({ kind: 'finished', result: 'failed', code: 'verify_failed', reason: 'done, and yet not so: line is absent, wanted a' });
});

test('the same command again gives the stored result and no second effect, also after a restart', async () => {
  const fence = await lease('r1');
  const same = [command('r1', fence, 'A1', { text: 'a' })];
  await execute(same);
  effects = []; // a repeated run would find the line missing and add it again
  expect(resultsOf(await execute(same))).toEqual(['A1 changed']);
  agent = await agent.restart();
  expect(resultsOf(await execute(same))).toEqual(['A1 changed']);
  expect(effects).toEqual([]);
});

test('work goes on when the link is gone, and Attach brings all of it back', async () => {
  const fence = await lease('r1');
  const gone = agent.link();
  const lost = gone.execute([command('r1', fence, 'A1', { text: 'a', waits: true }), command('r1', fence, 'A2', { text: 'b' })], 0, () => undefined).catch((error: unknown) => (error as Error).name);
  await expect.poll(() => held.has('a')).toBe(true);
  gone.close();
  expect(await lost).toBe('Unreachable');
  held.get('a')?.();
  await expect.poll(() => effects).toEqual(['a', 'b']);
  await expect.poll(() => agent.dispatcher.busy).toBe(false);
  const events: Event[] = [];
  await agent.link().attach('r1', 1, (event) => events.push(event));
  expect(resultsOf(events)).toEqual(['A1 changed', 'A2 changed']);
  expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
});

test('stop: the step in hand is finished, the rest skipped, later commands of the run too; whoever goes on with the run has a new number', async () => {
  const fence = await lease('r1');
  const running = execute([command('r1', fence, 'A1', { text: 'a', waits: true }), command('r1', fence, 'A2', { text: 'b' })]);
  await expect.poll(() => held.has('a')).toBe(true);
  expect(await agent.link().call('Stop', { runId: 'r1', reason: 'tea' })).toMatchObject({ stepInHand: 'A1', skipped: 1 });
  held.get('a')?.();
  expect(resultsOf(await running)).toEqual(['A1 changed', 'A2 skipped']);
  expect(await execute([command('r1', fence, 'A3', { text: 'c' }, { batch: 'later' })])).toContainEqual(expect.objectContaining({ kind: 'finished', result: 'skipped', reason: 'stopped: tea (by ops)' }));
  expect(resultsOf(await execute([command('r1', await lease('r1'), 'A3', { text: 'c' }, { batch: 'later', attempt: 2 })]))).toEqual(['A3 changed']);
  expect(effects).toEqual(['a', 'c']);
});

test('a dry run changes nothing and never stops at a finding', async () => {
  const fence = await lease('r1');
  effects = ['b'];
  const events = await execute(['a', 'b', 'c'].map((text, i) => command('r1', fence, `A${String(i)}`, { text }, { mode: 'check' })));
  expect(resultsOf(events)).toEqual(['A0 would_change', 'A1 unchanged', 'A2 would_change']);
  expect(effects).toEqual(['b']);
});

test('revert goes back to the state that was found, and proves it', async () => {
  const fence = await lease('r1');
  await execute([command('r1', fence, 'A1', { text: 'a' })]);
  expect(resultsOf(await execute([command('r1', fence, 'A1', { text: 'a' }, { mode: 'revert', batch: 'back' })]))).toEqual(['A1 reverted']);
  expect(effects).toEqual([]);
});

test('a step begun and cut off is looked at, not repeated: done is proven, not done is done', async () => {
  const fence = await lease('r1');
  const done = command('r1', fence, 'A1', { text: 'a' }), undone = command('r1', fence, 'A2', { text: 'b' });
  const begun = (c: Command) => [
    { kind: 'accepted' as const, operation: c.operation, args: c.args, mode: c.mode, batch: c.batch, timeoutS: 5, attempt: 1, needsSecrets: false, fence },
    { kind: 'checked' as const, satisfied: false, found: { lines: 0 }, differences: [], reason: '' },
  ].forEach((event) => { agent.dispatcher.run('r1').record(c.id, c.step, event); });
  begun(done);
  begun(undone);
  effects = ['a']; // the change of A1 was made before the agent died, that of A2 was not
  agent = await agent.restart();
  await expect.poll(() => agent.dispatcher.busy).toBe(false);
  const events = await execute([done, undone]);
  expect(effects).toEqual(['a', 'b']);
  expect(resultsOf(events)).toEqual(['A1 changed', 'A2 changed']);
  expect(events.find((e) => e.kind === 'finished')).toMatchObject({ reason: 'begun before an interruption, found done and proven afterwards' });
});

test('the wire is hostile: role, lease, fence, host, step, arguments and another CA are refused, and nothing is journaled', async () => {
  const fence = await lease('r1');
  const good = command('r1', fence, 'A1', { text: 'a' });
  const refusal = async (bad: Command, role?: 'observer' | 'stranger' | 'agent'): Promise<string> => await agent.link(role).execute([bad], 0, () => undefined).then(() => 'done', (error: unknown) => `${(error as Error).name}: ${(error as Error).message}`);
  expect(await refusal(good, 'observer')).toBe('AgentRefused: h1: eye is an observer; Execute is for operators');
  expect(await refusal(good, 'stranger')).toMatch(/^Unreachable: /);
  expect(await refusal(good, 'agent')).toMatch(/^Unreachable: /);
  expect(await refusal({ ...command('r1', fence, 'A1', { text: 'a' }), fence: fence - 1 })).toMatch(/fencing number/);
  expect(await refusal(command('r2', fence, 'A1', { text: 'a' }))).toMatch(/held by run r1 of ann/);
  expect(await refusal({ ...good, id: 'f'.repeat(32) })).toMatch(/was not made for host h1/);
  expect(await refusal({ ...good, step: '../../etc' })).toMatch(/step id "..\/..\/etc" is not of the form/);
  expect(agent.dispatcher.known('r1')?.commands.size ?? 0).toBe(0);
  expect(resultsOf(await execute([command('r1', fence, 'A9', { text: 1, nonsense: true })]))).toEqual(['A9 failed']);
  expect(effects).toEqual([]);
  expect(await agent.link().call('AcquireLease', { runId: '../x', owner: 'ann' }).catch((error: unknown) => (error as Error).message)).toMatch(/run id "..\/x" is not of the form/);
});

test('a journal that was tampered with is refused and left as it is; other runs go on', async () => {
  const fence = await lease('r1');
  await execute(['A1', 'A2'].map((step) => command('r1', fence, step, { text: step })));
  const path = join(agent.state, 'runs/r1/journal.jsonl');
  const tampered = readFileSync(path, 'utf8').replace('"A1"', '"A7"');
  writeFileSync(path, tampered);
  writeFileSync(join(agent.state, 'runs/stray'), 'x');
  agent = await agent.restart();
  await expect(execute([command('r1', fence, 'A3', { text: 'c' })])).rejects.toThrow('the line does not match its own hash');
  expect(readFileSync(path, 'utf8')).toBe(tampered);
  await agent.link().call('ReleaseLease', { runId: 'r1', fence });
  expect(resultsOf(await execute([command('r2', await lease('r2'), 'A1', { text: 'b' })]))).toEqual(['A1 changed']);
});

test('a step cut off whose look then fails is unknown, never failed and never done', async () => {
  const fence = await lease('r1');
  const cut = command('r1', fence, 'A1', { text: 'a' });
  agent.dispatcher.run('r1').record(cut.id, cut.step, { kind: 'accepted', operation: cut.operation, args: cut.args, mode: cut.mode, batch: cut.batch, timeoutS: 5, attempt: 1, needsSecrets: true, fence });
  agent.dispatcher.run('r1').record(cut.id, cut.step, { kind: 'checked', satisfied: false, found: { lines: 0 }, differences: [], reason: '' });
  agent = await agent.restart();
  blind = true;
  const events = await execute([cut, command('r1', fence, 'A2', { text: 'b' })]);
  expect(resultsOf(events)).toEqual(['A1 unknown', 'A2 skipped']);
  expect(events.find((e) => e.kind === 'finished')).toMatchObject({ reason: 'begun before an interruption, and a look cannot tell what was done: the lines cannot be seen' });
  expect(effects).toEqual([]);
});

test('a reader that is slow gets every event all the same, each once and in order', async () => {
  const fence = await lease('r1');
  const steps = Array.from({ length: 300 }, (_, i) => `A${String(i)}`);
  await execute(steps.map((step) => command('r1', fence, step, { text: step.repeat(500) })));
  const seen: number[] = [];
  await agent.link().attach('r1', 1, (event) => { seen.push(event.seq); const until = performance.now() + 1; while (performance.now() < until); });
  expect(seen).toEqual(seen.map((_, i) => i + 1));
  expect(seen.length).toBe(1500);
});

test('a host that still works for a run is not given back by who takes the run for done', async () => {
  const fence = await lease('r1'), running = execute([command('r1', fence, 'A1', { text: 'a', waits: true })]);
  const giveBack = async (): Promise<unknown> => await agent.link().call('ReleaseLease', { runId: 'r1', fence: 0, owner: 'ann' }).catch((error: unknown) => error);
  await expect.poll(() => held.has('a')).toBe(true);
  expect(await giveBack()).toMatchObject({ code: 'FAILED_PRECONDITION', message: expect.stringContaining('run r1 has unfinished work on this host') as string });
  held.get('a')?.();
  expect(resultsOf(await running)).toEqual(['A1 changed']);
  expect(await giveBack()).toMatchObject({ released: true });
});
