import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation } from '../../agent/operations/operation.ts';
import type { RunSettings } from '../../coordinator/hosts.ts';
import { digestOf, type Plan, type PlanStage, type PlanStep } from '../../coordinator/plan-format.ts';
import { reportOf } from '../../coordinator/report/model.ts';
import { reportText } from '../../coordinator/report/text.ts';
import { Run } from '../../coordinator/run.ts';
import type { RunRecord } from '../../coordinator/store/runstore.ts';
import { startAgent, type AgentHere } from './agent-here.ts';

/** Steps in the order in which they were done, as `step@host`. */
let done: string[], agents: AgentHere[], records: RunRecord[];
const HOSTS = ['h1', 'h2', 'h3'];
const marked = operation({
  name: 'mark.set', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string() }),
  check: (_probe, { text }) => Promise.resolve(finding(null, done.includes(text) ? [] : [{ what: 'mark', found: 'none', wanted: text }])),
  apply(_host, { text }) { done.push(text); return Promise.resolve(); },
});
beforeEach(async () => { done = []; records = []; agents = await Promise.all(HOSTS.map(async (host) => await startAgent([marked], host))); });
afterEach(async () => { await Promise.all(agents.map((agent) => agent.remove())); });

const on = (host: string, ...steps: (string | (Partial<PlanStep> & { id: string }))[]): PlanStage['hosts'][number] => ({ host, steps: steps.map((each) => {
  const { id, ...more } = typeof each === 'string' ? { id: each } : each;
  return { id, rows: [id], title: id, operation: 'mark.set', args: { text: `${id}@${host}` }, sentence: id, timeoutS: 5, mayKill: true, changes: true, reverts: false, needs: [], ...more };
}) });
const stage = (name: string, hosts: PlanStage['hosts'], more: Partial<PlanStage> = {}): PlanStage => ({ phase: 'p', stage: name, strategy: 'parallel', maxFailures: 0, hosts, ...more });
function planOf(...stages: PlanStage[]): Plan {
  const content: Omit<Plan, 'digest'> = {
    format: 1, site: 's', runbook: { name: 'r', title: 'r', digest: 'r' }, catalogueDigest: 'catalogue', inputs: [],
    hosts: agents.map(({ port }, at) => ({ name: HOSTS[at] ?? '', role: 'plain', address: '127.0.0.1', port, fqdn: 'h.example.test' })), stages,
  };
  return { ...content, digest: digestOf(content) };
}
/** One attempt; what it puts on record stays for the next one. */
async function attempt(plan: Plan, more: Partial<RunSettings> = {}): Promise<number> {
  const links = new Map(agents.map((agent, at) => [HOSTS[at] ?? '', agent.link()]));
  const settings = { run: 'r1', mode: 'apply' as const, by: 'ann', subject: 'ops', own: (agents[0] as AgentHere).identity('operator'), patienceS: 1, takeOver: false, readSecret: () => '', ...more };
  return await new Run(plan, settings, links, { append: (record) => { records.push(record); }, head: () => ({ n: 0, hash: '' }), close: () => undefined }, { onStage: () => undefined, onEvent: () => undefined, onNote: () => undefined }, [...records]).carryOut();
}
const notes = (): string[] => records.flatMap((record) => (record.type === 'note' && !record.text.includes('witnessed') && !record.text.includes('not taken') ? [`${record.host}: ${record.text}`] : []));

const ACT = { human: 'Install it anew', arrives: true as const };
/** h2 joins at N5, between what h1 does before and after it. */
const planned = (): Plan => planOf(stage('a', [on('h1', 'A1')]), stage('n', [on('h2', { id: 'N5', ...ACT }, 'N6')]), stage('b', [on('h1', { id: 'B1', after: ['N6@h2'] })]));
const agent = (at: number): AgentHere => agents[at] as AgentHere;

test('a host that is not there yet: what comes before goes on, the run waits at its step, and goes on once it is there', async () => {
  const plan = planned();
  await agent(1).close();
  expect(await attempt(plan)).toBe(8);
  expect(done).toEqual(['A1@h1']);
  expect(notes()[0]).toMatch(/^h2: N5 waits for a person: Install it anew \(h2 cannot be reached: /);
  expect(records.find(({ type }) => type === 'ended')).toMatchObject({ exitCode: 8, reason: 'h2 waits at N5, h1 held before B1' });
  const report = reportOf('r1', plan, records);
  expect(report.hosts.map(({ steps }) => steps.map(({ result }) => result))).toEqual([['changed', 'skipped'], ['waiting', 'skipped'], []]);
  expect(reportText(report)).toMatch(/Next: N5 on h2 waits for a person: Install it anew \(h2 cannot be reached: .*\)\. Then: tandem resume r1/);
  agents[1] = await agent(1).restart();
  expect(await attempt(plan)).toBe(0);
  expect(done).toEqual(['A1@h1', 'N5@h2', 'N6@h2', 'B1@h1']);
});

test('the system that stands in its place before is neither asked nor held', async () => {
  const plan = planned();
  // It is another version's agent, and in the hands of another run.
  agents[1] = await agent(1).restart('another catalogue');
  expect(await agent(1).link().call('AcquireLease', { runId: 'other', owner: 'bob', ttlS: 600 })).toMatchObject({ granted: true });
  expect(await attempt(plan, { only: ['h1'] })).toBe(8);
  expect(done).toEqual(['A1@h1']);
  expect(await attempt(plan)).toBe(3);
  expect(notes().at(-1)).toContain('h2: h2: agent 0 has another catalogue');
  agents[1] = await agent(1).restart('catalogue');
  expect(await attempt(plan)).toBe(8);
  expect(notes().findLast((note) => note.startsWith('h2'))).toBe('h2: N5 waits for a person: Install it anew (h2 is held by run other of bob)');
  expect(done).toEqual(['A1@h1']);
});

test('work of this run that its journal holds and the record does not is put there, and not done again', async () => {
  const plan = planned();
  expect(await attempt(plan)).toBe(0);
  records = records.filter((record) => !(record.type === 'event' && record.host === 'h2') && record.type !== 'witness');
  expect(await attempt(plan)).toBe(8);
  expect(notes().at(-1)).toMatch(/was not on record here and is now: tandem resume r1/);
  expect(await attempt(plan)).toBe(0);
  expect(done).toEqual(['A1@h1', 'N5@h2', 'N6@h2', 'B1@h1']);
});

test('once it has joined it must be there, and be the same', async () => {
  const plan = planOf(stage('n', [on('h2', { id: 'N5', ...ACT })]), stage('m', [on('h2', { id: 'N6', gate: 'why' })]));
  expect(await attempt(plan)).toBe(8);
  await agent(1).remove();
  await expect(attempt(plan)).rejects.toThrow('h2 cannot be reached');
  agents[1] = await startAgent([marked], 'h2');
  await expect(attempt(plan)).rejects.toThrow('its journal of run r1 is not the one this run knows');
});

test('a dry run passes over a host that is not there yet', async () => {
  const plan = planned();
  await agent(1).close();
  expect(await attempt(plan, { mode: 'check' })).toBe(0);
  expect(notes()[0]).toMatch(/^h2: not looked at, it joins the run at N5: /);
});

test('a host whose arrival an earlier run has spent must be there: nobody is asked to install it again', async () => {
  const plan = planOf(stage('a', [on('h1', 'A1')]), stage('n', [on('h2', { id: 'N5', ...ACT, skip: { reason: 'the host runs the new release (N26@h1 ended well in run r0)' } }, 'N6')]));
  await agent(1).close();
  // It alone: a dial of the others that is still under way would keep their servers from closing.
  await expect(attempt(plan, { only: ['h2'] })).rejects.toThrow('h2 cannot be reached');
  expect(notes().filter((note) => note.includes('Install'))).toEqual([]);
  agents[1] = await agent(1).restart();
  expect(await attempt(plan)).toBe(0);
  expect(done).toEqual(['A1@h1', 'N6@h2']);
});
