import { verifyRun, type Audit, type Exhibits } from '../../../coordinator/audit/verify.ts';
import { createAuthority, issue, type KeyPair } from '../../../coordinator/pki/certificates.ts';
import { digestOf, type Plan, type PlanStep } from '../../../coordinator/plan-format.ts';
import type { RunRecord } from '../../../coordinator/store/runstore.ts';
import { commandId } from '../../../proto/command.ts';
import type { Event, EventKind } from '../../../proto/events.ts';
import { signHead, type Signer } from '../../../proto/heads.ts';
import { GENESIS, lineOf } from '../../../proto/journal.ts';
import { asTold } from '../../../proto/wire.ts';

export const NOW = Date.now();

/** A journal in memory: what stands in it, and the lines as a journal writes them. */
export class Lines<T> {
  readonly records: T[] = [];
  texts: string[] = [];
  head = { n: 0, hash: GENESIS };
  append(record: T): T {
    const { text, hash } = lineOf(this.head.n + 1, this.head.hash, record);
    this.records.push(record);
    this.texts.push(text);
    this.head = { n: this.head.n + 1, hash };
    return record;
  }
  get bytes(): Buffer { return Buffer.from(this.texts.join('')); }
  /** The same with other records, as one writes it who knows the format: every hash is right. */
  static of<T>(records: readonly T[]): Lines<T> {
    const lines = new Lines<T>();
    records.forEach((record) => { lines.append(record); });
    return lines;
  }
}

const step = (id: string): PlanStep => ({ id, rows: [id], title: id, operation: 'a.b', args: { of: id }, sentence: id, timeoutS: 5, mayKill: true, changes: true, reverts: true, needs: [] });
const stage = (name: string, id: string): Plan['stages'][number] => ({ phase: 'p', stage: name, strategy: 'parallel', maxFailures: 0, hosts: ['h1', 'h2'].map((host) => ({ host, steps: [step(id)] })) });
const content: Omit<Plan, 'digest'> = {
  format: 1, site: 'lab', runbook: { name: 'tiny', title: 'Tiny', digest: '' }, catalogueDigest: 'c', inputs: [],
  hosts: ['h1', 'h2'].map((name) => ({ name, role: 'controller', address: '127.0.0.1', port: 1, fqdn: `${name}.example.test` })), stages: [stage('one', 'A1'), stage('two', 'A2')],
};
export const plan: Plan = { ...content, digest: digestOf(content) };

export interface Pki { ca: KeyPair; h1: KeyPair; h2: KeyPair; operator: KeyPair }
export async function pkiOf(site: string = 'lab'): Promise<Pki> {
  const ca = await createAuthority(site, NOW);
  return { ca, h1: await issue(ca, 'agent', site, 'h1', NOW), h2: await issue(ca, 'agent', site, 'h2', NOW), operator: await issue(ca, 'operator', site, 'ops', NOW) };
}
export const signer = ({ certificatePem, keyPem }: KeyPair): Signer => ({ certificate: certificatePem, key: keyPem });

/** The record of one run of two stages on two hosts, both sides of it: heads are exchanged after each stage and at the end. */
export class Recorded {
  readonly run = 'r1';
  readonly pki: Pki;
  readonly coordinator = new Lines<RunRecord>();
  readonly agents = { h1: new Lines<Event>(), h2: new Lines<Event>() };
  constructor(pki: Pki) { this.pki = pki; }

  tell(host: 'h1' | 'h2', of: string, kind: EventKind): void {
    const agent = this.agents[host], command = of === '' ? '' : commandId({ run: this.run, planDigest: plan.digest, step: of, host, mode: 'apply', attempt: 1 });
    const event = agent.append(asTold({ seq: agent.head.n + 1, timeMs: NOW + agent.head.n, run: this.run, command, step: of, ...kind }));
    this.coordinator.append({ type: 'event', host, event });
  }

  exchange(host: 'h1' | 'h2'): void {
    this.tell(host, '', { kind: 'witnessed', head: signHead(this.run, this.coordinator.head, signer(this.pki.operator)) });
    this.coordinator.append({ type: 'witness', timeMs: NOW, host, head: signHead(this.run, this.agents[host].head, signer(this.pki[host])) });
  }

  stage(of: string): this {
    for (const host of ['h1', 'h2'] as const) {
      this.tell(host, of, { kind: 'accepted', operation: 'a.b', args: { of }, mode: 'apply', batch: 'b', timeoutS: 5, attempt: 1, needsSecrets: false, fence: 1 });
      this.tell(host, of, { kind: 'checked', satisfied: false, found: { text: 'ü\uFFFD' }, differences: [], reason: '' });
      this.tell(host, of, { kind: 'finished', result: 'changed', code: '', reason: '', failure: null, durationMs: 1 });
    }
    return this;
  }
  exchangeAll(): this { this.exchange('h1'); this.exchange('h2'); return this; }
  begin(): this { this.coordinator.append({ type: 'begun', timeMs: NOW, run: this.run, planDigest: plan.digest, mode: 'apply', attempt: 1, by: 'ann' }); return this; }
  end(): this { this.coordinator.append({ type: 'ended', timeMs: NOW, exitCode: 0, reason: '' }); return this; }
  whole(): this { return this.begin().stage('A1').exchangeAll().stage('A2').exchangeAll().end().exchangeAll(); }
}

/** The verdict over what lies there; `journals: 'none'`: the hosts' own are not at hand. */
export function audited(recorded: Recorded, { coordinator = recorded.coordinator.bytes, h1 = recorded.agents.h1.bytes, h2 = recorded.agents.h2.bytes, planText = JSON.stringify(plan), ca = recorded.pki.ca.certificatePem, journals = 'all' }: { coordinator?: Buffer; h1?: Buffer; h2?: Buffer; planText?: string; ca?: string; journals?: 'all' | 'none' } = {}): Audit {
  const own: Exhibits['journals'] = journals === 'none' ? new Map() : new Map([['h1', { file: 'h1.jsonl', content: h1 }], ['h2', { file: 'h2.jsonl', content: h2 }]]);
  return verifyRun({ run: recorded.run, plan: { file: 'plan.json', content: planText }, journal: { file: 'journal.jsonl', content: coordinator }, journals: own, ca });
}

/** Where something is broken, with why. */
export const broken = ({ findings }: Audit): string[] => findings.filter(({ kind }) => kind === 'broken').map(({ where, what }) => `${where}: ${what}`);
