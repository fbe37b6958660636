import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { StepError } from '../../proto/errors.ts';
import type { Event } from '../../proto/events.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

let effects: string[], agent: AgentHere, site: SiteHere;
const held = new Map<string, () => void>();

const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '',
  args: z.strictObject({ text: z.string(), fails: z.boolean().optional(), blind: z.boolean().optional(), waits: z.boolean().optional(), secret: z.string().optional() }),
  check: (_probe, { text, blind }) => (blind === true ? Promise.reject(new StepError('command_failed', 'cannot look'))
    : Promise.resolve(finding({}, effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }]))),
  async apply(host, { text, fails, waits, secret }) {
    if (waits === true) await new Promise<void>((resolve) => { held.set(text, resolve); });
    if (fails === true) throw new StepError('command_failed', 'it broke', { argv: ['yum', '-y', 'a b'], exitCode: 3, signal: '', stderrTail: 'first\nlast words\n' });
    if (secret !== undefined) effects.push(await host.secret(secret));
    effects.push(text);
  },
});
const planFile = (): string => join(site.folder, 'plan.json');
const run = async (id: string, ...more: string[]): ReturnType<SiteHere['tandem']> => await site.tandem('run', '--plan', planFile(), '--run-id', id, ...more);

beforeEach(async () => {
  effects = [];
  held.clear();
  agent = await startAgent([lineAdded]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
});
afterEach(async () => { site.remove(); await agent.remove(); });

test('a run: a plain line for each step, exit code 0, and the same told again by report, runs and status', async () => {
  effects = ['b'];
  site.plan([{ id: 'A1', args: { text: 'a' } }, { id: 'A2', args: { text: 'b' } }]);
  const { code, out } = await run('r1');
  expect(code).toBe(0);
  expect(effects).toEqual(['b', 'a']);
  expect(out).toMatch(/^-- one \/ only\nh1 A1 changed {2}line of A1 is there \(\d\.\d s\)\nh1 A2 unchanged {2}line of A2 is there \(\d\.\d s\)\n\nRun r1 of site lab: done\nTiny\n/);
  expect((await site.tandem('report')).out).toContain('h1 (controller): 1 changed, 1 unchanged');
  expect(JSON.parse((await site.tandem('report', 'r1', '--format', 'json')).out)).toMatchObject({ format: 1, run: 'r1', exitCode: 0, counts: { changed: 1, unchanged: 1 } });
  expect((await site.tandem('report', 'r1', '--format', 'junit')).out).toContain('<testsuite name="h1"');
  expect((await site.tandem('runs')).out).toMatch(/^r1 +lab .* 1 changed, 1 unchanged +done$/m);
  expect((await site.tandem('status')).out).toContain('Run r1: done');
});

test('a dry run shows the differences, changes nothing and exits 0', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  const { code, out } = await site.tandem('check', '--plan', planFile());
  expect(code).toBe(0);
  expect(out).toContain('h1 A1 would change  line of A1 is there (0.0 s)\n    line: absent -> a\n');
  expect(out).toContain('dry run done, nothing was changed');
  expect(effects).toEqual([]);
});

test('a dry run in which a look fails looks at the rest and exits 3', async () => {
  site.plan([{ id: 'A1', args: { text: 'a', blind: true } }, { id: 'A2', args: { text: 'b' } }]);
  const { code, out } = await site.tandem('check', '--plan', planFile());
  expect(code).toBe(3);
  expect(out).toContain('h1 A2 would change');
  expect(out).toContain('failed (h1 failed)');
});

test('a failed step: reason, argv, exit code, last words, what to do next; the rest skipped; exit code 3', async () => {
  site.plan([{ id: 'A1', args: { text: 'a', fails: true } }, { id: 'A2', args: { text: 'b' } }]);
  const { code, out } = await run('r1');
  expect(code).toBe(3);
  expect(out).toMatch(/h1 A1 FAILED {2}line of A1 is there \(\d\.\d s\)\n {4}line: absent -> a\n {4}command_failed: it broke\n {4}command: yum -y 'a b'\n {4}ended by exit code 3\n {4}stderr:\n {4}\| first\n {4}\| last words\nh1 A2 skipped {2}line of A2 is there\n {4}A1 before it ended as failed\n/);
  expect(out).toContain('Next: Mend the cause named above');
});

test('stop from another terminal: the step in hand is finished, the rest skipped, exit code 130', async () => {
  site.plan([{ id: 'A1', args: { text: 'a', waits: true } }, { id: 'A2', args: { text: 'b' } }]);
  const running = run('r1');
  await expect.poll(() => held.has('a')).toBe(true);
  // The other terminal has its own process in life; here only the agent is told, over the same call.
  expect(await agent.link().call('Stop', { runId: 'r1', reason: 'tea' })).toMatchObject({ stepInHand: 'A1', skipped: 1 });
  held.get('a')?.();
  const { code, out } = await running;
  expect(code).toBe(130);
  expect(effects).toEqual(['a']);
  expect(out).toContain('Run r1 of site lab: stopped: tea (by ops)');
  expect(out).toMatch(/A2 +skipped +line of A2 is there\n +stopped: tea \(by ops\)/);
  expect(await site.tandem('stop', 'r1')).toMatchObject({ code: 0, out: 'h1: nothing in hand, 0 more skipped' });
});

test('an event that this version does not know fails its host, not the program', async () => {
  site.plan([{ id: 'A1', args: { text: 'a', waits: true } }]);
  const log = agent.dispatcher.run('r1'), follow = log.follow.bind(log);
  // The agent is of tomorrow for this one kind only.
  log.follow = (onEvent, onHalt) => follow((event) => { onEvent(event.kind === 'progress' ? { ...event, kind: 'of tomorrow' } as unknown as Event : event); }, onHalt);
  const running = run('r1');
  await expect.poll(() => held.has('a')).toBe(true);
  log.record([...log.commands.keys()][0] ?? '', 'A1', { kind: 'progress', text: '' });
  const { code, out } = await running;
  held.get('a')?.();
  expect(code).toBe(3);
  expect(out).toContain('h1: h1: sent what this version does not understand');
});

test('Ctrl-C: the step in hand is finished, the rest skipped, exit code 130', async () => {
  site.plan([{ id: 'A1', args: { text: 'a', waits: true } }, { id: 'A2', args: { text: 'b' } }]);
  const running = run('r1');
  await expect.poll(() => held.has('a')).toBe(true);
  process.emit('SIGINT', 'SIGINT');
  await expect.poll(() => agent.dispatcher.run('r1').stopped).toBeDefined();
  held.get('a')?.();
  const { code, out, err } = await running;
  expect(code).toBe(130);
  expect(effects).toEqual(['a']);
  expect(err).toContain('Stopping: each host finishes the step in hand');
  expect(out).toContain('stopped: Ctrl-C');
  expect((await run('r2')).code).toBe(0); // the host was given back
});

test('Ctrl-C twice lets go at once and says how to look again; status asks the host; the lease keeps others out', async () => {
  site.plan([{ id: 'A1', args: { text: 'a', waits: true } }, { id: 'A2', args: { text: 'b' } }]);
  const running = run('r1');
  await expect.poll(() => held.has('a')).toBe(true);
  process.emit('SIGINT', 'SIGINT');
  await expect.poll(() => agent.dispatcher.run('r1').stopped).toBeDefined();
  process.emit('SIGINT', 'SIGINT');
  const { code, out, err } = await running;
  expect(code).toBe(130);
  expect(err).toContain('Detached: the hosts finish the step in hand by themselves. To look again: tandem status r1');
  expect(out).toContain('Run r1 of site lab: not ended');
  expect((await site.tandem('status', 'r1')).out).toContain('in hand: A1 line of A1 is there');
  held.get('a')?.();
  await expect.poll(() => agent.dispatcher.busy).toBe(false);
  expect((await site.tandem('status', 'r1')).out).toContain('h1: 1 changed, 1 skipped');
  const other = await run('r2');
  expect(other.code).toBe(9);
  expect(other.err).toMatch(/h1 is held by run r1 of .*\nNext: wait for it, or: tandem stop r1. Where its coordinator has died: tandem status r1 says how to go on/);
  expect((await site.tandem('runs')).out).not.toContain('r2');
});

test('a host that another run holds: exit code 9, nothing is done', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  await agent.link().call('AcquireLease', { runId: 'other', owner: 'bob', ttlS: 60 });
  const { code, err } = await run('r1');
  expect(code).toBe(9);
  expect(err).toContain('h1 is held by run other of bob');
  expect(effects).toEqual([]);
});

test('a lease whose coordinator has gone is taken over only when asked for', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  await agent.close();
  const past = { run: 'other', owner: 'bob', fence: 4, expiresMs: Date.now() - 1000 };
  writeFileSync(join(agent.state, 'lease.json'), JSON.stringify(past));
  agent = await startAgent([lineAdded], 'h1', agent.state);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  const refused = await run('r1');
  expect(refused.code).toBe(9);
  expect(refused.err).toContain('h1 is held by run other of bob, whose coordinator has gone\nNext: tandem resume other goes on with that run, where it was begun; tandem status other shows how far it is. The same command with --take-over takes the host.');
  expect((await run('r1', '--take-over')).code).toBe(0);
  expect(effects).toEqual(['a']);
});

test('a coordinator that died before the first line of its run: nothing was sent, and the same run is begun', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  mkdirSync(join(site.folder, 'state/runs/r1'), { recursive: true });
  writeFileSync(join(site.folder, 'state/runs/r1/journal.jsonl'), '{"n":1,"pr');
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 2, err: expect.stringContaining('run r1, which never began: its coordinator died before anything was sent, expected one that did; tandem run --run-id r1 begins this one') as string });
  expect((await run('r1')).code).toBe(0);
  expect(effects).toEqual(['a']);
  expect((await run('r1')).code).toBe(2);
});

test('a run that is done gives back a host that it still holds, and no other', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  await run('r1');
  const path = join(agent.state, 'lease.json'), heldBy = async (holder: string): Promise<void> => {
    writeFileSync(path, JSON.stringify({ run: holder, owner: `${userInfo().username}@${hostname()}`, fence: 7, expiresMs: Date.now() + 60_000 }));
    agent = await agent.restart();
  };
  await heldBy('r1'); // as after a release that was lost
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 0, err: 'h1 was still held by this run and is free now.' });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ run: '', fence: 7 });
  await heldBy('r2');
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ run: 'r2', fence: 7 });
  await agent.close();
  expect(await site.tandem('resume', 'r1')).toMatchObject({ code: 5, err: expect.stringContaining('Whether this run still holds h1 cannot be told') as string });
});

test('a host that cannot be reached: exit code 5, before anything is done', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  const { port } = agent;
  await agent.close();
  const { code, err } = await run('r1');
  expect(code).toBe(5);
  expect(err).toContain(`h1 cannot be reached: connect ECONNREFUSED 127.0.0.1:${String(port)}\nNext: tandem hosts shows which hosts answer.`);
  expect(await site.tandem('hosts')).toMatchObject({ code: 5, out: expect.stringMatching(/h1 +controller +127\.0\.0\.1:\d+ +no/) as string });
});

test('an observer may look and may not run', async () => {
  site.remove();
  site = siteHere(agent.port);
  site.pki('observer', agent.identity('observer'));
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  expect(await site.tandem('hosts')).toMatchObject({ code: 0, out: expect.stringMatching(/h1 .* yes +ok/) as string });
  expect(await site.tandem('facts', 'h1')).toMatchObject({ code: 0, out: 'h1:\n  host: h1' });
  expect(await site.tandem('health')).toMatchObject({ code: 0, out: expect.stringMatching(/h1 +disks +critical +full/) as string });
  const { code, err } = await run('r1');
  expect(code).toBe(2);
  expect(err).toBe(`${site.folder}/pki/observer.crt:1:1: found the certificate of observer eye, expected one of role operator`);
});

test('a certificate of another authority is refused before a host is dialled', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  const { ca } = agent.identity('operator');
  site.pki('operator', { ...agent.identity('stranger'), ca });
  const { code, err } = await run('r1');
  expect(code).toBe(2);
  expect(err).toBe(`${site.folder}/pki/operator.crt:1:1: found a certificate that ${site.folder}/pki/ca.crt has not signed, expected one of the site's own authority`);
});

test('a plan is refused when what it rests on has changed, when it was tampered with, and when the agents have another catalogue', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }], { inputs: [{ path: 'site.yaml', sha256: 'x' }, { path: 'captured/h1.json', sha256: 'y' }] });
  expect(await run('r1')).toMatchObject({ code: 2, err: `${planFile()}:1:1: found a plan that no longer fits: site.yaml has changed since it was made, expected a new one: tandem plan\n${planFile()}:1:1: found a plan that no longer fits: captured/h1.json is gone since it was made, expected a new one: tandem plan` });
  site.plan([{ id: 'A1', args: { text: 'a' } }]);
  writeFileSync(planFile(), readFileSync(planFile(), 'utf8').replace('"text":"a"', '"text":"b"'));
  expect(await run('r1')).toMatchObject({ code: 2, err: `${planFile()}:1:1: found a plan that was changed after it was made (its digest does not fit), expected a plan as \`tandem plan\` writes it` });
  site.plan([{ id: 'A1', args: { text: 'a' } }], { catalogueDigest: 'older' });
  expect(await run('r1')).toMatchObject({ code: 3, err: expect.stringContaining('h1: agent 0 has another catalogue than this plan was made with') as string });
  expect(effects).toEqual([]);
  expect(existsSync(join(site.folder, 'state/runs'))).toBe(false);
});

test('a secret of the coordinator is sent to its step and kept nowhere; one that is missing stops everything before it starts', async () => {
  site.plan([{ id: 'A1', args: { text: 'a', secret: 'coordinator-file:secrets.txt' } }]);
  expect(await run('r1')).toMatchObject({ code: 2, err: `${site.folder}/secrets.txt:1:1: found no file, expected a file with the secret that A1 on h1 needs` });
  expect(effects).toEqual([]);
  writeFileSync(join(site.folder, 'secrets.txt'), 'planted-s3cret\n', { mode: 0o600 });
  const { code, out, err } = await run('r1');
  expect(code).toBe(0);
  expect(effects).toEqual(['planted-s3cret', 'a']);
  const kept = [join(site.folder, 'state'), agent.state].flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')));
  expect(kept.length).toBeGreaterThan(2);
  for (const text of [out, err, ...kept]) expect(text).not.toContain('planted-s3cret');
});
