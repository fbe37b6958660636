import { expect, test } from 'vitest';
import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { finding, operation } from '../../agent/operations/operation.ts';
import type { Plan, PlanStage, PlanStep } from '../../coordinator/plan-format.ts';
import { Run } from '../../coordinator/run.ts';
import { EXIT } from '../../coordinator/verdict.ts';
import type { RunRecord } from '../../coordinator/store/runstore.ts';
import { startAgent } from './agent-here.ts';

const done: string[] = [];
const marked = operation({
  name: 'mark.set', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string(), fails: z.boolean() }),
  check: (_probe, { text }) => Promise.resolve(finding(null, done.includes(text) ? [] : [{ what: 'mark', found: 'none', wanted: text }])),
  apply(_host, { text, fails }) {
    if (fails) throw new StepError('command_failed', 'no');
    done.push(text);
    return Promise.resolve();
  },
});

const step = (id: string, needs: string[] = [], fails = false): PlanStep => ({ id, rows: [id], title: id, operation: 'mark.set', args: { text: id, fails }, sentence: id, timeoutS: 5, mayKill: true, changes: true, reverts: false, needs });
const stage = (name: string, hosts: PlanStage['hosts']): PlanStage => ({ phase: 'p', stage: name, strategy: 'parallel', maxFailures: 1, hosts });

test('a step whose need on another host failed is not started, nor is what follows it there; what came before is done', async () => {
  const agents = await Promise.all([startAgent([marked], 'h1'), startAgent([marked], 'h2')]);
  const plan: Plan = {
    format: 1, digest: 'd', site: 's', runbook: { name: 'r', title: 'r', digest: 'r' }, catalogueDigest: 'catalogue', inputs: [],
    hosts: agents.map(({ port }, at) => ({ name: `h${String(at + 1)}`, role: 'plain', address: '127.0.0.1', port, fqdn: 'h.example.test' })),
    stages: [stage('first', [{ host: 'h1', steps: [step('A1', [], true)] }]), stage('second', [{ host: 'h2', steps: [step('B1'), step('B2', ['A1@h1']), step('B3')] }])],
  };
  const records: RunRecord[] = [];
  const links = new Map(agents.map((agent, at) => [`h${String(at + 1)}`, agent.link()]));
  const settings = { run: 'r1', mode: 'apply' as const, by: 'ann', subject: 'ops', own: agents[0].identity('operator'), patienceS: 1, takeOver: false, readSecret: () => '' };
  const run = new Run(plan, settings, links, { append: (record) => { records.push(record); }, head: () => ({ n: 0, hash: '' }), close: () => undefined }, { onStage: () => undefined, onEvent: () => undefined, onNote: () => undefined });
  try {
    expect(await run.carryOut()).toBe(EXIT.failed);
    expect(done).toEqual(['B1']);
    expect(records.filter((record) => record.type === 'note' && record.text.includes('not started'))).toMatchObject([{ host: 'h2', text: 'B2 not started: it needs A1@h1' }]);
    // Both hosts were given back: another run may have them.
    for (const link of links.values()) expect(await link.call('AcquireLease', { runId: 'r2', owner: 'bob', ttlS: 5 })).toMatchObject({ granted: true });
  } finally {
    await Promise.all(agents.map((agent) => agent.remove()));
  }
});
