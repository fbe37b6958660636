import { expect, test } from 'vitest';
import { InputError } from '../../../coordinator/input/problem.ts';
import { compilePlan } from '../../../coordinator/plan.ts';
import { loadRunbook, type Runbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';
import { operations } from '../bad-input/operations.ts';
import { fixture } from './real-runbook.ts';

const HEAD = 'tandem: 1\nname: r\ntitle: t\nroles: {controller: {min: 1}, compute: {min: 0}}\ndata: {release: release.yaml}\nphases: [p.yaml]\n';
const RELEASE = 'services: {a: {db: alpha, lines: [one, two]}, b: {db: beta, lines: [three]}}\n';
const TEMPLATE = `takes: {service: the service, row: its row}
steps:
  - {id: "\${row}.files", title: "Files of \${service.db}", operation: file.filled, with: {path: "/etc/\${service.db}", lines: "\${service.lines}"}}
  - {id: "\${row}", title: t, needs: ["\${row}.files"], operation: file.filled, with: {path: "/\${host.name}", lines: []}}
`;
const use = (withs: string): string => `phase: p\ntitle: t\nstages:\n  - stage: s\n    on: controller\n    strategy: serial\n    steps:\n      - {template: t.yaml, with: ${withs}}\n`;

function load(phase: string, template = TEMPLATE): Runbook {
  const files: Record<string, string> = { 'runbook.yaml': HEAD, 'release.yaml': RELEASE, 'p.yaml': phase, 't.yaml': template };
  return loadRunbook('r', (path) => files[path]);
}
function problemsOf(make: () => unknown): string[] {
  try { make(); } catch (error) { if (error instanceof InputError) return error.problems.map(({ message }) => message); throw error; }
  return [];
}

test('each use of a template gives its steps, with the names filled in', () => {
  const phase = `${use('{service: "${release.services.a}", row: A1}')}      - {id: A2, title: t, operation: file.filled, with: {path: /x, lines: []}}\n      - {template: t.yaml, with: {service: "\${release.services.b}", row: B1}}\n`;
  const site = parseSite('site.yaml', fixture('site.yaml').replaceAll(/ {4}captured: .*\n/g, ''));
  const plan = compilePlan({ site, runbook: load(phase), captured: {}, catalogue: operations });
  const steps = plan.stages[0]?.hosts[0]?.steps ?? [];
  expect(steps.map(({ id, title, rows }) => [id, title, rows])).toEqual([
    ['A1.files', 'Files of alpha', ['A1']], ['A1', 't', ['A1']], ['A2', 't', ['A2']], ['B1.files', 'Files of beta', ['B1']], ['B1', 't', ['B1']],
  ]);
  expect(steps.map(({ args }) => args)).toMatchObject([{ path: '/etc/alpha', lines: ['one', 'two'] }, { path: '/controller' }, {}, { path: '/etc/beta', lines: ['three'] }, {}]);
  expect(steps[4]?.needs).toEqual(['B1.files@controller']);
});

test('names that a use lacks, or that the template does not take, are told at their place', () => {
  expect(problemsOf(() => load(use('{service: "${release.services.a}", rwo: A1}')))).toEqual([
    'r/p.yaml:8:10: found no "row" in `with`, expected a value for each of service, row',
    'r/p.yaml:8:69: found unknown name "rwo", expected one of service, row',
  ]);
});

test('a value that is not in the data, a file that is not there, a step that is none: each at its place', () => {
  expect(problemsOf(() => load(use('{service: "${release.services.c}", row: A1}')))[0]).toBe('r/p.yaml:8:47: found unknown name "c" in release.services, expected one of a, b');
  expect(problemsOf(() => load(use('{service: x, row: A1}').replace('t.yaml', 'u.yaml')))).toEqual(['r/p.yaml:8:20: found no file r/u.yaml, expected a file of the runbook']);
  expect(problemsOf(() => load(use('{service: "${release.services.a}", row: A1}'), TEMPLATE.replace('operation', 'opration')))).toEqual(expect.arrayContaining([expect.stringMatching(/^r\/t\.yaml:3:\d+: found unknown key "opration"/)]));
});

test('two uses with one row are the same step twice', () => {
  const phase = `${use('{service: "${release.services.a}", row: A1}')}      - {template: t.yaml, with: {service: "\${release.services.b}", row: A1}}\n`;
  expect(problemsOf(() => load(phase))).toContainEqual(expect.stringContaining('step A1 a second time'));
});
