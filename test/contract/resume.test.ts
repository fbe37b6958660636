import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Lease } from '../../agent/lease.ts';
import type { Event } from '../../proto/events.ts';
import { JournalFull } from '../../proto/journal.ts';
import { agent, begunElsewhere, effects, fails, held, holds, restart, results, run, site, STEPS } from './three-lines.ts';

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

test('a host that lost its journal stops the run and says what to do', async () => {
  fails.add('b');
  await run();
  await agent.close();
  rmSync(join(agent.state, 'runs'), { recursive: true });
  await restart();
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
  await restart();
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

/** The host's disk fills while A1 is in hand and A2, A3 wait: the effect of A1 is there, its result is not. The run ends with 3; `room` empties the disk. */
async function runIntoFullDisk(): Promise<{ out: string; room: () => void }> {
  holds.add('a');
  const running = run();
  await expect.poll(() => agent.dispatcher.known('r1')?.openCount).toBe(3);
  await expect.poll(() => held.has('a')).toBe(true);
  const full = vi.spyOn(agent.dispatcher.run('r1'), 'record').mockImplementation(() => { throw new JournalFull('journal.jsonl', Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })); });
  held.get('a')?.();
  holds.clear();
  const { code, out } = await running;
  expect(code).toBe(3);
  expect(effects).toEqual(['a']);
  return { out, room: () => { full.mockRestore(); } };
}

test('the disk of a host is full: nothing is done that cannot be put on record, it is told, and taken up again when its coordinator asks and there is room', async () => {
  const { out, room } = await runIntoFullDisk();
  expect(out).toMatch(/h1: the agent's journal cannot be written \(cannot append to journal.jsonl: no space left on device\); free space on /);
  const still = await site.tandem('resume', 'r1');
  expect([still.code, still.out + still.err]).toEqual([3, expect.stringMatching(/cannot append to journal.jsonl: no space left on device.*; free space /)]);
  expect(effects).toEqual(['a']);
  room();
  expect(await site.tandem('resume', 'r1'), 'at once, whatever pause the agent makes').toMatchObject({ code: 0 });
  expect(effects).toEqual(['a', 'b', 'c']);
  const sent = agent.dispatcher.run('r1').stored(1).flatMap((event) => (event.kind === 'accepted' ? [event.step] : []));
  expect(sent.sort(), 'what waited for room is not sent again beside it').toEqual(['A1', 'A2', 'A3']);
}, 20_000);

test('a link that is cut for an hour (played: the lease lapsed an hour ago): the same run goes on under its number', async () => {
  holds.add('a');
  const running = run();
  await expect.poll(() => held.has('a')).toBe(true);
  await agent.close();
  const path = join(agent.state, 'lease.json'), lease = JSON.parse(readFileSync(path, 'utf8')) as Lease;
  writeFileSync(path, JSON.stringify({ ...lease, expiresMs: lease.expiresMs - 3_600_000, untilMonotonicMs: lease.untilMonotonicMs! - 3_600_000 }));
  holds.clear();
  await restart();
  expect((await running).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
});

test('an agent with another catalogue comes between two steps: what was begun is ended, the rest is not done, and it says how to go on', async () => {
  holds.add('a');
  const running = run();
  await expect.poll(() => held.has('a')).toBe(true);
  held.get('a')?.();
  holds.add('b');
  await expect.poll(() => held.has('b')).toBe(true); // begun, and held: the agent dies there
  holds.delete('b');
  await restart('another catalogue');
  const { code, out } = await running;
  expect(code).toBe(3);
  expect(effects).toEqual(['a', 'b']);
  expect(out).toMatch(/A3 skipped .*\n *this agent has another catalogue than the one with which the run took this host; install that version here, or plan again/);
  await restart('catalogue');
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
});

test('a run that gave the host back with work waiting there: an agent with another catalogue leaves it, the former one goes on', async () => {
  (await runIntoFullDisk()).room();
  expect(JSON.parse(readFileSync(join(agent.state, 'lease.json'), 'utf8'))).toMatchObject({ run: '' });
  await restart('another catalogue');
  await expect.poll(() => agent.dispatcher.known('r1')?.unfinished).toBe(false);
  expect(effects).toEqual(['a']);
  expect((await site.tandem('resume', 'r1')).err).toContain('another catalogue than this plan was made with');
  await restart('catalogue');
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
});

test('who only reads gets all lines that are on disk, however full it is, and starts nothing', async () => {
  const { room } = await runIntoFullDisk();
  const heard: Event[] = [];
  await agent.link().attach('r1', 1, (event) => heard.push(event));
  expect(heard).toHaveLength(agent.dispatcher.run('r1').lastSeq);
  expect([agent.dispatcher.pending('r1'), effects]).toEqual([false, ['a']]);
  room();
});

test('a host is away for longer than is waited for: exit code 5, and the run goes on when it is there again', async () => {
  holds.add('b');
  const running = run('--patience', '1');
  await expect.poll(() => held.has('b')).toBe(true);
  await agent.close();
  const { code, out } = await running;
  expect([code, out]).toEqual([5, expect.stringMatching(/h1 cannot be reached/)]);
  holds.clear();
  await restart();
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects.sort()).toEqual(['a', 'b', 'c']);
  expect(await results()).toEqual(['A1 changed', 'A2 changed', 'A3 changed']);
}, 60_000);

test('an agent of another version with another catalogue stops the resume and says how to plan again', async () => {
  fails.add('b');
  await run();
  fails.clear();
  await restart('another catalogue');
  const { code, err } = await site.tandem('resume', 'r1');
  expect(code).toBe(3);
  expect(err).toContain('h1: agent 0 has another catalogue than this plan was made with; install this version there, then plan again');
  expect(effects).toEqual(['a']);
  await restart('catalogue');
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
});
