import type { Event, EventKind, Result } from '../../../proto/events.ts';
import type { Plan, PlanStep } from '../../../coordinator/plan-format.ts';
import type { RunRecord } from '../../../coordinator/store/runstore.ts';

export const START_MS = Date.parse('2026-05-01T12:00:00Z');

const step = (id: string, more: Partial<PlanStep> = {}): PlanStep => ({
  id, rows: [id], title: `Title of ${id}`, operation: 'package.installed', args: {}, sentence: `do ${id}`,
  timeoutS: 60, mayKill: true, changes: true, reverts: true, needs: [], ...more,
});

/** Two stages, a controller and a compute host; C5 is left out by the plan, C23 cannot be undone, C24 only looks. */
export const plan: Plan = {
  format: 1, digest: 'd'.repeat(64), site: 'lab', runbook: { name: 'tiny', title: 'A tiny runbook', digest: 'r' }, catalogueDigest: 'c', inputs: [],
  hosts: [{ name: 'ctl', role: 'controller', address: '10.0.0.1', port: 7443, fqdn: 'ctl.example.test' }, { name: 'cmp', role: 'compute', address: '10.0.0.2', port: 7443, fqdn: 'cmp.example.test' }],
  stages: [
    { phase: 'base', stage: 'all', strategy: 'parallel', maxFailures: 0, hosts: [{ host: 'ctl', steps: [step('C2'), step('C5', { skip: { reason: 'no LVM' } }), step('C23', { reverts: false })] }, { host: 'cmp', steps: [step('C2')] }] },
    { phase: 'end', stage: 'ctl', strategy: 'serial', maxFailures: 0, hosts: [{ host: 'ctl', steps: [step('C24', { changes: false, reverts: false })] }] },
  ],
};

export const begun: RunRecord = { type: 'begun', timeMs: START_MS, run: 'r1', planDigest: plan.digest, mode: 'apply', attempt: 1, by: 'ann@desk' };
export const ended = (exitCode: number, reason = ''): RunRecord => ({ type: 'ended', timeMs: START_MS + 65_000, exitCode, reason });

let seq = 0;
export function event(host: string, id: string, kind: EventKind, atS = 1): RunRecord {
  seq += 1;
  const event: Event = { seq, timeMs: START_MS + atS * 1000, run: 'r1', command: `${host}-${id}`, step: id, ...kind };
  return { type: 'event', host, event };
}
export const accepted = (host: string, id: string): RunRecord => event(host, id, { kind: 'accepted', operation: 'package.installed', args: {}, mode: 'apply', batch: 'b', timeoutS: 60, attempt: 1, needsSecrets: false, fence: 1 });
export const differs = (host: string, id: string): RunRecord => event(host, id, { kind: 'checked', satisfied: false, found: {}, reason: '', differences: [{ what: `thing of ${id}`, found: 'absent', wanted: 'present' }] });
export const finished = (host: string, id: string, result: Result, more: Partial<Extract<EventKind, { kind: 'finished' }>> = {}, atS = 3): RunRecord =>
  event(host, id, { kind: 'finished', result, code: '', reason: '', failure: null, durationMs: 2000, ...more }, atS);
