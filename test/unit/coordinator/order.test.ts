import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation } from '../../../agent/operations/operation.ts';
import { compilePlan } from '../../../coordinator/plan.ts';
import { digestOf, stepKey, type Plan, type PlanStep } from '../../../coordinator/plan-format.ts';
import { loadRunbook, type Runbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';
import { HostsInMemory, type Sent } from './hosts-in-memory.ts';
import { fixture, osp5ToOsp6 } from './real-runbook.ts';

const SLOW_MS = 300_000;
const real = osp5ToOsp6();
/** The whole procedure in little: what the hard edges between controller and computes ask, whatever the real runbook has of it by now. */
const little = (computes: 'serial' | 'parallel' | 'turns'): Runbook => {
  const phase = (name: string, more: string, ...stages: string[][]): string => `phase: ${name}\ntitle: t\n${more}stages:\n${stages.map(([on, how, ...rows], n) => `  - {stage: ${name}${String(n)}, on: ${on ?? ''}, strategy: ${how ?? ''}, steps: [${rows.map((row) => `{id: ${row}, title: t, operation: mark.set}`).join(', ')}]}\n`).join('')}`;
  const files: Record<string, string> = {
    'a.yaml': phase('a', '', ['all', 'parallel', 'R1', 'R5'], ['controller', 'serial', 'C1', 'C2', 'C62']),
    'b.yaml': computes === 'turns' ? phase('b', 'forEach: compute\n', ['controller', 'serial', 'N0', 'N1'], ['target', 'serial', 'N5b', 'N6'], ['controller', 'serial', 'N26']) : phase('b', '', ['compute', computes, 'N0', 'N1', 'N5b', 'N6', 'N26']),
    'c.yaml': phase('c', '', ['controller', 'serial', 'R9', 'U1', 'U2'], ['compute', 'parallel', 'U1.cap', 'U2.restart']),
    'runbook.yaml': 'tandem: 1\nname: r\ntitle: t\nroles: {controller: {min: 1}, compute: {min: 0}}\nphases: [a.yaml, b.yaml, c.yaml]\nedges: [[R1, C2], [R5, C2], [R5, N6], [C62, N0], [N0, N1], [N1, N5b], [N5b, N6], [N6, N26], [N26, U1], [U1, U2], [C62, R9]]\n',
  };
  return loadRunbook('little', (path) => files[path]);
};
const markSet = operation({ name: 'mark.set', summary: 't', timeoutS: 5, mayKill: true, describe: () => 't', args: z.strictObject({}), check: () => Promise.resolve(finding(null, [])), apply: () => Promise.resolve() });

/** Values for all variables that have a closed set of them, whatever the runbook has by now; strategies are among them. */
const variables = fc.record(Object.fromEntries(Object.entries(real.variables).flatMap(([name, { type, values, required }]): [string, fc.Arbitrary<unknown>][] => {
  if (type === 'boolean') return [[name, fc.boolean()]];
  if (type === 'enum') return [[name, fc.constantFrom(...values ?? [])]];
  if (!required) return [];
  return [[name, fc.constant({ string: 'x', integer: 1, path: '/x', secret: 'file:/x', list: [] }[type])]];
})));
const siteOf = fc.record({ computes: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 50 })), variables, lvm: fc.boolean(), bridges: fc.boolean(), ip6tables: fc.boolean() });
type RandomSite = typeof siteOf extends fc.Arbitrary<infer T> ? T : never;

/** The plan of one controller and its computes, each with the facts of an old host of its own. */
function planOf({ computes, variables: values, lvm, bridges, ip6tables }: RandomSite, runbook: Runbook): Plan {
  const names = ['controller', ...Array.from({ length: computes }, (_x, n) => `compute${String(n + 1)}`)];
  const hosts = names.map((name, n) => `  ${name}: {role: ${n === 0 ? 'controller' : 'compute'}, address: 10.77.0.${String(n + 1)}, fqdn: ${name}.example.test, backup: /mnt/backup/${name}.example.test, captured: ./captured/${name}.json}`);
  const site = parseSite('site.yaml', `tandem: 1\nsite: example\nrunbook: osp5-to-osp6\ncoordinator: {address: 10.77.0.254}\nhosts:\n${hosts.join('\n')}\nvariables: ${JSON.stringify(runbook === real ? values : {})}\n`);
  const captured = Object.fromEntries(names.map((name, n) => {
    const facts = JSON.parse(fixture('captured/controller.json')) as { host: object; services: Record<string, string>; neutron: { bridges: string[] }; lvm: unknown; cinder: unknown };
    facts.host = { ...facts.host, fqdn: `${name}.example.test`, short: name, addresses: [`10.77.0.${String(n + 1)}`] };
    facts.services['ip6tables'] = ip6tables ? 'on' : 'off';
    facts.neutron.bridges = bridges ? ['br-ex', 'br-int', 'br-tun'] : ['br-int', 'br-tun'];
    if (lvm && n === 0) Object.assign(facts, { lvm: { vgs: [{ name: 'cinder-volumes', uuid: 'aB3xYz-1111-2222-3333-4444-5555-zYx3Ba', lvs: [] }], pvs: [] }, cinder: { ...facts.cinder as object, lvmBackends: [{ section: 'lvm', volumeGroup: 'cinder-volumes' }] } });
    return [name, { file: `./captured/${name}.json`, text: JSON.stringify(facts) }];
  }));
  return compilePlan({ site, runbook, captured, ...runbook === real ? {} : { catalogue: [markSet] } });
}

/** Keys of the steps that carry a row and are not left out, by row, in the order of the plan; with the index of their stage. */
function carriers(plan: Plan): Map<string, { key: string; host: string; stage: number; place: number; rows: string[]; target: string | undefined }[]> {
  const byRow = new Map<string, { key: string; host: string; stage: number; place: number; rows: string[]; target: string | undefined }[]>();
  let place = 0;
  plan.stages.forEach(({ hosts, target }, stage) => { for (const { host, steps } of hosts) for (const { id, rows, skip } of steps) {
    place += 1;
    if (skip === undefined) for (const row of rows) byRow.set(row, [...byRow.get(row) ?? [], { key: stepKey(id, host), host, stage, place, rows, target }]);
  } });
  return byRow;
}

/** Calls back with each pair that an edge ties together: on the same host where both rows are there, else across all hosts. */
function pairs(edges: Runbook['edges'], plan: Plan, tied: (first: { key: string; stage: number; place: number }, second: { key: string; stage: number; place: number }, same: boolean, edge: string) => void): void {
  const byRow = carriers(plan);
  for (const { from, to } of edges) for (const second of byRow.get(to) ?? []) {
    // Turns of different hosts do not wait for each other's rows.
    const firsts = (byRow.get(from) ?? []).filter(({ target }) => target === undefined || second.target === undefined || target === second.target), here = firsts.filter(({ host }) => host === second.host);
    for (const first of here.length > 0 ? here : firsts) if (!(first.rows.includes(to) && second.rows.includes(from))) tied(first, second, here.length > 0, `${from} -> ${to}: ${first.key} before ${second.key}`);
  }
}

/** Edges that were broken by what was sent, in the order in which it was sent. A step that is a word alone is never sent: `words` says whether they were given. */
function brokenBy({ edges }: Runbook, plan: Plan, sent: readonly Sent[], words: boolean): string[] {
  const alone = new Set(openSteps(plan).filter(({ step }) => step.operation === '').map(({ key }) => key));
  const byKey = new Map(sent.filter(({ endedAt }) => endedAt < Infinity).map((each) => [stepKey(each.step, each.host), each])), broken: string[] = [];
  pairs(edges, plan, (first, second, same, edge) => {
    const [before, after] = [byKey.get(first.key), byKey.get(second.key)];
    if (after === undefined || (words && alone.has(first.key))) return;
    if (before === undefined || (same ? before.endedAt > after.endedAt : before.endedAt > after.sentAt)) broken.push(edge);
  });
  return broken;
}

const openSteps = (plan: Plan): { key: string; step: PlanStep }[] => plan.stages.flatMap(({ hosts }) => hosts.flatMap(({ host, steps }) => steps.filter(({ skip }) => skip === undefined).map((step) => ({ key: stepKey(step.id, host), step }))));
/** The same plan with gates before these steps as well. */
function gated(plan: Plan, keys: ReadonlySet<string>): Plan {
  const { digest: _digest, ...content } = plan;
  const stages = plan.stages.map((stage) => ({ ...stage, maxFailures: '100%', hosts: stage.hosts.map(({ host, steps }) => ({ host, steps: steps.map((step) => (keys.has(stepKey(step.id, host)) ? { ...step, gate: 'a word' } : step)) })) }));
  return { ...content, stages, digest: digestOf({ ...content, stages }) };
}

test('no step comes before its edge in the plan: any number of computes, any choice of variables, with and without LVM and bridges', () => {
  let tied = 0;
  fc.assert(fc.property(siteOf, (site) => {
    const plan = planOf(site, real);
    expect(plan.hosts).toHaveLength(site.computes + 1);
    pairs(real.edges, plan, (first, second, same, edge) => { tied += 1; if (same ? first.place > second.place : first.stage >= second.stage) throw new Error(edge); });
  }), { numRuns: 25 });
  expect(tied).toBeGreaterThan(500);
}, SLOW_MS);

test.each([['the real runbook', real], ['the whole procedure in little, serial', little('serial')], ['the whole procedure in little, parallel', little('parallel')], ['the whole procedure in little, in turns', little('turns')]])('no step is sent before its edge, with gates, failures and hosts left out anywhere, and when the run goes on after them: %s', async (_name, runbook) => {
  await fc.assert(fc.asyncProperty(siteOf, fc.infiniteStream(fc.nat({ max: 3 })), fc.infiniteStream(fc.nat({ max: 999 })), async (site, pauses, choices) => {
    const bare = planOf({ ...site, computes: Math.min(site.computes, 12) }, runbook), choose = (): number => choices.next().value as number;
    const open = openSteps(bare), some = (): Set<string> => new Set(Array.from({ length: 3 }, () => open[choose() % open.length]?.key ?? ''));
    const plan = gated(bare, some()), hosts = new HostsInMemory(plan, () => pauses.next().value as number, some());
    const only = plan.hosts.map(({ name }) => name).filter((_name, n) => n === 0 || choose() % 3 > 0);
    await hosts.attempt(choose() % 2 === 0 ? { only } : {});
    expect(brokenBy(runbook, plan, hosts.sent, false)).toEqual([]);
    expect(await hosts.attempt({ ask: () => Promise.resolve({ by: 'ann', reason: 'x' }) })).toBe(0);
    expect(brokenBy(runbook, plan, hosts.sent, true)).toEqual([]);
    const wanted = open.filter(({ step }) => step.operation !== '').map(({ key }) => key).sort();
    expect(hosts.sent.filter(({ endedAt }) => endedAt < Infinity).map(({ step, host }) => stepKey(step, host)).sort()).toEqual(wanted);
  }), { numRuns: 25 });
}, SLOW_MS);
