import { expect, test } from 'vitest';
import type { Ask } from '../../coordinator/gatekeeper.ts';
import { waitingSteps } from '../../coordinator/gates.ts';
import type { PlanStage, PlanStep } from '../../coordinator/plan-format.ts';
import { reportOf } from '../../coordinator/report/model.ts';
import type { RunRecord } from '../../coordinator/store/runstore.ts';
import type { AgentHere } from './agent-here.ts';
import { HOSTS, MarkedHosts, on, stage } from './marked-hosts.ts';

const cloud = new MarkedHosts();
const approve = (step: string, host: string): void => { cloud.records.push({ type: 'approved', timeMs: 0, host, step, by: 'ann', subject: 'ops', reason: 'x' }); };

test('one host waits at its gate: the others go on with what needs nothing of it, and no further', async () => {
  const plan = cloud.plan(stage('a', [on('h1', 'A1', { id: 'A2', gate: 'why' }, 'A3'), on('h2', 'A1')]), stage('b', [on('h2', 'B1', { id: 'B2', after: ['A3@h1'] }, 'B3'), on('h3', 'B1', { id: 'B2', needs: ['A1@h1'] })]));
  expect(await cloud.attempt(plan)).toBe(8);
  expect([...cloud.done].sort()).toEqual(['A1@h1', 'A1@h2', 'B1@h2', 'B1@h3', 'B2@h3']);
  expect(cloud.notes()).toContain('h2: B2 not started: it needs A3@h1');
  expect(cloud.records.at(-1 - cloud.records.slice().reverse().findIndex(({ type }) => type === 'ended'))).toMatchObject({ exitCode: 8, reason: 'h1 waits at A2, h2 held before B2' });
  expect(waitingSteps(plan, cloud.records).map(({ host, step }) => `${step.id}@${host}`)).toEqual(['A2@h1']);
  approve('A2', 'h1');
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done.slice(5)).toEqual(['A2@h1', 'A3@h1', 'B2@h2', 'B3@h2']);
});

test('a gate behind a need that is not met is not asked yet', async () => {
  const plan = cloud.plan(stage('a', [on('h1', { id: 'A1', gate: 'why' })]), stage('b', [on('h2', { id: 'B1', gate: 'why', after: ['A1@h1'] })]));
  expect(await cloud.attempt(plan)).toBe(8);
  expect(waitingSteps(plan, cloud.records).map(({ host }) => host)).toEqual(['h1']);
  approve('A1', 'h1');
  expect(await cloud.attempt(plan)).toBe(8);
  expect(waitingSteps(plan, cloud.records).map(({ host }) => host)).toEqual(['h2']);
});

test.each([['serial', { strategy: 'serial' as const }, ['A1@h1']], ['limit 2', { limit: 2 }, ['A1@h1', 'A1@h2', 'A2@h2', 'A1@h3', 'A2@h3']]])('a host that waits keeps its place in its stage: %s', async (_name, more, expected) => {
  const plan = cloud.plan(stage('a', [on('h1', 'A1', { id: 'A2', gate: 'why' }), on('h2', 'A1', 'A2'), on('h3', 'A1', 'A2')], more), stage('b', [on('h2', 'B1'), on('h3', 'B1')]));
  expect(await cloud.attempt(plan)).toBe(8);
  expect(cloud.done.filter((key) => key.startsWith('A')).sort()).toEqual([...expected].sort());
  // A host that has not ended an earlier stage takes up no later one.
  expect(cloud.done.filter((key) => key.startsWith('B'))).toEqual(expected.length === 1 ? [] : ['B1@h2', 'B1@h3']);
  approve('A2', 'h1');
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done).toHaveLength(8);
});

test('words are asked one at a time; what was said is on record before its step is sent; a no waits', async () => {
  const plan = cloud.plan(stage('a', HOSTS.map((host) => on(host, { id: 'A1', gate: 'why' }))));
  let asking = 0, most = 0;
  const ask: Ask = async ({ host }) => {
    most = Math.max(most, asking += 1);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    asking -= 1;
    return host === 'h2' ? undefined : { by: 'bob', reason: 'yes' };
  };
  expect(await cloud.attempt(plan, { ask })).toBe(8);
  expect(most).toBe(1);
  expect([...cloud.done].sort()).toEqual(['A1@h1', 'A1@h3']);
  const at = (test: (record: RunRecord) => boolean): number => cloud.records.findIndex(test);
  expect(at((record) => record.type === 'approved' && record.host === 'h1' && record.by === 'bob' && record.subject === 'ops')).toBeLessThan(at((record) => record.type === 'event' && record.host === 'h1'));
  expect(reportOf('r1', plan, cloud.records).hosts.map(({ steps }) => steps[0]?.result)).toEqual(['changed', 'waiting', 'changed']);
});

test('--until ends before the stage of that checkpoint, with exit code 0, and a resume goes on', async () => {
  const plan = cloud.plan(stage('a', [on('h1', 'A1')]), stage('b', [on('h1', 'B1')], { checkpoint: 'second' }), stage('c', [on('h1', 'C1')], { checkpoint: 'third' }));
  expect(await cloud.attempt(plan, { until: 'second' })).toBe(0);
  expect(cloud.done).toEqual(['A1@h1']);
  expect(reportOf('r1', plan, cloud.records)).toMatchObject({ exitCode: 0, until: 'second', reason: 'until second' });
  // The hosts were given back.
  expect(await (cloud.agents[0] as AgentHere).link().call('AcquireLease', { runId: 'r2', owner: 'bob', ttlS: 5 })).toMatchObject({ granted: true });
  (cloud.agents[0] as AgentHere).lapse();
  expect(await cloud.attempt(plan, { until: 'third', takeOver: true })).toBe(0);
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done).toEqual(['A1@h1', 'B1@h1', 'C1@h1']);
  expect(reportOf('r1', plan, cloud.records)).toMatchObject({ exitCode: 0, until: null, reason: '' });
});

test('--hosts: only these are worked on, the others may be off; what needs the others does not start, and then the exit code is 8', async () => {
  const plan = cloud.plan(stage('a', [on('h1', 'A1')]), stage('n', [on('h2', { id: 'N0', after: ['A1@h1'] }, 'N1'), on('h3', { id: 'N0', after: ['A1@h1'] }, 'N1')], { strategy: 'serial' }), stage('u', [on('h1', { id: 'U1', after: ['N1@h2', 'N1@h3'] })]));
  await (cloud.agents[2] as AgentHere).close();
  expect(await cloud.attempt(plan, { only: ['h2'] })).toBe(8);
  expect(cloud.done).toEqual([]);
  expect(await cloud.attempt(plan, { only: ['h1', 'h2'] })).toBe(8);
  expect(cloud.done).toEqual(['A1@h1', 'N0@h2', 'N1@h2']);
  expect(await cloud.attempt(plan, { only: ['h2'] })).toBe(0);
  expect(reportOf('r1', plan, cloud.records)).toMatchObject({ exitCode: 0, only: ['h2'], reason: 'only h2' });
  cloud.agents[2] = await (cloud.agents[2] as AgentHere).restart();
  expect(await cloud.attempt(plan, { only: ['h3'] })).toBe(0);
  expect(cloud.done).not.toContain('U1@h1');
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done).toEqual(['A1@h1', 'N0@h2', 'N1@h2', 'N0@h3', 'N1@h3', 'U1@h1']);
});

const turn = (target: string, more: Partial<PlanStep> = {}): PlanStage[] => [
  stage(`drain-${target}`, [on('h1', `N0.${target}`)], { phase: 'computes', target }),
  stage(`new-${target}`, [on(target, { id: 'N5b', ...more }, 'N6')], { phase: 'computes', target }),
  stage(`back-${target}`, [on('h1', { id: `N26.${target}`, after: [`N6@${target}`] })], { phase: 'computes', target }),
];

test('the turn of a host that waits keeps its phase: no other host is taken out of service meanwhile', async () => {
  const plan = cloud.plan(...turn('h2', { gate: 'why' }), ...turn('h3'), stage('u', [on('h1', { id: 'U1', after: ['N26.h2@h1', 'N26.h3@h1'] })]));
  expect(await cloud.attempt(plan)).toBe(8);
  expect(cloud.done).toEqual(['N0.h2@h1']);
  approve('N5b', 'h2');
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done).toEqual(['N0.h2@h1', 'N5b@h2', 'N6@h2', 'N26.h2@h1', 'N0.h3@h1', 'N5b@h3', 'N6@h3', 'N26.h3@h1', 'U1@h1']);
});

test('--hosts with a host that has turns: the whole turn is carried out, with what other hosts do in it', async () => {
  const plan = cloud.plan(...turn('h2'), ...turn('h3'), stage('u', [on('h1', { id: 'U1', after: ['N26.h2@h1', 'N26.h3@h1'] })]));
  await (cloud.agents[1] as AgentHere).close();
  expect(await cloud.attempt(plan, { only: ['h3'] })).toBe(0);
  expect(cloud.done).toEqual(['N0.h3@h1', 'N5b@h3', 'N6@h3', 'N26.h3@h1']);
  cloud.agents[1] = await (cloud.agents[1] as AgentHere).restart();
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done.slice(4)).toEqual(['N0.h2@h1', 'N5b@h2', 'N6@h2', 'N26.h2@h1', 'U1@h1']);
});
