import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { readJournal } from '../../proto/journal.ts';
import type { RunRecord } from '../../coordinator/store/runstore.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

let effects: string[], agent: AgentHere, site: SiteHere;
const facts = new Set<string>(), blind = new Set<string>();

const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string() }),
  check: (_probe, { text }) => Promise.resolve(finding({ there: effects.includes(text) }, effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }])),
  apply(_host, { text }) { effects.push(text); return Promise.resolve(); },
  revert(_host, { text }) { effects = effects.filter((each) => each !== text); return Promise.resolve(); },
});
const factAsserted: Operation = operation({
  name: 'fact.asserted', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string() }),
  check: (_probe, { text }) => (blind.has(text) ? Promise.reject(new Error('a fault of ours'))
    : Promise.resolve(finding({}, facts.has(text) ? [] : [{ what: 'release', found: '6', wanted: text }]))),
});
const run = async (...more: string[]): ReturnType<SiteHere['tandem']> => await site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1', ...more);
const approve = async (step: string, ...more: string[]): ReturnType<SiteHere['tandem']> => await site.tandem('approve', 'r1', step, '--by', 'ann', '--reason', 'the window is open', ...more);
const records = (): RunRecord[] => readJournal<RunRecord>(join(site.folder, 'state/runs/r1/journal.jsonl')).records;
const results = async (): Promise<string[]> => (JSON.parse((await site.tandem('report', '--format', 'json')).out) as { hosts: { steps: { id: string; result: string }[] }[] }).hosts.flatMap(({ steps }) => steps.map(({ id, result }) => `${id} ${result}`));
const GATED = [{ id: 'A1', args: { text: 'a' } }, { id: 'A2', args: { text: 'b' }, gate: 'the old side is switched off' }, { id: 'A3', args: { text: 'c' } }];

beforeEach(async () => {
  effects = [];
  facts.clear();
  blind.clear();
  agent = await startAgent([lineAdded, factAsserted]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
});
afterEach(async () => { site.remove(); await agent.remove(); });

test('a gate: what lies before it is done, the run waits with exit code 8 and says how to go on; a word lets it go on and stands in every report', async () => {
  site.plan(GATED);
  const { code, out } = await run();
  expect(code).toBe(8);
  expect(effects).toEqual(['a']);
  expect(out).toContain('Run r1 of site lab: waits for a person (h1 waits at A2)');
  expect(out).toMatch(/A2 +waiting +line of A2 is there\n +waits for approval: the old side is switched off\n/);
  expect(out).toContain('Next: tandem approve r1 A2 --by NAME --reason TEXT lets h1 go on.');
  expect(await results()).toEqual(['A1 changed', 'A2 waiting', 'A3 skipped']);
  const approved = await approve('A2');
  expect(approved.code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
  expect(approved.out).toMatch(/A2 +changed .*\n.*line: absent -> b\n +approved by ann \(certificate of ops\), \d{4}-.* UTC: the window is open\n/);
  expect((await site.tandem('report', '--format', 'junit')).out).toContain('approved by ann (certificate of ops)');
  expect(JSON.parse((await site.tandem('report', '--format', 'json')).out)).toMatchObject({ exitCode: 0, hosts: [{ steps: [{ approved: null }, { gate: 'the old side is switched off', approved: { by: 'ann', subject: 'ops', reason: 'the window is open' } }, {}] }] });
  expect(records().filter(({ type }) => type === 'approved')).toMatchObject([{ host: 'h1', step: 'A2', by: 'ann', subject: 'ops' }]);
  expect((await site.tandem('resume', 'r1')).out).toContain('is done');
});

test('resume alone does not pass a gate; a word for a step at which the run does not stand is refused', async () => {
  site.plan(GATED);
  await run();
  expect((await site.tandem('resume', 'r1')).code).toBe(8);
  expect(effects).toEqual(['a']);
  expect(await approve('A3')).toMatchObject({ code: 2, err: expect.stringContaining('step A3, which does not wait for approval, expected A2') as string });
  expect(await approve('A2', '--host', 'h9')).toMatchObject({ code: 2, err: expect.stringContaining('step A2 on h9, expected --host h1') as string });
  await approve('A2');
  expect(await approve('A2')).toMatchObject({ code: 2, err: expect.stringContaining('step A2@h1, which ann has approved already') as string });
  expect(records().filter(({ type }) => type === 'approved')).toHaveLength(1);
});

test('a word counts for one run, and until the run goes back past its step; going back needs none', async () => {
  site.plan(GATED);
  await run();
  await approve('A2');
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  expect(effects).toEqual([]);
  expect((await site.tandem('resume', 'r1')).code).toBe(8);
  expect(effects).toEqual(['a']);
  await approve('A2');
  expect(effects).toEqual(['a', 'b', 'c']);
  expect((await site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r2')).code).toBe(8);
});

test('a step that is a word alone is never sent to an agent', async () => {
  site.plan([GATED[0] as (typeof GATED)[0], { id: 'A2', args: {}, operation: '', gate: 'the drift report was read' }, { id: 'A3', args: { text: 'c' } }]);
  expect((await site.tandem('check', '--plan', join(site.folder, 'plan.json'))).code).toBe(0);
  expect((await run()).code).toBe(8);
  expect((await approve('A2')).code).toBe(0);
  expect(effects).toEqual(['a', 'c']);
  expect(await results()).toEqual(['A1 changed', 'A2 unchanged', 'A3 changed']);
  expect([...agent.dispatcher.known('r1')?.commands.values() ?? []].map(({ accepted }) => accepted.step)).toEqual(['A1', 'A3']);
});

test('a person acts, and facts are checked: until they hold the run waits and nothing has failed; a fault of ours is a failure', async () => {
  const human = 'Install RHEL 7 on the host';
  site.plan([{ id: 'A1', args: { text: '7' }, operation: 'fact.asserted', human }, { id: 'A2', args: { text: 'b' } }]);
  const { code, out } = await run();
  expect(code).toBe(8);
  expect(out).toContain('Next: A1 on h1 waits for a person: Install RHEL 7 on the host (');
  expect(out).not.toContain('FAILED');
  expect(await results()).toEqual(['A1 waiting', 'A2 skipped']);
  expect((await site.tandem('report', '--format', 'junit')).out).not.toContain('<failure');
  expect(await approve('A1')).toMatchObject({ code: 2 });
  blind.add('7');
  expect((await site.tandem('resume', 'r1')).code).toBe(3);
  blind.clear();
  facts.add('7');
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['b']);
});

test('an audit finds a gated step that was sent without a word', async () => {
  site.plan(GATED);
  await run();
  await approve('A2');
  expect((await site.tandem('audit', 'fetch', 'r1')).code).toBe(0);
  expect(await site.tandem('audit', 'verify', 'r1')).toMatchObject({ code: 0, out: expect.stringContaining('PROVEN') as string });
  const { verifyRun } = await import('../../coordinator/audit/verify.ts');
  const { lineOf, GENESIS } = await import('../../proto/journal.ts');
  let prev = GENESIS, n = 0;
  const without = records().filter(({ type }) => type !== 'approved').map((record) => { const line = lineOf(n += 1, prev, record); prev = line.hash; return line.text; }).join('');
  const { readFileSync } = await import('node:fs');
  const audit = verifyRun({ run: 'r1', plan: { file: 'plan.json', content: readFileSync(join(site.folder, 'state/runs/r1/plan.json'), 'utf8') }, journal: { file: 'j', content: Buffer.from(without) }, journals: new Map(), ca: agent.identity('operator').ca.toString() });
  expect(audit.findings.map(({ what }) => what)).toContain('step A2 was sent to h1, and no approval is on record before it, which the plan asks for');
});
