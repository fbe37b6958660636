import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { toPrune } from '../../coordinator/commands/runs-prune.ts';
import type { RunReport } from '../../coordinator/report/schema.ts';
import { StepError } from '../../proto/errors.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

let effects: string[], agent: AgentHere, site: SiteHere;

const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '',
  args: z.strictObject({ text: z.string(), fails: z.boolean().optional() }),
  check: (_probe, { text }) => Promise.resolve(finding({}, effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }])),
  apply(_host, { text, fails }) {
    if (fails === true) return Promise.reject(new StepError('command_failed', 'it broke'));
    effects.push(text);
    return Promise.resolve();
  },
});
const planFile = (): string => join(site.folder, 'plan.json');
const run = async (id: string, code: number = 0): Promise<void> => { expect((await site.tandem('run', '--plan', planFile(), '--run-id', id)).code).toBe(code); };
const folder = (id: string): string => join(site.folder, 'state/runs', id);
const report = async (id: string): Promise<RunReport> => JSON.parse((await site.tandem('report', id, '--format', 'json')).out) as RunReport;
const results = ({ hosts, counts, planDigest, mode, exitCode }: RunReport): object => ({ counts, planDigest, mode, exitCode, steps: hosts.flatMap(({ steps }) => steps) });

beforeEach(async () => {
  effects = [];
  agent = await startAgent([lineAdded]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
  site.plan([{ id: 'A1', args: { text: 'a' } }, { id: 'A2', args: { text: 'b' } }]);
});
afterEach(async () => { site.remove(); await agent.remove(); });

test('runs are listed here and on the hosts', async () => {
  await run('r1');
  rmSync(folder('r1'), { recursive: true });
  await run('r2');
  expect((await site.tandem('runs')).out).toMatch(/^r2 +lab .* 2 unchanged +done$/m);
  expect(JSON.parse((await site.tandem('runs', 'list', '--json')).out)).toMatchObject([{ run: 'r2', exitCode: 0 }]);
  const { out, code } = await site.tandem('runs', '--on-hosts');
  expect(code).toBe(0);
  expect(out).toMatch(/^h1 +r1 .* no +nothing left to do$/m);
  expect(out).toMatch(/^h1 +r2 .* yes +nothing left to do$/m);
  await agent.close();
  expect(await site.tandem('runs', '--on-hosts', '--json')).toMatchObject({ code: 5, out: expect.stringContaining('h1 cannot be reached') as string });
});

test('one damaged run is told with what to do, and hides no other', async () => {
  await run('r1');
  await run('r2');
  writeFileSync(join(folder('r1'), 'journal.jsonl'), readFileSync(join(folder('r1'), 'journal.jsonl'), 'utf8').replace('"r1"', '"rX"'));
  const { out, err, code } = await site.tandem('runs');
  expect(code).toBe(0);
  expect(out).toMatch(/^r2 /m);
  expect(err).toMatch(/run r1 is damaged: .*journal\.jsonl:1: .*\nNext: tandem runs rebuild r1/);
  expect(await site.tandem('report', 'r1')).toMatchObject({ code: 2, err: expect.stringMatching(/run r1, which is damaged: .*tandem runs rebuild r1/) as string });
  expect((await site.tandem('report')).code).toBe(0);
});

test('prune: what it would remove is said; only with --yes where nobody can be asked; never the newest', async () => {
  for (const id of ['r1', 'r2', 'r3']) await run(id);
  expect(await site.tandem('runs', 'prune')).toMatchObject({ code: 2, err: expect.stringContaining('neither --keep nor --older-than') as string });
  const asked = await site.tandem('runs', 'prune', '--keep', '2');
  expect(asked).toMatchObject({ code: 2, out: expect.stringMatching(/^r1 +lab/m) as string, err: expect.stringContaining('nobody who could be asked, expected --yes') as string });
  expect(asked.out).not.toMatch(/^r2/m);
  expect(await site.tandem('runs', 'prune', '--keep', '2', '--yes')).toMatchObject({ code: 0, err: 'Removed 1 of 1 runs.' });
  expect(readdirSync(join(site.folder, 'state/runs'))).toEqual(['r2', 'r3']);
  expect(readdirSync(join(agent.state, 'runs')), 'the host keeps its own').toEqual(['r1', 'r2', 'r3']);
  expect(await site.tandem('runs', 'prune', '--older-than', '0', '--yes')).toMatchObject({ code: 0, err: 'Removed 1 of 1 runs.' });
  expect(await site.tandem('runs', 'prune', '--older-than', '0', '--yes')).toMatchObject({ code: 0, err: 'Nothing to remove.' });
  expect((await site.tandem('runs')).out).toMatch(/^r3 /m);
});

test('prune on the hosts: they go first; a host that refuses or is away keeps the run here, so that it can be asked again', async () => {
  for (const id of ['r1', 'r2']) await run(id);
  await agent.link().call('AcquireLease', { runId: 'r1', owner: 'ann', ttlS: 60 });
  const refused = await site.tandem('runs', 'prune', '--keep', '1', '--hosts', '--yes');
  expect(refused).toMatchObject({ code: 3, err: 'kept: r1: h1: run r1 holds this host\nRemoved 0 of 1 runs. Next: mend what is named above, then the same command again.' });
  expect(existsSync(folder('r1'))).toBe(true);
  await agent.link().call('ReleaseLease', { runId: 'r1', fence: 3 });
  expect(await site.tandem('runs', 'prune', '--keep', '1', '--hosts', '--yes')).toMatchObject({ code: 0, err: 'Removed 1 of 1 runs.' });
  expect(readdirSync(join(agent.state, 'runs'))).toEqual(['r2']);
  expect(readdirSync(join(site.folder, 'state/runs'))).toEqual(['r2']);
  await run('r3');
  await agent.close();
  expect(await site.tandem('runs', 'prune', '--keep', '1', '--hosts', '--yes')).toMatchObject({ code: 5, err: expect.stringMatching(/^kept: r2: h1 cannot be reached/) as string });
  expect(existsSync(folder('r2'))).toBe(true);
});

test('prune counts by site, and leaves a run without an end', () => {
  const made = (run: string, ofSite: string, beganMs: number, endedMs: number | null): RunReport => ({ run, site: ofSite, beganMs, endedMs }) as RunReport;
  const all = [made('a1', 'a', 1, 1), made('a2', 'a', 2, null), made('a3', 'a', 3, 3), made('b1', 'b', 1, 1), made('a4', 'a', 4, 4)];
  const ids = (rule: Parameters<typeof toPrune>[1], nowMs: number): object => { const { remove, openEnded } = toPrune(all, rule, nowMs); return { remove: remove.map(({ run: id }) => id), openEnded: openEnded.map(({ run: id }) => id) }; };
  expect(ids({ keep: 1 }, 5)).toEqual({ remove: ['a1', 'a3'], openEnded: ['a2'] });
  expect(ids({ keep: 3 }, 5)).toEqual({ remove: ['a1'], openEnded: [] });
  expect(ids({ olderThan: 1 }, 86_400_000 + 2)).toEqual({ remove: ['a1'], openEnded: [] });
  expect(ids({ olderThan: 0 }, 1e12)).toEqual({ remove: ['a1', 'a3'], openEnded: ['a2'] });
});

test('a lost folder is rebuilt from the hosts: the report has the same results', async () => {
  await run('r1');
  const before = await report('r1');
  expect(await site.tandem('runs', 'rebuild', 'r1')).toMatchObject({ code: 2, err: expect.stringContaining('run r1, which is here and whole') as string });
  rmSync(folder('r1'), { recursive: true });
  expect((await site.tandem('report', 'r1')).code).toBe(2);
  const rebuilt = await site.tandem('runs', 'rebuild', 'r1', '--plan', planFile());
  expect(rebuilt).toMatchObject({ code: 0, out: expect.stringMatching(/^Rebuilt run r1 from \d+ events of h1\.$/) as string });
  const after = await report('r1');
  expect(results(after)).toEqual(results(before));
  expect(after.by).toMatch(/^rebuilt by /);
  expect(after.notes).toEqual([expect.stringMatching(/^rebuilt by .* from the journals of h1; notes, persons' words/)]);
});

test('a run that failed is rebuilt without an end, and can be gone on with', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' } }, { id: 'A2', args: { text: 'b', fails: true } }, { id: 'A3', args: { text: 'c' } }]);
  await run('r1', 3);
  const before = await report('r1');
  rmSync(folder('r1'), { recursive: true });
  const { err } = await site.tandem('runs', 'rebuild', 'r1', '--plan', planFile());
  expect(err).toContain('Next: tandem report r1; tandem resume r1 goes on with it');
  const after = await report('r1');
  expect({ ...results(after), exitCode: 3 }).toEqual(results(before));
  expect(after.exitCode).toBeNull();
  effects.push('b'); // mended by hand
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects, 'what was done before is not done again').toEqual(['a', 'b', 'c']);
});

test('a corrupted journal: what was there is kept aside, its own plan is used', async () => {
  await run('r1');
  const before = await report('r1'), path = join(folder('r1'), 'journal.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"A1"', '"A9"'));
  const { code, err } = await site.tandem('runs', 'rebuild', 'r1');
  expect(code).toBe(0);
  expect(err).toContain(`What was there is kept as ${folder('r1')}.damaged-1.`);
  expect(existsSync(`${folder('r1')}.damaged-1/journal.jsonl`)).toBe(true);
  expect(results(await report('r1'))).toEqual(results(before));
  expect((await site.tandem('runs')).err).toBe('');
});

test('a plan that the hosts did not work by is refused, and nothing is written', async () => {
  await run('r1');
  rmSync(folder('r1'), { recursive: true });
  site.plan([{ id: 'A1', args: { text: 'a' } }, { id: 'A2', args: { text: 'other' } }]);
  expect(await site.tandem('runs', 'rebuild', 'r1', '--plan', planFile())).toMatchObject({ code: 2, err: expect.stringMatching(/a plan [0-9a-f]{12} that the commands of run r1 on h1 were made from \(0 of 2 were\), expected the plan of this run/) as string });
  expect(await site.tandem('runs', 'rebuild', 'r1')).toMatchObject({ code: 2, err: expect.stringContaining('found no plan') as string });
  expect(await site.tandem('runs', 'rebuild', 'r9')).toMatchObject({ code: 2, err: expect.stringContaining('run r9, which no host knows') as string });
  expect(existsSync(folder('r1'))).toBe(false);
});

test('a host that cannot be asked: refused, unless it is left out by name, and that is told', async () => {
  await run('r1');
  const { planDigest } = await report('r1');
  rmSync(folder('r1'), { recursive: true });
  const siteFile = join(site.folder, 'site.yaml');
  writeFileSync(siteFile, `${readFileSync(siteFile, 'utf8')}  h2: {role: compute, address: 127.0.0.1, port: 1, fqdn: h2.example.test}\n`);
  const refused = await site.tandem('runs', 'rebuild', 'r1', '--plan', planFile(), '--patience', '0');
  expect(refused).toMatchObject({ code: 5, err: expect.stringMatching(/h2 cannot be reached: .*\nNext: mend that, or leave the host out, and what it did unknown: --without h2/) as string });
  expect(existsSync(folder('r1'))).toBe(false);
  expect(await site.tandem('runs', 'rebuild', 'r1', '--plan', planFile(), '--without', 'h3', '--without', 'h2')).toMatchObject({ code: 2, err: expect.stringContaining('no host "h3"') as string });
  const { code, out } = await site.tandem('runs', 'rebuild', 'r1', '--plan', planFile(), '--without', 'h2');
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('without h2: what was done there is not known') as string });
  const after = await report('r1');
  expect(after.planDigest).toBe(planDigest);
  expect(after.notes[0]).toContain('without h2: what was done there is not known');
});
