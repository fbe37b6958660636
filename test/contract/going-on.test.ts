import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { commandId } from '../../proto/command.ts';
import { StepError } from '../../proto/errors.ts';
import { JournalFull, readJournal } from '../../proto/journal.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

/** What two readers found when they thought about what can happen between two lines. */
let effects: string[], agent: AgentHere, site: SiteHere;
const fails = new Set<string>(), holds = new Set<string>(), held = new Map<string, () => void>();

const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string(), secret: z.string().optional() }),
  check: (_probe, { text }) => Promise.resolve(finding({ there: effects.includes(text) }, effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }])),
  async apply(host, { text, secret }) {
    if (secret !== undefined) await host.secret(secret);
    if (holds.has(text)) await new Promise<void>((resolve) => { held.set(text, resolve); });
    if (fails.has(text)) throw new StepError('command_failed', 'it broke');
    effects.push(text);
  },
  revert(_host, { text }) { effects = effects.filter((each) => each !== text); return Promise.resolve(); },
});
const STEPS = ['a', 'b', 'c'].map((text, at) => ({ id: `A${String(at + 1)}`, args: { text } }));
const run = async (id = 'r1', ...more: string[]): ReturnType<SiteHere['tandem']> => await site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', id, ...more);
const journal = (): string => join(site.folder, 'state/runs/r1/journal.jsonl');

beforeEach(async () => {
  effects = [];
  for (const set of [fails, holds, held]) set.clear();
  agent = await startAgent([lineAdded]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
  site.plan(STEPS);
});
afterEach(async () => { vi.restoreAllMocks(); site.remove(); await agent.remove(); });

test('a word given while the run is in hand is refused and leaves its journal as it is', async () => {
  holds.add('a');
  const running = run();
  await expect.poll(() => held.has('a')).toBe(true);
  expect((await site.tandem('resolve', 'r1', 'A2', 'done', '--by', 'ann', '--reason', 'x')).code).toBe(9);
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(9);
  held.get('a')?.();
  expect((await running).code).toBe(0);
  expect(readJournal<{ type: string }>(journal()).records.map(({ type }) => type)).not.toContain('resolved');
});

test('an attempt has a number that no host has heard of, also when an older copy of the journal was put back', async () => {
  fails.add('c');
  await run();
  copyFileSync(journal(), join(site.folder, 'copy'));
  fails.clear();
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  expect(effects).toEqual([]);
  copyFileSync(join(site.folder, 'copy'), journal());
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
});

test('a stop holds for the attempt it came in, also while that one still finds out what was done', async () => {
  fails.add('a');
  await run();
  fails.clear();
  const release = holdCatchUp();
  const resumed = site.tandem('resume', 'r1');
  await expect.poll(() => release.waiting()).toBe(true);
  expect((await site.tandem('stop', 'r1', '--reason', 'tea')).code).toBe(0);
  release.go();
  expect((await resumed).code).toBe(130);
  expect((await site.tandem('report', 'r1')).out).toContain('stopped: tea');
  expect(effects).toEqual([]);
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
});

/** Lets Attach of this agent wait: as on a host that is busy with what it holds. */
function holdCatchUp(): { waiting(): boolean; go(): void } {
  let waited = false;
  const pending = vi.spyOn(agent.dispatcher, 'pending').mockImplementation(() => { waited = true; return true; });
  return { waiting: () => waited, go: () => { pending.mockRestore(); agent.dispatcher.run('r1').record('', '', { kind: 'progress', text: 'x' }); } };
}

test('a stop on a host that has had no command yet holds all the same', async () => {
  const link = agent.link(), lease = await link.call('AcquireLease', { runId: 'r9', owner: 'ann', ttlS: 60 });
  await link.call('Stop', { runId: 'r9', reason: 'tea' });
  expect(agent.dispatcher.known('r9')?.stopped).toMatchObject({ fence: Number(lease['fence']) });
});

test('a way back that was cut short is gone on with by the same revert; going forward must be asked for', async () => {
  await run();
  const kept = readFileSync(journal(), 'utf8');
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  // As if the coordinator had died in it: its journal ends with the attempt's beginning.
  const lines = readFileSync(journal(), 'utf8').split('\n'), begun = lines.findIndex((line) => line.includes('"mode":"revert"'));
  expect(begun).toBeGreaterThan(kept.split('\n').length - 2);
  writeFileSync(journal(), `${lines.slice(0, begun + 1).join('\n')}\n`);
  expect((await site.tandem('report', 'r1')).out).toContain('tandem revert r1 --to start goes on with the way back; tandem resume r1 --forward carries out again what was undone.');
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 2, err: expect.stringContaining('was on its way back to checkpoint "start" and did not get there, expected tandem revert r1 --to start') as string });
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
});

test('what waited for its secret when the run was taken back is closed: steps come in their order again, and the host ends up idle', async () => {
  writeFileSync(join(site.folder, 'secret'), 'hush', { mode: 0o600 });
  site.plan([STEPS[0], { id: 'A2', args: { text: 'b', secret: 'coordinator-file:./secret' } }, STEPS[2]].map((step) => step ?? { id: '', args: {} }));
  fails.add('b');
  await run();
  fails.clear();
  // Both sides died in the second attempt: its commands were accepted, and the first of them waits for its secret.
  const planDigest = (JSON.parse((await site.tandem('report', '--format', 'json')).out) as { planDigest: string }).planDigest;
  for (const [step, text] of [['A2', 'b'], ['A3', 'c']] as const) {
    const id = commandId({ run: 'r1', planDigest, step, host: 'h1', mode: 'apply', attempt: 2 });
    agent.dispatcher.run('r1').record(id, step, { kind: 'accepted', operation: 'line.added', args: { text }, mode: 'apply', batch: 'one/only/2', timeoutS: 5, attempt: 2, needsSecrets: text === 'b', fence: 2 });
  }
  agent = await agent.restart();
  expect(agent.dispatcher.busy).toBe(false);
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  expect(effects).toEqual([]);
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
  expect(agent.dispatcher.known('r1')?.unfinished).toBe(false);
});

test('a journal that is full is never the failure of a step', async () => {
  const log = agent.dispatcher.run('r1'), record = log.record.bind(log);
  const full = vi.spyOn(log, 'record').mockImplementation((command, step, kind) => {
    if (kind.kind === 'applied' && step === 'A1') throw new JournalFull('journal.jsonl', Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
    return record(command, step, kind);
  });
  const { code, out } = await run();
  expect(code).toBe(3);
  expect(out).toContain('free space on');
  expect([...log.commands.values()].every(({ finished }) => finished?.result !== 'failed')).toBe(true);
  full.mockRestore();
  await expect.poll(() => log.unfinished, { timeout: 9000 }).toBe(false);
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
}, 20_000);

test('a run that took a host over has it alone: what an older one left waiting is skipped', async () => {
  holds.add('a');
  const running = run('r1');
  await expect.poll(() => held.has('a')).toBe(true);
  agent.lapse();
  const link = agent.link();
  expect(await link.call('AcquireLease', { runId: 'r2', owner: 'bob', ttlS: 60, takeOver: true })).toMatchObject({ granted: true, fence: 2 });
  held.get('a')?.();
  const { code, out } = await running;
  expect(code).toBe(3);
  expect(out).toContain('run r2 of bob took this host over');
  expect(effects).toEqual(['a']);
});

test('a resume that cannot begin gives the hosts back, so that its own advice can be followed', async () => {
  fails.add('b');
  await run();
  await agent.close();
  rmSync(join(agent.state, 'runs'), { recursive: true });
  agent = await agent.restart();
  fails.clear();
  expect((await site.tandem('resume', 'r1')).code).toBe(3);
  expect((await run('r2')).code).toBe(0);
});
