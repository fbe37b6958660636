import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation } from '../../agent/operations/operation.ts';
import type { Ask } from '../../coordinator/gatekeeper.ts';
import { waitingSteps } from '../../coordinator/gates.ts';
import type { RunSettings } from '../../coordinator/hosts.ts';
import { digestOf, type Plan, type PlanStage, type PlanStep } from '../../coordinator/plan-format.ts';
import { reportOf } from '../../coordinator/report/model.ts';
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
async function attempt(plan: Plan, more: Partial<RunSettings> & { ask?: Ask } = {}): Promise<number> {
  const links = new Map(agents.map((agent, at) => [HOSTS[at] ?? '', agent.link()]));
  const settings = { run: 'r1', mode: 'apply' as const, by: 'ann', subject: 'ops', own: (agents[0] as AgentHere).identity('operator'), patienceS: 1, takeOver: false, readSecret: () => '', ...more };
  return await new Run(plan, settings, links, { append: (record) => { records.push(record); }, head: () => ({ n: 0, hash: '' }), close: () => undefined }, { onStage: () => undefined, onEvent: () => undefined, onNote: () => undefined }, [...records]).carryOut();
}
const approve = (step: string, host: string): void => { records.push({ type: 'approved', timeMs: 0, host, step, by: 'ann', subject: 'ops', reason: 'x' }); };
const notes = (): string[] => records.flatMap((record) => (record.type === 'note' && !record.text.includes('witnessed') && !record.text.includes('not taken') ? [`${record.host}: ${record.text}`] : []));

test('one host waits at its gate: the others go on with what needs nothing of it, and no further', async () => {
  const plan = planOf(stage('a', [on('h1', 'A1', { id: 'A2', gate: 'why' }, 'A3'), on('h2', 'A1')]), stage('b', [on('h2', 'B1', { id: 'B2', after: ['A3@h1'] }, 'B3'), on('h3', 'B1', { id: 'B2', needs: ['A1@h1'] })]));
  expect(await attempt(plan)).toBe(8);
  expect([...done].sort()).toEqual(['A1@h1', 'A1@h2', 'B1@h2', 'B1@h3', 'B2@h3']);
  expect(notes()).toContain('h2: B2 not started: it needs A3@h1');
  expect(records.at(-1 - records.slice().reverse().findIndex(({ type }) => type === 'ended'))).toMatchObject({ exitCode: 8, reason: 'h1 waits at A2, h2 held before B2' });
  expect(waitingSteps(plan, records).map(({ host, step }) => `${step.id}@${host}`)).toEqual(['A2@h1']);
  approve('A2', 'h1');
  expect(await attempt(plan)).toBe(0);
  expect(done.slice(5)).toEqual(['A2@h1', 'A3@h1', 'B2@h2', 'B3@h2']);
});

test('a gate behind a need that is not met is not asked yet', async () => {
  const plan = planOf(stage('a', [on('h1', { id: 'A1', gate: 'why' })]), stage('b', [on('h2', { id: 'B1', gate: 'why', after: ['A1@h1'] })]));
  expect(await attempt(plan)).toBe(8);
  expect(waitingSteps(plan, records).map(({ host }) => host)).toEqual(['h1']);
  approve('A1', 'h1');
  expect(await attempt(plan)).toBe(8);
  expect(waitingSteps(plan, records).map(({ host }) => host)).toEqual(['h2']);
});

test.each([['serial', { strategy: 'serial' as const }, ['A1@h1']], ['limit 2', { limit: 2 }, ['A1@h1', 'A1@h2', 'A2@h2', 'A1@h3', 'A2@h3']]])('a host that waits keeps its place in its stage: %s', async (_name, more, expected) => {
  const plan = planOf(stage('a', [on('h1', 'A1', { id: 'A2', gate: 'why' }), on('h2', 'A1', 'A2'), on('h3', 'A1', 'A2')], more), stage('b', [on('h2', 'B1'), on('h3', 'B1')]));
  expect(await attempt(plan)).toBe(8);
  expect(done.filter((key) => key.startsWith('A')).sort()).toEqual([...expected].sort());
  // A host that has not ended an earlier stage takes up no later one.
  expect(done.filter((key) => key.startsWith('B'))).toEqual(expected.length === 1 ? [] : ['B1@h2', 'B1@h3']);
  approve('A2', 'h1');
  expect(await attempt(plan)).toBe(0);
  expect(done).toHaveLength(8);
});

test('words are asked one at a time; what was said is on record before its step is sent; a no waits', async () => {
  const plan = planOf(stage('a', HOSTS.map((host) => on(host, { id: 'A1', gate: 'why' }))));
  let asking = 0, most = 0;
  const ask: Ask = async ({ host }) => {
    most = Math.max(most, asking += 1);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    asking -= 1;
    return host === 'h2' ? undefined : { by: 'bob', reason: 'yes' };
  };
  expect(await attempt(plan, { ask })).toBe(8);
  expect(most).toBe(1);
  expect([...done].sort()).toEqual(['A1@h1', 'A1@h3']);
  const at = (test: (record: RunRecord) => boolean): number => records.findIndex(test);
  expect(at((record) => record.type === 'approved' && record.host === 'h1' && record.by === 'bob' && record.subject === 'ops')).toBeLessThan(at((record) => record.type === 'event' && record.host === 'h1'));
  expect(reportOf('r1', plan, records).hosts.map(({ steps }) => steps[0]?.result)).toEqual(['changed', 'waiting', 'changed']);
});

test('--until ends before the stage of that checkpoint, with exit code 0, and a resume goes on', async () => {
  const plan = planOf(stage('a', [on('h1', 'A1')]), stage('b', [on('h1', 'B1')], { checkpoint: 'second' }), stage('c', [on('h1', 'C1')], { checkpoint: 'third' }));
  expect(await attempt(plan, { until: 'second' })).toBe(0);
  expect(done).toEqual(['A1@h1']);
  expect(reportOf('r1', plan, records)).toMatchObject({ exitCode: 0, until: 'second', reason: 'until second' });
  // The hosts were given back.
  expect(await (agents[0] as AgentHere).link().call('AcquireLease', { runId: 'r2', owner: 'bob', ttlS: 5 })).toMatchObject({ granted: true });
  (agents[0] as AgentHere).lapse();
  expect(await attempt(plan, { until: 'third', takeOver: true })).toBe(0);
  expect(await attempt(plan)).toBe(0);
  expect(done).toEqual(['A1@h1', 'B1@h1', 'C1@h1']);
  expect(reportOf('r1', plan, records)).toMatchObject({ exitCode: 0, until: null, reason: '' });
});

test('--hosts: only these are worked on, the others may be off; what needs the others does not start, and then the exit code is 8', async () => {
  const plan = planOf(stage('a', [on('h1', 'A1')]), stage('n', [on('h2', { id: 'N0', after: ['A1@h1'] }, 'N1'), on('h3', { id: 'N0', after: ['A1@h1'] }, 'N1')], { strategy: 'serial' }), stage('u', [on('h1', { id: 'U1', after: ['N1@h2', 'N1@h3'] })]));
  await (agents[2] as AgentHere).close();
  expect(await attempt(plan, { only: ['h2'] })).toBe(8);
  expect(done).toEqual([]);
  expect(await attempt(plan, { only: ['h1', 'h2'] })).toBe(8);
  expect(done).toEqual(['A1@h1', 'N0@h2', 'N1@h2']);
  expect(await attempt(plan, { only: ['h2'] })).toBe(0);
  expect(reportOf('r1', plan, records)).toMatchObject({ exitCode: 0, only: ['h2'], reason: 'only h2' });
  agents[2] = await (agents[2] as AgentHere).restart();
  expect(await attempt(plan, { only: ['h3'] })).toBe(0);
  expect(done).not.toContain('U1@h1');
  expect(await attempt(plan)).toBe(0);
  expect(done).toEqual(['A1@h1', 'N0@h2', 'N1@h2', 'N0@h3', 'N1@h3', 'U1@h1']);
});

const turn = (target: string, more: Partial<PlanStep> = {}): PlanStage[] => [
  stage(`drain-${target}`, [on('h1', `N0.${target}`)], { phase: 'computes', target }),
  stage(`new-${target}`, [on(target, { id: 'N5b', ...more }, 'N6')], { phase: 'computes', target }),
  stage(`back-${target}`, [on('h1', { id: `N26.${target}`, after: [`N6@${target}`] })], { phase: 'computes', target }),
];

test('the turn of a host that waits keeps its phase: no other host is taken out of service meanwhile', async () => {
  const plan = planOf(...turn('h2', { gate: 'why' }), ...turn('h3'), stage('u', [on('h1', { id: 'U1', after: ['N26.h2@h1', 'N26.h3@h1'] })]));
  expect(await attempt(plan)).toBe(8);
  expect(done).toEqual(['N0.h2@h1']);
  approve('N5b', 'h2');
  expect(await attempt(plan)).toBe(0);
  expect(done).toEqual(['N0.h2@h1', 'N5b@h2', 'N6@h2', 'N26.h2@h1', 'N0.h3@h1', 'N5b@h3', 'N6@h3', 'N26.h3@h1', 'U1@h1']);
});

test('--hosts with a host that has turns: the whole turn is carried out, with what other hosts do in it', async () => {
  const plan = planOf(...turn('h2'), ...turn('h3'), stage('u', [on('h1', { id: 'U1', after: ['N26.h2@h1', 'N26.h3@h1'] })]));
  await (agents[1] as AgentHere).close();
  expect(await attempt(plan, { only: ['h3'] })).toBe(0);
  expect(done).toEqual(['N0.h3@h1', 'N5b@h3', 'N6@h3', 'N26.h3@h1']);
  agents[1] = await (agents[1] as AgentHere).restart();
  expect(await attempt(plan)).toBe(0);
  expect(done.slice(4)).toEqual(['N0.h2@h1', 'N5b@h2', 'N6@h2', 'N26.h2@h1', 'U1@h1']);
});
