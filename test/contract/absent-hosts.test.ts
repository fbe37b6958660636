import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation } from '../../agent/operations/operation.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

let agent: AgentHere, site: SiteHere, held: (() => void) | undefined;
const heldStep = operation({
  name: 'held.step', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({}),
  check: () => Promise.resolve(finding({}, [{ what: 'it', found: 'absent', wanted: 'there' }])),
  async apply() { await new Promise<void>((resolve) => { held = resolve; }); },
});
beforeEach(async () => {
  held = undefined;
  agent = await startAgent([heldStep]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
});
afterEach(async () => { site.remove(); await agent.remove(); });

const step = (id: string, more: object): object => ({ id, rows: [id], title: id, operation: 'held.step', args: {}, sentence: `line of ${id} is there`, timeoutS: 5, mayKill: true, changes: true, reverts: true, needs: [], ...more });
const stage = (name: string, host: string, steps: object[]): object => ({ phase: 'one', stage: name, strategy: 'serial', maxFailures: 0, hosts: [{ host, steps }] });
const at = (name: string, port: number): object => ({ name, role: 'controller', address: '127.0.0.1', port, fqdn: `${name}.example.test` });

test('a host that has not joined the run is missed by nobody: status, stop and audit fetch go by those that have', async () => {
  site.plan([], { hosts: [at('h1', agent.port), at('h2', 1)], stages: [stage('a', 'h1', [step('A1', {})]), stage('b', 'h2', [step('N5', { human: 'Install it', arrives: true })])] } as object);
  const running = site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1');
  await expect.poll(() => held !== undefined).toBe(true);
  process.emit('SIGINT', 'SIGINT');
  await expect.poll(() => agent.dispatcher.run('r1').stopped).toBeDefined();
  process.emit('SIGINT', 'SIGINT');
  await running;
  held?.();
  await expect.poll(() => agent.dispatcher.busy).toBe(false);
  expect(await site.tandem('status', 'r1')).toMatchObject({ code: 0, err: '' });
  expect(await site.tandem('stop', 'r1')).toMatchObject({ code: 0, out: 'h1: nothing in hand, 0 more skipped\nh2: has not joined this run, nothing to stop' });
  expect(await site.tandem('audit', 'fetch', 'r1')).toMatchObject({ code: 0, out: expect.not.stringContaining('h2') as string });
  expect(await site.tandem('audit', 'fetch', 'r1', '--host', 'h2')).toMatchObject({ code: 5 });
});

test('the end of the report says what a person does on a host that has not joined, as of any other', async () => {
  site.plan([], { hosts: [at('h1', agent.port), at('h2', 1)], stages: [stage('b', 'h2', [step('N5', { human: 'Install it', arrives: true }), step('N6', {})])] } as object);
  const { code, out } = await site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1');
  expect([code, out]).toEqual([8, expect.stringMatching(/N5 on h2 waits for a person: Install it \(h2 cannot be reached: .*\)\. Then: tandem resume r1/)]);
  const { hosts } = JSON.parse((await site.tandem('report', 'r1', '--format', 'json')).out) as { hosts: { host: string; steps: { id: string; result: string }[] }[] };
  expect(hosts.find(({ host }) => host === 'h2')?.steps.map(({ id, result }) => `${id} ${result}`)).toEqual(['N5 waiting', 'N6 skipped']);
});
