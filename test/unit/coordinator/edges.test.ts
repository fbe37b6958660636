import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InputError } from '../../../coordinator/input/problem.ts';
import { compilePlan } from '../../../coordinator/plan.ts';
import type { Plan } from '../../../coordinator/plan-format.ts';
import { loadRunbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';
import { operations } from '../bad-input/operations.ts';
import { fixture, osp5ToOsp6, planSite } from './real-runbook.ts';

interface Moment { stage: number; place: number; host: string; target: string | undefined; rows: string[] }

/** When each step runs, read off the plan alone: its stage, and its place on its host. */
function moments(plan: Plan): Moment[] {
  const place = new Map<string, number>();
  return plan.stages.flatMap(({ target, ...stage }, index) => stage.hosts.flatMap(({ host, steps }) => steps.map((step) => {
    place.set(host, (place.get(host) ?? 0) + 1);
    return { stage: index, place: place.get(host) as number, host, target, rows: step.rows };
  })));
}

/** An edge holds when no step of the second row can start before a step of the first row that it depends on has ended. */
function holds(all: Moment[], from: string, to: string): boolean {
  return all.filter(({ rows }) => rows.includes(to)).every((second) => {
    // Steps about different hosts do not wait for each other.
    const firsts = all.filter(({ rows, target }) => rows.includes(from) && (target === undefined || second.target === undefined || target === second.target) && !(rows.includes(to) && second.rows.includes(from)));
    const here = firsts.filter(({ host }) => host === second.host);
    return here.length > 0 ? here.every(({ place }) => place <= second.place) : firsts.every(({ stage }) => stage < second.stage);
  });
}

const SLOW_MS = 60_000;
const edgesOfProcedure = osp5ToOsp6().edges;

test('the edges of the procedure hold for any number of computes, any choice of channels, with and without LVM', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 5 }), fc.boolean(), fc.boolean(), (computes, optional, lvm) => {
    const hosts = Array.from({ length: computes }, (_x, i) => `  node${i}: {role: compute, address: 10.77.1.${i + 1}, fqdn: node${i}.example.test, backup: /mnt/backup/node${i}, captured: ./captured/node${i}.json}\n`).join('');
    const site = fixture('site.yaml').replace(/ {2}compute1:[^]*?\nvariables: \{\}\n/, `${hosts}variables: {optional_channel: ${optional}}\n`);
    const facts = JSON.parse(fixture('captured/controller.json')) as Record<string, unknown>;
    if (lvm) {
      facts['lvm'] = { vgs: [{ name: 'cinder-volumes', uuid: 'aB3xYz-1111-2222-3333-4444-5555-zYx3Ba', lvs: [] }], pvs: [] };
      facts['cinder'] = { lvmBackends: [{ section: 'lvm', volumeGroup: 'cinder-volumes' }] };
    }
    const plan = planSite(site, JSON.stringify(facts));
    expect(plan.hosts).toHaveLength(computes + 1);
    const all = moments(plan);
    for (const { from, to } of edgesOfProcedure) expect(holds(all, from, to), `${from} -> ${to}`).toBe(true);
  }), { numRuns: 16 });
}, SLOW_MS);

const stageOf = fc.record({ on: fc.constantFrom('all', 'controller', 'compute'), rows: fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 }) });
const edgeOf = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 })).filter(([from, to]) => from !== to);

test('a runbook is refused for its edges exactly when an edge does not hold in its plan', () => {
  let refused = 0;
  let planned = 0;
  fc.assert(fc.property(fc.array(stageOf, { minLength: 1, maxLength: 4 }), fc.array(edgeOf, { maxLength: 3 }), (stages, edges) => {
    const phase = `phase: p\ntitle: t\nstages:\n${stages.map(({ on, rows }, s) => `  - {stage: s${s}, on: ${on}, strategy: parallel, steps: [${
      rows.map((row) => `{id: A${row}.s${s}, title: t, operation: file.filled, with: {path: /a, lines: []}}`).join(', ')}]}\n`).join('')}`;
    const files = (pairs: typeof edges): Record<string, string> => ({
      'p.yaml': phase,
      'runbook.yaml': `tandem: 1\nname: r\ntitle: t\nroles: {controller: {min: 1}, compute: {min: 0}}\nphases: [p.yaml]\nedges: [${pairs.map(([from, to]) => `[A${from}, A${to}]`).join(', ')}]\n`,
    });
    const site = parseSite('site.yaml', fixture('site.yaml').replaceAll(/ {4}captured: .*\n/g, ''));
    const compile = (pairs: typeof edges): Plan => compilePlan({ site, runbook: loadRunbook('r', (path) => files(pairs)[path]), captured: {}, catalogue: operations });
    const all = moments(compile([]));
    const good = edges.every(([from, to]) => holds(all, `A${from}`, `A${to}`));
    let accepted = true;
    try { compile(edges); } catch (error) {
      if (!(error instanceof InputError)) throw error;
      accepted = false;
    }
    expect(accepted).toBe(good);
    if (good) planned += 1; else refused += 1;
  }), { numRuns: 150 });
  expect(refused).toBeGreaterThan(10);
  expect(planned).toBeGreaterThan(10);
}, SLOW_MS);
