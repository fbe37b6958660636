import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import type { PlanStage, PlanStep } from '../../coordinator/plan-format.ts';
import { StepError } from '../../proto/errors.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

/** Numbers by name, and each act on them. */
let values: Map<string, number>, acts: string[], agent: AgentHere, site: SiteHere;
const fails = new Set<string>(), stuck = new Set<string>();

const args = z.strictObject({ name: z.string(), to: z.int() });
const look = ({ name, to }: z.infer<typeof args>) => Promise.resolve(finding({ value: values.get(name) ?? 0 }, values.get(name) === to ? [] : [{ what: name, found: String(values.get(name) ?? 0), wanted: String(to) }]));
const base = { summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args, check: (_probe: unknown, wanted: z.infer<typeof args>) => look(wanted) };
async function apply(_host: unknown, { name, to }: z.infer<typeof args>): Promise<void> {
  await Promise.resolve();
  acts.push(`${name}=${String(to)}`);
  values.set(name, fails.has(name) ? -1 : to); // half done
  if (fails.has(name)) throw new StepError('command_failed', 'it broke');
}
const numberSet: Operation = operation({
  ...base, name: 'number.set', apply,
  async revert(_host, { name }, found) {
    await Promise.resolve();
    acts.push(`back ${name}`);
    if (stuck.has(name)) throw new StepError('command_failed', 'stuck');
    values.set(name, (found as { value: number }).value);
  },
});
const numberBurnt: Operation = operation({ ...base, name: 'number.burnt', apply });

const step = (id: string, operationName = 'number.set'): PlanStep => ({ id, rows: [id], title: id, operation: operationName, args: { name: id, to: 7 }, sentence: `${id} is 7`, timeoutS: 5, mayKill: true, changes: true, reverts: operationName === 'number.set', needs: [] });
const stage = (name: string, steps: PlanStep[], more: Partial<PlanStage> = {}): PlanStage => ({ phase: 'p', stage: name, strategy: 'serial', maxFailures: 0, hosts: [{ host: 'h1', steps }], ...more });
const run = async (): ReturnType<SiteHere['tandem']> => await site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1');
const results = async (): Promise<string[]> => (JSON.parse((await site.tandem('report', '--format', 'json')).out) as { hosts: { steps: { id: string; result: string }[] }[] }).hosts.flatMap(({ steps }) => steps.map(({ id, result }) => `${id} ${result}`));
const STAGES = [stage('one', [step('A1'), step('A2')]), stage('two', [step('B1'), step('B2', 'number.burnt'), step('B3')], { checkpoint: 'middle' }), stage('three', [step('C1')], { checkpoint: 'late' })];

beforeEach(async () => {
  values = new Map([['A1', 1], ['B1', 2], ['B3', 7]]);
  acts = [];
  fails.clear();
  stuck.clear();
  agent = await startAgent([numberSet, numberBurnt]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
  site.plan([], { stages: STAGES });
});
afterEach(async () => { site.remove(); await agent.remove(); });

test('back to a checkpoint: the last first, only what was changed after it, what cannot be undone is left and said so; exit code 6', async () => {
  expect((await run()).code).toBe(0);
  acts = [];
  const dry = await site.tandem('revert', 'r1', '--to', 'middle', '--dry-run');
  expect(dry).toMatchObject({ code: 0, out: 'Would be undone, in this order:\n  C1@h1  C1 is 7\n  B1@h1  B1 is 7\nCannot be undone, and would be left as it is:\n  B2@h1  B2 is 7' });
  expect(acts).toEqual([]);
  const { code, out } = await site.tandem('revert', 'r1', '--to', 'middle');
  expect(code).toBe(6);
  expect(out).toContain('h1: B2 cannot be undone and is left as it is: B2 is 7');
  expect(out).toContain('Run r1 of site lab: rolled back (all but B2@h1 is undone)');
  expect(acts).toEqual(['back C1', 'back B1']);
  expect(Object.fromEntries(values)).toEqual({ A1: 7, A2: 7, B1: 2, B2: 7, B3: 7, C1: 0 });
  expect(await results()).toEqual(['A1 changed', 'A2 changed', 'B1 reverted', 'B2 changed', 'B3 unchanged', 'C1 reverted']);
});

test('back to the start, then forward again, then back: each time to the state found before', async () => {
  await run();
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  expect(Object.fromEntries(values)).toEqual({ A1: 1, A2: 0, B1: 2, B2: 7, B3: 7, C1: 0 });
  expect((await site.tandem('revert', 'r1', '--to', 'start')).out).toContain('all but B2@h1 is undone');
  values.set('A1', 5); // somebody was here
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(Object.fromEntries(values)).toEqual({ A1: 7, A2: 7, B1: 7, B2: 7, B3: 7, C1: 7 });
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  expect(values.get('A1')).toBe(5);
});

test('a step that failed half way is undone too', async () => {
  fails.add('B1');
  expect((await run()).code).toBe(3);
  expect(values.get('B1')).toBe(-1);
  expect((await site.tandem('revert', 'r1', '--to', 'middle')).code).toBe(6);
  expect(values.get('B1')).toBe(2);
  expect(values.get('A1')).toBe(7);
});

test('what fails to go back stops the way back: exit code 7; the same command goes on where it stopped', async () => {
  await run();
  stuck.add('B1');
  const { code, out } = await site.tandem('revert', 'r1', '--to', 'start');
  expect(code).toBe(7);
  expect(out).toContain('not all the way back (B1@h1 failed)');
  expect(values.get('A1')).toBe(7);
  stuck.clear();
  acts = [];
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  expect(acts).toEqual(['back B1', 'back A2', 'back A1']);
});

test('a revert whose host says "reverted" while it is not so fails: it is looked at again and compared', async () => {
  await run();
  values.set('A1', 7);
  const real = values.set.bind(values);
  values.set = (name, value) => (name === 'A1' ? values : real(name, value)); // the way back does nothing
  const { code, out } = await site.tandem('revert', 'r1', '--to', 'start');
  expect(code).toBe(7);
  expect(out).toContain('verify_failed: not back to the state found');
});

test('past a point of no return it refuses before any host is asked, and names the later checkpoints that can be reached', async () => {
  site.plan([], { stages: [stage('one', [step('A1')]), stage('two', [step('B1')], { checkpoint: 'middle', noReturn: 'the old database is gone' }), stage('three', [step('C1')], { checkpoint: 'late' })] });
  await run();
  acts = [];
  const refused = await site.tandem('revert', 'r1', '--to', 'middle');
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('found checkpoint "middle", which is out of reach, expected a later one: B1 on h1 is behind a point of no return: the old database is gone') as string });
  expect(acts).toEqual([]);
  expect((await site.tandem('revert', 'r1', '--to', 'late')).code).toBe(6);
  expect(acts).toEqual(['back C1']);
  expect((await site.tandem('revert', 'r1', '--to', 'lats')).err).toContain('did you mean "late"');
});
