import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { commandId } from '../../proto/command.ts';
import { StepError } from '../../proto/errors.ts';
import type { EventKind } from '../../proto/events.ts';
import { JournalFull } from '../../proto/journal.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

let effects: string[], agent: AgentHere, site: SiteHere;
/** Texts whose step fails, cannot be looked at, or waits: taken out by the test as a person would mend it. */
const fails = new Set<string>(), blind = new Set<string>(), held = new Map<string, () => void>(), holds = new Set<string>();

const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string(), secret: z.string().optional() }),
  check: (_probe, { text }) => (blind.has(text) ? Promise.reject(new StepError('command_failed', 'cannot look', { argv: ['look', '--at', text], exitCode: 1, signal: '', stderrTail: '' }))
    : Promise.resolve(finding({ there: effects.includes(text) }, effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }]))),
  async apply(host, { text, secret }) {
    if (holds.has(text)) await new Promise<void>((resolve) => { held.set(text, resolve); });
    if (secret !== undefined) await host.secret(secret);
    if (fails.has(text)) throw new StepError('command_failed', 'it broke');
    effects.push(text);
  },
});
const STEPS = [{ id: 'A1', args: { text: 'a' } }, { id: 'A2', args: { text: 'b' } }, { id: 'A3', args: { text: 'c' } }] as const;
const run = async (...more: string[]): ReturnType<SiteHere['tandem']> => await site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1', ...more);
const results = async (): Promise<string[]> => (JSON.parse((await site.tandem('report', '--format', 'json')).out) as { hosts: { steps: { id: string; result: string }[] }[] }).hosts.flatMap(({ steps }) => steps.map(({ id, result }) => `${id} ${result}`));

beforeEach(async () => {
  effects = [];
  for (const set of [fails, blind, holds, held]) set.clear();
  agent = await startAgent([lineAdded]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
  site.plan([...STEPS]);
});
afterEach(async () => { site.remove(); await agent.remove(); });

test('after a failure that was mended the run goes on: what is done is not sent again, the rest is done once', async () => {
  fails.add('b');
  expect(await run()).toMatchObject({ code: 3 });
  expect(effects).toEqual(['a']);
  fails.clear();
  const { code, out } = await site.tandem('resume', 'r1');
  expect(code).toBe(0);
  expect(out).not.toMatch(/A1 (un)?changed {2}line of A1 is there \(/);
  expect(effects).toEqual(['a', 'b', 'c']);
  expect(await results()).toEqual(['A1 changed', 'A2 changed', 'A3 changed']);
  expect([...agent.dispatcher.known('r1')?.commands.values() ?? []].map(({ accepted }) => `${accepted.step} ${String(accepted.attempt)}`)).toEqual(['A1 1', 'A2 1', 'A3 1', 'A2 2', 'A3 2']);
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 0, out: 'Run r1 is done: nothing is left to go on with.' });
});

test('after a stop it goes on', async () => {
  holds.add('a');
  const running = run();
  await expect.poll(() => held.has('a')).toBe(true);
  await agent.link().call('Stop', { runId: 'r1', reason: 'tea' });
  held.get('a')?.();
  expect(await running).toMatchObject({ code: 130 });
  expect(effects).toEqual(['a']);
  expect(await site.tandem('resume')).toMatchObject({ code: 0 });
  expect(effects).toEqual(['a', 'b', 'c']);
});

/** What a host did of this step in an attempt whose coordinator has died, as its journal has it; then the agent starts again. */
async function begunElsewhere(step: string, text: string, more: EventKind[] = [], needsSecrets = false): Promise<void> {
  const planDigest = (JSON.parse((await site.tandem('report', '--format', 'json')).out) as { planDigest: string }).planDigest;
  const id = commandId({ run: 'r1', planDigest, step, host: 'h1', mode: 'apply', attempt: 2 }), log = agent.dispatcher.run('r1');
  log.record(id, step, { kind: 'accepted', operation: 'line.added', args: { text }, mode: 'apply', batch: 'one/only/2', timeoutS: 5, attempt: 2, needsSecrets, fence: 1 });
  for (const event of more) log.record(id, step, event);
  agent = await agent.restart();
}
const INTENT: EventKind = { kind: 'checked', satisfied: false, found: { there: false }, differences: [], reason: '' };

test('a coordinator that died: the host went on with what it held, and a new one learns of it without doing it again', async () => {
  fails.add('a');
  expect((await run()).code).toBe(3);
  fails.clear();
  holds.add('a');
  await begunElsewhere('A1', 'a');
  await expect.poll(() => held.has('a')).toBe(true);
  const resumed = site.tandem('resume', 'r1');
  setTimeout(() => { held.get('a')?.(); }, 300);
  expect(await resumed).toMatchObject({ code: 0 });
  expect(effects).toEqual(['a', 'b', 'c']);
  expect(await results()).toEqual(['A1 changed', 'A2 changed', 'A3 changed']);
  expect([...agent.dispatcher.known('r1')?.commands.values() ?? []].filter(({ accepted }) => accepted.step === 'A1').map(({ accepted }) => accepted.attempt)).toEqual([1, 2]);
});

test('a step that was accepted and waits for a secret is sent under its own id, before anything else', async () => {
  writeFileSync(join(site.folder, 'secret'), 'hush', { mode: 0o600 });
  site.plan([STEPS[0], { id: 'A2', args: { text: 'b', secret: 'coordinator-file:./secret' } }, STEPS[2]]);
  fails.add('b');
  expect((await run()).code).toBe(3);
  fails.clear();
  await begunElsewhere('A2', 'b', [], true);
  expect(agent.dispatcher.busy).toBe(false);
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 0 });
  expect(effects).toEqual(['a', 'b', 'c']);
  expect([...agent.dispatcher.known('r1')?.commands.values() ?? []].filter(({ accepted }) => accepted.attempt > 1).map(({ accepted }) => `${accepted.step} ${String(accepted.attempt)}`)).toEqual(['A2 2', 'A3 3']);
});

describe('a result that nobody can tell', () => {
  const resolve = async (answer: string): ReturnType<SiteHere['tandem']> => await site.tandem('resolve', 'r1', 'A2', answer, '--by', 'ann', '--reason', 'I looked');
  beforeEach(async () => {
    fails.add('b');
    await run();
    fails.clear();
    blind.add('b');
    await begunElsewhere('A2', 'b', [INTENT]);
    const { code, out } = await site.tandem('resume', 'r1');
    expect(code).toBe(8);
    expect(out).toContain('Next: Is this so on h1: line of A2 is there? A look could not tell (it failed at: look --at b); look there yourself.\nNext: Then: tandem resolve r1 A2 done|not-done --host h1 --by NAME --reason TEXT');
    expect(effects).toEqual(['a']);
  });

  test('stays so however often the run is gone on with; when a look can tell again, it is settled by that', async () => {
    expect((await site.tandem('resume', 'r1')).code).toBe(8);
    expect(effects).toEqual(['a']);
    blind.clear();
    effects.push('b'); // it had been done
    expect((await site.tandem('resume', 'r1')).code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
    expect(await results()).toEqual(['A1 changed', 'A2 changed', 'A3 changed']); // by the attempt that was interrupted
  });

  test('a person says that it is done: it is left alone, and the word stands in the report', async () => {
    const { code, out } = await resolve('done');
    expect(code).toBe(0);
    expect(effects).toEqual(['a', 'c']);
    expect(out).toMatch(/A2 +UNKNOWN .*\n.*\n? *taken as done, said ann \(certificate of ops\): I looked/);
    expect((await site.tandem('resume', 'r1')).out).toContain('is done');
  });

  test('a person says that it is not done: it is carried out', async () => {
    blind.clear();
    expect((await resolve('not-done')).code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
  });

  test('a word that the host contradicts is not taken', async () => {
    blind.clear();
    const { code, out } = await resolve('done');
    expect(code).toBe(8);
    expect(out).toContain('A2 is not done, whatever was said');
    expect(effects).toEqual(['a']);
  });

  test('said done of what is done already, the look decides; a step that is not unknown takes no word', async () => {
    blind.clear();
    effects.push('b');
    expect((await resolve('not-done')).code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
    const refused = await site.tandem('resolve', 'r1', 'A1', 'done', '--by', 'ann', '--reason', 'x');
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('run r1, in which no step is unknown');
  });
});

test('a host that lost its journal stops the run and says what to do', async () => {
  fails.add('b');
  await run();
  await agent.close();
  rmSync(join(agent.state, 'runs'), { recursive: true });
  agent = await agent.restart();
  const { code, err } = await site.tandem('resume', 'r1');
  expect(code).toBe(3);
  expect(err).toContain('h1: its journal of run r1 is not the one this run knows: it told of');
  expect(effects).toEqual(['a']);
});

test('a host whose journal tells another story than before stops the run', async () => {
  fails.add('b');
  await run();
  await agent.close();
  rmSync(join(agent.state, 'runs'), { recursive: true });
  agent = await agent.restart();
  for (let n = 0; n < 20; n += 1) agent.dispatcher.run('r1').record('', '', { kind: 'stopped', reason: 'x', attempt: 1, fence: 1 });
  expect((await site.tandem('resume', 'r1')).err).toContain('is another than the one it told');
});

test('one coordinator a run: a second one on this machine is kept out with exit code 9', async () => {
  holds.add('a');
  const running = run();
  await expect.poll(() => held.has('a')).toBe(true);
  const second = await site.tandem('resume', 'r1');
  held.get('a')?.();
  expect(second).toMatchObject({ code: 9, err: expect.stringContaining('run r1 is in the hands of another coordinator on this machine') as string });
  expect(await running).toMatchObject({ code: 0 });
  expect(effects).toEqual(['a', 'b', 'c']);
});

test('a dry run is nothing to go on with', async () => {
  await site.tandem('check', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1');
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 2, err: expect.stringContaining('run r1, a dry run') as string });
});

test('the disk of a host is full: nothing is done that cannot be put on record, it is told, and taken up again when there is room', async () => {
  holds.add('a');
  const running = run();
  await expect.poll(() => held.has('a')).toBe(true);
  const full = vi.spyOn(agent.dispatcher.run('r1'), 'record').mockImplementation(() => { throw new JournalFull('journal.jsonl', Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })); });
  held.get('a')?.(); // its effect is there, its result is not
  const { code, out } = await running;
  expect(code).toBe(3);
  expect(out).toMatch(/h1: the agent's journal cannot be written \(cannot append to journal.jsonl: no space left on device\); free space on /);
  expect(effects).toEqual(['a']);
  full.mockRestore();
  await expect.poll(() => agent.dispatcher.known('r1')?.unfinished, { timeout: 9000 }).toBe(false);
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 0 });
  expect(effects).toEqual(['a', 'b', 'c']);
}, 20_000);

test('a link that is cut for an hour (played: the lease lapsed an hour ago): the same run goes on under its number', async () => {
  holds.add('a');
  const running = run();
  await expect.poll(() => held.has('a')).toBe(true);
  await agent.close();
  const path = join(agent.state, 'lease.json'), lease = JSON.parse(readFileSync(path, 'utf8')) as { expiresMs: number };
  writeFileSync(path, JSON.stringify({ ...lease, expiresMs: Date.now() - 3_600_000 }));
  holds.clear();
  agent = await agent.restart();
  expect((await running).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
});

test('an agent of another version with another catalogue stops the resume and says how to plan again', async () => {
  fails.add('b');
  await run();
  fails.clear();
  agent = await agent.restart('another catalogue');
  const { code, err } = await site.tandem('resume', 'r1');
  expect(code).toBe(3);
  expect(err).toContain('h1: agent 0 has another catalogue than this plan was made with; install this version there, then plan again');
  expect(effects).toEqual(['a']);
  agent = await agent.restart('catalogue');
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
});
