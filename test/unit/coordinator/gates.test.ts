import { expect, test } from 'vitest';
import { rowsOf } from '../../../coordinator/procedure.ts';
import { compilePlan } from '../../../coordinator/plan.ts';
import type { Plan, PlanStep } from '../../../coordinator/plan-format.ts';
import { policyText } from '../../../coordinator/plan-policy.ts';
import { planText } from '../../../coordinator/plan-text.ts';
import { loadRunbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';
import { operations } from '../bad-input/operations.ts';
import { messagesOf } from '../bad-input/plan-fixture.ts';

const FILLED = 'operation: file.filled, with: {path: /a, lines: []}';
const hosts = (computes: number): string => ['  controller: {role: controller, address: 10.0.0.1, fqdn: c.example.test}', ...Array.from({ length: computes }, (_x, n) => `  compute${n + 1}: {role: compute, address: 10.0.1.${n + 1}, fqdn: n${n + 1}.example.test}`)].join('\n');
/** A plan of these stages; `head` goes into runbook.yaml, `gates` into the site file. */
function plan(stages: string, { head = '', gates = '', computes = 1 } = {}): Plan {
  const files: Record<string, string> = { 'p.yaml': `phase: p\ntitle: t\nstages:\n${stages}`, 'runbook.yaml': `tandem: 1\nname: r\ntitle: t\nroles: {controller: {min: 1}, compute: {min: 0}}\nphases: [p.yaml]\n${head}` };
  const site = parseSite('site.yaml', `tandem: 1\nsite: s\nrunbook: ./r\ncoordinator: {address: 10.0.0.9}\nhosts:\n${hosts(computes)}\n${gates}`);
  return compilePlan({ site, runbook: loadRunbook('r', (path) => files[path]), captured: {}, catalogue: operations });
}
const steps = (made: Plan): [string, PlanStep][] => made.stages.flatMap((stage) => stage.hosts.flatMap(({ host, steps: own }) => own.map((step) => [`${step.id}@${host}`, step] as [string, PlanStep])));
const gatesOf = (made: Plan): Record<string, string> => Object.fromEntries(steps(made).flatMap(([key, { gate }]) => (gate === undefined ? [] : [[key, gate]])));
const stage = (name: string, on: string, own: string, more = ''): string => `  - {stage: ${name}, on: ${on}, strategy: serial, ${more}steps: [${own}]}\n`;

test('a gate comes from the step, from a point of no return, from the site by row or id, and from a word alone; each says why', () => {
  const made = plan(
    stage('a', 'controller', `{id: C1, title: t, ${FILLED}, gate: look first}, {id: C2.x, title: t, ${FILLED}, rows: [C3]}, {id: C2.y, title: t, ${FILLED}}`)
    + stage('b', 'all', `{id: C4, title: t, ${FILLED}, when: "host.role == 'compute'", why: n}, {id: C5, title: t, ${FILLED}}`, 'noReturn: the old side is gone, ')
    + stage('c', 'controller', '{id: C6, title: t, human: The report was read}'),
    { gates: 'gates: [C3, C2.y, C5]\n' });
  expect(gatesOf(made)).toEqual({
    'C1@controller': 'look first', 'C2.x@controller': 'the site wants a word before C3', 'C2.y@controller': 'the site wants a word before C2.y',
    'C5@controller': 'POINT OF NO RETURN: the old side is gone; the site wants a word before C5', 'C4@compute1': 'POINT OF NO RETURN: the old side is gone', 'C5@compute1': 'the site wants a word before C5',
    'C6@controller': 'The report was read',
  });
  expect(Object.fromEntries(steps(made))['C6@controller']).toMatchObject({ operation: '', changes: false, sentence: 'The report was read' });
  expect(planText(made)).toContain('waits for a word');
  expect(policyText(made, 'controller', operations)).toContain('operations:\n  - file.filled\n');
});

test.each([
  ['a gate of the site that no step has', stage('a', 'controller', `{id: C22, title: t, ${FILLED}}`), { gates: 'gates: [C2O]\n' }, 'site.yaml:8:9: found gate "C2O", which is neither a step nor a row of the plan, expected C22; did you mean "C22"?'],
  ['no operation and no human', stage('a', 'controller', '{id: C22, title: t}'), {}, 'r/p.yaml:4:63: found step C22 without an operation, expected an operation, or `human`: what a person approves'],
  ['human with what changes something', stage('a', 'controller', `{id: C22, title: t, human: x, ${FILLED}}`), {}, 'r/p.yaml:4:78: found `human` with file.filled, which changes something, expected an operation that only looks; or `gate`, where a person approves what it does'],
  ['spent after no step', stage('a', 'controller', `{id: C22, title: t, ${FILLED}, spentAfter: C23, spentWhy: x}`), {}, 'r/p.yaml:4:143: found unknown step "C23", expected C22; did you mean "C22"?'],
  ['spent without why', stage('a', 'controller', `{id: C22, title: t, ${FILLED}, spentAfter: C22}`), {}, 'r/p.yaml:4:131: found only spentAfter, expected spentAfter and spentWhy, or none of them'],
  ['a row that the procedure has not', stage('a', 'controller', `{id: C22, title: t, ${FILLED}, rows: [C24]}`), { head: 'procedure: {rows: [C1-C23]}\n' }, 'r/p.yaml:4:138: found row C24, which procedure.rows has not, expected a row of the procedure; did you mean "C14"?'],
  ['a row twice in a step', stage('a', 'controller', `{id: C22, title: t, ${FILLED}, rows: [C22]}`), {}, 'r/p.yaml:4:138: found row C22 a second time, expected each row of a step only once; the one in its id is carried anyway'],
  ['a row twice in the list', stage('a', 'controller', `{id: C2, title: t, ${FILLED}}`), { head: 'procedure: {rows: [C1-C3, C2]}\n' }, 'r/runbook.yaml:6:27: found row C2 a second time, expected each row only once'],
  ['no range', stage('a', 'controller', `{id: C2, title: t, ${FILLED}}`), { head: 'procedure: {rows: [C3-C1]}\n' }, 'r/runbook.yaml:6:20: found "C3-C1", expected a row id such as C10b, a range such as C1-C62, or {row: C10b, title: ...}'],
])('refused with its place: %s', (_name, stages, more, message) => {
  expect(messagesOf(() => plan(stages, more))).toEqual([message]);
});

test('rows of the procedure are written one by one or as ranges', () => {
  expect(rowsOf({ rows: ['P0-P2', 'P2b', { row: 'R1', title: 'x' }], notes: [] }).map(({ row }) => row)).toEqual(['P0', 'P1', 'P2', 'P2b', 'R1']);
});

test('an edge between rows that one repeated step carries ties each element alone; a later repeated step comes after all of them', () => {
  const each = (id: string, rows: string): string => `{id: ${id}, title: t, ${FILLED}, each: "['a', 'b']", rows: [${rows}]}`;
  const made = plan(stage('a', 'controller', `${each('N2', 'N3')}, ${each('N4', '')}`), { head: 'edges: [[N2, N3], [N3, N4]]\n' });
  expect(steps(made).map(([key]) => key)).toEqual(['N2.a@controller', 'N2.b@controller', 'N4.a@controller', 'N4.b@controller']);
  expect(messagesOf(() => plan(stage('a', 'controller', `${each('N4', '')}, ${each('N2', 'N3')}`), { head: 'edges: [[N3, N4]]\n' }))[0]).toContain('edge N3 -> N4 broken: N4.a@controller comes before N2.a@controller');
});

test('an edge to other hosts stands in the plan, so that a run that goes on elsewhere keeps it; on the same host the order is enough', () => {
  const made = Object.fromEntries(steps(plan(stage('a', 'controller', `{id: C1, title: t, ${FILLED}}`) + stage('b', 'compute', `{id: N0, title: t, ${FILLED}}, {id: N1, title: t, ${FILLED}}`) + stage('c', 'all', `{id: U1, title: t, ${FILLED}}`),
    { computes: 2, head: 'edges: [[C1, N0], [N0, N1], [N1, U1]]\n' })));
  expect(Object.fromEntries(Object.entries(made).map(([key, { after }]) => [key, after]))).toEqual({
    'C1@controller': undefined, 'N0@compute1': ['C1@controller'], 'N0@compute2': ['C1@controller'], 'N1@compute1': undefined, 'N1@compute2': undefined,
    'U1@controller': ['N1@compute1', 'N1@compute2'], 'U1@compute1': undefined, 'U1@compute2': undefined,
  });
});
