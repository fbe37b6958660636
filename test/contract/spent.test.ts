import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { StepError } from '../../proto/errors.ts';
import { withoutSpent } from '../../coordinator/spent.ts';
import { keepPlan, newestPlan, readPlan } from '../../coordinator/store/plans.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

/** Lines that are there; `stopped` counts how often the step that has no finished state was done. */
let effects: string[], stopped: number, agent: AgentHere, site: SiteHere;
const fails = new Set<string>();
const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string() }),
  check: (_probe, { text }) => Promise.resolve(finding({ there: effects.includes(text) }, effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }])),
  apply(_host, { text }) {
    if (fails.has(text)) throw new StepError('command_failed', 'no');
    if (text === 'stop') stopped += 1;
    effects.push(text);
    return Promise.resolve();
  },
  revert(_host, { text }) { effects = effects.filter((each) => each !== text); return Promise.resolve(); },
});
const spent = { after: ['A2@h1'], why: 'the service runs on the restored data by now' };
const STEPS = [{ id: 'A1', args: { text: 'stop' }, spent }, { id: 'A2', args: { text: 'restore' } }, { id: 'A3', args: { text: 'c' } }];
const run = async (id: string, mode = 'run'): ReturnType<SiteHere['tandem']> => await site.tandem(mode, '--plan', join(site.folder, 'plan.json'), '--run-id', id);
const results = async (id: string): Promise<string[]> => (JSON.parse((await site.tandem('report', id, '--format', 'json')).out) as { hosts: { steps: { id: string; result: string }[] }[] }).hosts.flatMap(({ steps }) => steps.map((step) => `${step.id} ${step.result}`));
/** As at the time of a new run: the service runs, so the first step would be done again. */
const later = (): void => { effects = effects.filter((each) => each !== 'stop'); };

beforeEach(async () => {
  effects = [];
  stopped = 0;
  fails.clear();
  agent = await startAgent([lineAdded]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
  site.plan(STEPS);
});
afterEach(async () => { site.remove(); await agent.remove(); });

test('a new run leaves out a step whose purpose has passed, and says why and in which run; no step of it is changed', async () => {
  expect((await run('r1')).code).toBe(0);
  expect(await results('r1')).toEqual(['A1 changed', 'A2 changed', 'A3 changed']);
  later();
  const { code, out, err } = await run('r2');
  expect(code).toBe(0);
  expect(err).toContain('1 steps are left out');
  expect(out).toMatch(/A1 +skipped .*\n +by the plan: the service runs on the restored data by now \(A2@h1 ended well in run r1\)\n/);
  expect(await results('r2')).toEqual(['A1 skipped', 'A2 unchanged', 'A3 unchanged']);
  expect(stopped).toBe(1);
  expect((await run('c1', 'check')).code).toBe(0);
  expect(await results('c1')).toEqual(['A1 skipped', 'A2 unchanged', 'A3 unchanged']);
  // What is spent stays so: a later run sees it in the first one still.
  expect((await run('r3')).code).toBe(0);
  expect(stopped).toBe(1);
});

test('not after a run that failed before it, nor after one that took it back', async () => {
  fails.add('restore');
  expect((await run('r1')).code).toBe(3);
  fails.clear();
  later();
  expect((await run('r2')).code).toBe(0);
  expect(stopped).toBe(2);
  expect((await site.tandem('revert', 'r2', '--to', 'start')).code).toBe(6);
  later();
  expect((await run('r3')).code).toBe(0);
  expect(await results('r3')).toEqual(['A1 changed', 'A2 changed', 'A3 changed']);
});

test('not for another site or runbook, nor after a dry run', async () => {
  effects.push('restore');
  await run('c1', 'check');
  site.plan(STEPS, { runbook: { name: 'another', title: '', digest: '' } });
  expect((await run('r1')).code).toBe(0);
  later();
  site.plan(STEPS);
  expect((await run('r2')).code).toBe(0);
  expect(stopped).toBe(2);
});

test('resume, audit and rebuild agree on what was spent when the run began', async () => {
  expect((await run('r1')).code).toBe(0);
  later();
  effects = effects.filter((each) => each !== 'c');
  fails.add('c');
  expect((await run('r2')).code).toBe(3);
  fails.clear();
  // Taken back after the run began: it goes on as it was begun.
  expect((await site.tandem('revert', 'r1', '--to', 'start')).code).toBe(6);
  effects.push('restore');
  expect((await site.tandem('resume', 'r2')).code).toBe(0);
  expect(await results('r2')).toEqual(['A1 skipped', 'A2 unchanged', 'A3 changed']);
  expect((await site.tandem('audit', 'verify', 'r2')).out).toContain('PROVEN');
  rmSync(join(site.folder, 'state/runs/r2'), { recursive: true });
  expect(await site.tandem('runs', 'rebuild', 'r2')).toMatchObject({ code: 0 });
  expect(await results('r2')).toEqual(['A1 skipped', 'A2 unchanged', 'A3 changed']);
});

test('the plan that belongs to a run is not the one made last for the site', async () => {
  site.plan([{ id: 'A1', args: { text: 'a' }, spent: { after: ['A1@h1'], why: 'once is enough' } }]);
  const plan = readPlan(join(site.folder, 'plan.json')), state = join(site.folder, 'state');
  keepPlan(state, plan);
  expect((await run('r1')).code).toBe(0);
  expect((await run('r2')).out).toContain('once is enough (A1@h1 ended well in run r1)');
  expect(newestPlan(state, 'lab')?.digest).toBe(plan.digest);
  expect(withoutSpent(plan, [])).toBe(plan);
});
