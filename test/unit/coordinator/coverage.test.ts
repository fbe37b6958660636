import { expect, test } from 'vitest';
import { coverageOf, coverageText, type CoveredRow } from '../../../coordinator/coverage.ts';
import { compilePlan } from '../../../coordinator/plan.ts';
import { loadRunbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';
import { operations } from '../bad-input/operations.ts';

const FILLED = 'operation: file.filled, with: {path: /a, lines: []}';
function cover(steps: string, rows: string): CoveredRow[] | undefined {
  const files: Record<string, string> = {
    'p.yaml': `phase: p\ntitle: t\nstages:\n  - {stage: a, on: controller, strategy: serial, steps: [${steps}]}\n  - {stage: b, on: compute, strategy: serial, steps: [{id: N0, title: n, ${FILLED}}]}\n`,
    'runbook.yaml': `tandem: 1\nname: r\ntitle: t\nroles: {controller: {min: 1}, compute: {min: 0}}\nphases: [p.yaml]\n${rows}`,
  };
  const runbook = loadRunbook('r', (path) => files[path]);
  const site = parseSite('site.yaml', 'tandem: 1\nsite: s\nrunbook: ./r\ncoordinator: {address: 10.0.0.9}\nhosts:\n  controller: {role: controller, address: 10.0.0.1, fqdn: c.example.test}\n');
  return coverageOf(runbook, compilePlan({ site, runbook, captured: {}, catalogue: operations }));
}

test('each row has its kind, its steps and its hosts; one that no step carries is missing', () => {
  const rows = cover(`{id: C1, title: t, human: read it}, {id: C2, title: two, ${FILLED}, rows: [C3]}, {id: C2.more, title: t, ${FILLED}}, {id: C4, title: t, ${FILLED}, when: "false", why: no LVM}`,
    'procedure: {rows: [C1-C4, {row: C5, title: five}, N0], notes: [C3]}\n');
  expect(rows).toEqual([
    { row: 'C1', title: 't', kind: 'human', reason: '', steps: ['C1'], hosts: ['controller'] },
    { row: 'C2', title: 'two', kind: 'acts', reason: '', steps: ['C2', 'C2.more'], hosts: ['controller'] },
    { row: 'C3', title: 'two', kind: 'note', reason: '', steps: ['C2'], hosts: ['controller'] },
    { row: 'C4', title: 't', kind: 'condition', reason: 'no LVM', steps: ['C4'], hosts: ['controller'] },
    { row: 'C5', title: 'five', kind: 'missing', reason: '', steps: [], hosts: [] },
    { row: 'N0', title: '', kind: 'condition', reason: 'no host of role compute', steps: [], hosts: [] },
  ]);
  const text = coverageText(rows ?? []);
  expect(text).toMatch(/│ C3 +│ C2 +│ controller +│ note carried by C2 +│/);
  expect(text).toMatch(/│ C4 +│ C4 +│ controller +│ condition: no LVM +│/);
  expect(text).toContain('6 rows: 1 acts, 1 human, 2 condition, 1 note, 1 MISSING (C5)');
});

test('a runbook that does not list its rows has no coverage', () => {
  expect(cover(`{id: C1, title: t, ${FILLED}}`, '')).toBeUndefined();
});
