import { expect, test } from 'vitest';
import type { Plan } from '../../coordinator/plan-format.ts';
import { reportOf } from '../../coordinator/report/model.ts';
import { reportText } from '../../coordinator/report/text.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { MarkedHosts, on, stage } from './marked-hosts.ts';

const cloud = new MarkedHosts();

const ACT = { human: 'Install it anew', arrives: true as const };
/** h2 joins at N5, between what h1 does before and after it. */
const planned = (): Plan => cloud.plan(stage('a', [on('h1', 'A1')]), stage('n', [on('h2', { id: 'N5', ...ACT }, 'N6')]), stage('b', [on('h1', { id: 'B1', after: ['N6@h2'] })]));
const agent = (at: number): AgentHere => cloud.agents[at] as AgentHere;

test('a host that is not there yet: what comes before goes on, the run waits at its step, and goes on once it is there', async () => {
  const plan = planned();
  await agent(1).close();
  expect(await cloud.attempt(plan)).toBe(8);
  expect(cloud.done).toEqual(['A1@h1']);
  expect(cloud.notes()[0]).toMatch(/^h2: N5 waits for a person: Install it anew \(h2 cannot be reached: /);
  expect(cloud.records.find(({ type }) => type === 'ended')).toMatchObject({ exitCode: 8, reason: 'h2 waits at N5, h1 held before B1' });
  const report = reportOf('r1', plan, cloud.records);
  expect(report.hosts.map(({ steps }) => steps.map(({ result }) => result))).toEqual([['changed', 'skipped'], ['waiting', 'skipped'], []]);
  expect(reportText(report)).toMatch(/Next: N5 on h2 waits for a person: Install it anew \(h2 cannot be reached: .*\)\. Then: tandem resume r1/);
  cloud.agents[1] = await agent(1).restart();
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done).toEqual(['A1@h1', 'N5@h2', 'N6@h2', 'B1@h1']);
});

test('the system that stands in its place before is neither asked nor held', async () => {
  const plan = planned();
  // It is another version's agent, and in the hands of another run.
  cloud.agents[1] = await agent(1).restart('another catalogue');
  expect(await agent(1).link().call('AcquireLease', { runId: 'other', owner: 'bob', ttlS: 600 })).toMatchObject({ granted: true });
  expect(await cloud.attempt(plan, { only: ['h1'] })).toBe(8);
  expect(cloud.done).toEqual(['A1@h1']);
  expect(await cloud.attempt(plan)).toBe(3);
  expect(cloud.notes().at(-1)).toContain('h2: h2: agent 0 has another catalogue');
  cloud.agents[1] = await agent(1).restart('catalogue');
  expect(await cloud.attempt(plan)).toBe(8);
  expect(cloud.notes().findLast((note) => note.startsWith('h2'))).toBe('h2: N5 waits for a person: Install it anew (h2 is held by run other of bob)');
  expect(cloud.done).toEqual(['A1@h1']);
});

test('work of this run that its journal holds and the record does not is put there, and not done again', async () => {
  const plan = planned();
  expect(await cloud.attempt(plan)).toBe(0);
  cloud.records = cloud.records.filter((record) => !(record.type === 'event' && record.host === 'h2') && record.type !== 'witness');
  expect(await cloud.attempt(plan)).toBe(8);
  expect(cloud.notes().at(-1)).toMatch(/was not on record here and is now: tandem resume r1/);
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done).toEqual(['A1@h1', 'N5@h2', 'N6@h2', 'B1@h1']);
});

test('once it has joined it must be there, and be the same', async () => {
  const plan = cloud.plan(stage('n', [on('h2', { id: 'N5', ...ACT })]), stage('m', [on('h2', { id: 'N6', gate: 'why' })]));
  expect(await cloud.attempt(plan)).toBe(8);
  await agent(1).remove();
  await expect(cloud.attempt(plan)).rejects.toThrow('h2 cannot be reached');
  cloud.agents[1] = await startAgent([cloud.marked], 'h2');
  await expect(cloud.attempt(plan)).rejects.toThrow('its journal of run r1 is not the one this run knows');
});

test('a dry run passes over a host that is not there yet', async () => {
  const plan = planned();
  await agent(1).close();
  expect(await cloud.attempt(plan, { mode: 'check' })).toBe(0);
  expect(cloud.notes()[0]).toMatch(/^h2: not looked at, it joins the run at N5: /);
});

test('a host whose arrival an earlier run has spent must be there: nobody is asked to install it again', async () => {
  const plan = cloud.plan(stage('a', [on('h1', 'A1')]), stage('n', [on('h2', { id: 'N5', ...ACT, skip: { reason: 'the host runs the new release (N26@h1 ended well in run r0)' } }, 'N6')]));
  await agent(1).close();
  // It alone: a dial of the others that is still under way would keep their servers from closing.
  await expect(cloud.attempt(plan, { only: ['h2'] })).rejects.toThrow('h2 cannot be reached');
  expect(cloud.notes().filter((note) => note.includes('Install'))).toEqual([]);
  cloud.agents[1] = await agent(1).restart();
  expect(await cloud.attempt(plan)).toBe(0);
  expect(cloud.done).toEqual(['A1@h1', 'N6@h2']);
});
