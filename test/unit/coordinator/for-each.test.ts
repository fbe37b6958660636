import { expect, test } from 'vitest';
import { InputError } from '../../../coordinator/input/problem.ts';
import { compilePlan } from '../../../coordinator/plan.ts';
import type { Plan } from '../../../coordinator/plan-format.ts';
import { loadRunbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';
import { operations } from '../bad-input/operations.ts';

const LONG = 'a-compute-node-of-the-northern-row-1', OTHER = 'a-compute-node-of-the-northern-row-2';
const SITE = `tandem: 1
site: s
runbook: ./r
coordinator: {address: 10.0.0.9}
hosts:
  top: {role: controller, address: 10.0.0.1, fqdn: top.example.test}
  one: {role: compute, address: 10.0.0.2, fqdn: one.example.test}
  ${LONG}: {role: compute, address: 10.0.0.3, fqdn: two.example.test}
  ${OTHER}: {role: compute, address: 10.0.0.4, fqdn: three.example.test}
`;
const step = (id: string, more = ''): string => `{id: ${id}, title: t, operation: file.filled, with: {path: "/\${target.name}", lines: []}${more}}`;
const phase = (stages: string): string => `phase: c\ntitle: t\nforEach: compute\nstages:\n${stages}`;
const STAGES = `  - {stage: drain, on: controller, strategy: serial, checkpoint: drain, steps: [${step('N1')}, ${step('N2.slow')}]}
  - {stage: install, on: target, strategy: serial, steps: [${step('N3', ', needs: [N2.slow]')}]}
`;

function plan(edges = '', stages = STAGES, after = ''): Plan {
  const files: Record<string, string> = {
    'runbook.yaml': `tandem: 1\nname: r\ntitle: t\nroles: {controller: {min: 1}, compute: {min: 0}}\nphases: [p.yaml${after === '' ? '' : ', q.yaml'}]\nedges: [${edges}]\n`,
    'p.yaml': phase(stages), 'q.yaml': after,
  };
  return compilePlan({ site: parseSite('site.yaml', SITE), runbook: loadRunbook('r', (path) => files[path]), captured: {}, catalogue: operations });
}

test('the stages of the phase follow one another for one host after the other, under names of their own', () => {
  const { stages } = plan();
  expect(stages.map(({ stage, checkpoint, hosts }) => [stage, checkpoint, hosts.map(({ host }) => host)])).toEqual([
    ['drain-one', 'drain-one', ['top']], ['install-one', undefined, ['one']],
    [`drain-${LONG}`, `drain-${LONG}`, ['top']], [`install-${LONG}`, undefined, [LONG]],
    [`drain-${OTHER}`, `drain-${OTHER}`, ['top']], [`install-${OTHER}`, undefined, [OTHER]],
  ]);
  const ids = stages.flatMap(({ hosts }) => hosts.flatMap(({ steps }) => steps.map(({ id }) => id)));
  expect(ids.slice(0, 3)).toEqual(['N1.one', 'N2.slow-one', 'N3']);
  const onTop = ids.filter((id) => id !== 'N3');
  expect(new Set(onTop).size).toBe(onTop.length);
  expect(stages[0]?.hosts[0]?.steps[0]).toMatchObject({ rows: ['N1'], args: { path: '/one' } });
});

test('a need, and an edge, binds steps about the same host', () => {
  const { stages } = plan('[N1, N2], [N2, N3]');
  expect(stages[1]?.hosts[0]?.steps[0]?.needs).toEqual(['N2.slow-one@top']);
  expect(stages[3]?.hosts[0]?.steps[0]?.needs[0]).toMatch(/^N2\.slow-a-compute-nod-[0-9a-f]{6}@top$/);
  expect(() => plan('[N3, N1]')).toThrow(InputError);
});

test('an edge to a later phase binds the steps about every host', () => {
  const after = `phase: d\ntitle: t\nstages:\n  - {stage: end, on: controller, strategy: serial, steps: [{id: U1, title: t, operation: file.filled, with: {path: /x, lines: []}}]}\n`;
  expect(plan('[N3, U1], [N1, U1]', STAGES, after).stages).toHaveLength(7);
  expect(() => plan('[U1, N3]', STAGES, after)).toThrow(/edge U1 -> N3 broken/);
});

test('a phase for hosts of no role, and `target` where there is none, are refused at their place', () => {
  const refused = (text: string): string[] => { try { compilePlan({ site: parseSite('site.yaml', SITE), runbook: loadRunbook('r', (path) => (path === 'p.yaml' ? text : 'tandem: 1\nname: r\ntitle: t\nroles: {controller: {min: 1}, compute: {min: 0}}\nphases: [p.yaml]\n')), captured: {}, catalogue: operations }); } catch (error) { if (error instanceof InputError) return error.problems.map(({ message }) => message); throw error; } return []; };
  expect(refused(phase(STAGES).replace('forEach: compute', 'forEach: computes'))[0]).toBe('r/p.yaml:3:10: found "computes", expected one of controller, compute; did you mean "compute"?');
  expect(refused(phase(STAGES).replace('forEach: compute\n', ''))[0]).toMatch(/^r\/p\.yaml:5:\d+: found "target", expected one of all, controller, compute/);
});
