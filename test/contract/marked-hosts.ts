import { afterEach, beforeEach } from 'vitest';
import * as z from 'zod';
import { finding, operation } from '../../agent/operations/operation.ts';
import type { Ask } from '../../coordinator/gatekeeper.ts';
import type { RunSettings } from '../../coordinator/hosts.ts';
import { digestOf, type Plan, type PlanStage, type PlanStep } from '../../coordinator/plan-format.ts';
import { Run } from '../../coordinator/run.ts';
import type { RunRecord } from '../../coordinator/store/runstore.ts';
import { startAgent, type AgentHere } from './agent-here.ts';

export const HOSTS = ['h1', 'h2', 'h3'];

export const on = (host: string, ...steps: (string | (Partial<PlanStep> & { id: string }))[]): PlanStage['hosts'][number] => ({ host, steps: steps.map((each) => {
  const { id, ...more } = typeof each === 'string' ? { id: each } : each;
  return { id, rows: [id], title: id, operation: 'mark.set', args: { text: `${id}@${host}` }, sentence: id, timeoutS: 5, mayKill: true, changes: true, reverts: false, needs: [], ...more };
}) });
export const stage = (name: string, hosts: PlanStage['hosts'], more: Partial<PlanStage> = {}): PlanStage => ({ phase: 'p', stage: name, strategy: 'parallel', maxFailures: 0, hosts, ...more });

/** Three agents that set marks, anew for each test, and one run over them, attempt by attempt. */
export class MarkedHosts {
  /** Steps in the order in which they were done, as `step@host`. */
  done: string[] = [];
  agents: AgentHere[] = [];
  records: RunRecord[] = [];

  constructor() {
    beforeEach(async () => { this.done = []; this.records = []; this.agents = await Promise.all(HOSTS.map(async (host) => await startAgent([this.marked], host))); });
    afterEach(async () => { await Promise.all(this.agents.map((agent) => agent.remove())); });
  }

  readonly marked = operation({
    name: 'mark.set', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string() }),
    check: (_probe, { text }) => Promise.resolve(finding(null, this.done.includes(text) ? [] : [{ what: 'mark', found: 'none', wanted: text }])),
    apply: (_host, { text }) => { this.done.push(text); return Promise.resolve(); },
  });

  plan(...stages: PlanStage[]): Plan {
    const content: Omit<Plan, 'digest'> = {
      format: 1, site: 's', runbook: { name: 'r', title: 'r', digest: 'r' }, catalogueDigest: 'catalogue', inputs: [],
      hosts: this.agents.map(({ port }, at) => ({ name: HOSTS[at] ?? '', role: 'plain', address: '127.0.0.1', port, fqdn: 'h.example.test' })), stages,
    };
    return { ...content, digest: digestOf(content) };
  }

  /** One attempt; what it puts on record stays for the next one. */
  async attempt(plan: Plan, more: Partial<RunSettings> & { ask?: Ask } = {}): Promise<number> {
    const links = new Map(this.agents.map((agent, at) => [HOSTS[at] ?? '', agent.link()]));
    const settings = { run: 'r1', mode: 'apply' as const, by: 'ann', subject: 'ops', own: (this.agents[0] as AgentHere).identity('operator'), patienceS: 1, takeOver: false, readSecret: () => '', ...more };
    return await new Run(plan, settings, links, { append: (record) => { this.records.push(record); }, head: () => ({ n: 0, hash: '' }), close: () => undefined }, { onStage: () => undefined, onEvent: () => undefined, onNote: () => undefined }, [...this.records]).carryOut();
  }

  notes(): string[] { return this.records.flatMap((record) => (record.type === 'note' && !record.text.includes('witnessed') && !record.text.includes('not taken') ? [`${record.host}: ${record.text}`] : [])); }
}
