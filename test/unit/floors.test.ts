// The floors of .dependency-cruiser.cjs bite: each rule meets a small tree that breaks it, and one that keeps it.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseResult, type IFlattenedRuleSet } from 'dependency-cruiser';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const config = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as IFlattenedRuleSet & { options: { enhancedResolveOptions: object } };

/** rule -> the import that breaks it: who, and what is imported. */
const BROKEN: Record<string, [from: string, imports: string]> = {
  'no-cycles': ['agent/facts/a.ts', './b.ts'],
  'nothing-missing': ['proto/missing.ts', './nowhere.ts'],
  'declared-packages': ['proto/dev.ts', 'vitest'],
  'product-stands-alone': ['coordinator/standing.ts', '../scripts/docs.ts'],
  'proto-is-ground': ['proto/up.ts', '../agent/perform.ts'],
  'parse-is-pure': ['agent/parse/zoned.ts', 'zod'],
  'facts-read': ['agent/facts/act.ts', '../host/local.ts'],
  'cloud-asks': ['agent/cloud/act.ts', '../host/network.ts'],
  'operations-are-small': ['agent/operations/a.local.ts', '../host/local.ts'],
  'operations-use-events-not-wire': ['agent/operations/a.wired.ts', '../../proto/wire.ts'],
  'host-is-a-type': ['agent/host/host.ts', 'node:fs'],
  'one-door-to-the-agent': ['coordinator/reach.ts', '../agent/operations/a.ok.ts'],
  'agent-knows-no-coordinator': ['agent/reach.ts', '../coordinator/site.ts'],
  'main-is-the-top': ['agent/below.ts', './main.ts'],
  'entry-is-the-top': ['coordinator/below.ts', '../tandem.ts'],
  'one-door-grpc': ['coordinator/status.ts', '@grpc/grpc-js'],
  'one-door-protobuf': ['proto/events.ts', 'protobufjs'],
  'one-door-execa': ['agent/runs.ts', 'execa'],
  'one-door-processes': ['coordinator/runs.ts', 'node:child_process'],
  'one-door-files': ['agent/perform.ts', 'node:fs'],
  'planning-is-pure': ['coordinator/plan-order.ts', './store/local.ts'],
};
/** Imports that keep every floor: the doors themselves, and going down. */
const KEPT: [from: string, imports: string][] = [
  ['tandem.ts', './agent/main.ts'], ['tandem.ts', './coordinator/main.ts'], ['agent/service/calls.ts', '@grpc/grpc-js'], ['coordinator/link.ts', '@grpc/grpc-js'], ['coordinator/enrolment-link.ts', '@grpc/grpc-js'],
  ['proto/wire.ts', './contract.ts'], ['proto/contract.ts', 'protobufjs'], ['proto/journal.ts', 'node:fs'], ['agent/host/local.ts', 'node:fs'], ['agent/enrolment/key.ts', 'node:fs'], ['agent/service/enrolment.ts', '@grpc/grpc-js'], ['agent/host/local.ts', 'execa'],
  ['agent/host/local.ts', 'node:child_process'], ['agent/operations/a.ok.ts', '../parse/text.ts'], ['agent/operations/a.ok.ts', '../host/host.ts'],
  ['agent/operations/a.ok.ts', '../cloud/session.ts'], ['agent/cloud/b.ts', '../host/host.ts'], ['agent/cloud/b.ts', '../parse/text.ts'],
  ['agent/operations/a.ok.ts', 'zod'], ['agent/operations/catalogue.ts', './a.ok.ts'], ['agent/facts/b.ts', './a.ts'], ['agent/facts/b.ts', '../parse/text.ts'],
  ['coordinator/site.ts', '../agent/operations/catalogue.ts'], ['coordinator/store/local.ts', 'node:fs'], ['agent/main.ts', './service/server.ts'], ['coordinator/main.ts', './link.ts'], ['agent/service/server.ts', './calls.ts'],
];
const PACKAGES = ['@grpc/grpc-js', 'protobufjs', 'execa', 'zod'];
const OTHERS = ['agent/cloud/session.ts', 'agent/parse/text.ts', 'scripts/docs.ts'];

const tree = mkdtempSync(join(tmpdir(), 'tandem-floors-'));
let broken: string[] = [];

function put(path: string, text: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text, { flag: 'a' });
}

beforeAll(async () => {
  put('package.json', JSON.stringify({ dependencies: Object.fromEntries(PACKAGES.map((name) => [name, '1.0.0'])), devDependencies: { vitest: '1.0.0' } }));
  for (const name of [...PACKAGES, 'vitest']) {
    put(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    put(`node_modules/${name}/index.js`, 'module.exports = {};\n');
  }
  for (const path of OTHERS) put(path, 'export {};\n');
  for (const [from, imports] of [...KEPT, ...Object.values(BROKEN)]) put(from, `import '${imports}';\n`);
  const { forbidden, options } = config;
  const { output } = await cruise(['agent', 'coordinator', 'proto', 'tandem.ts'], { ...options, tsConfig: {}, baseDir: tree, validate: true, ruleSet: { forbidden: forbidden ?? [] } }, options.enhancedResolveOptions);
  broken = (output as ICruiseResult).summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
});
afterAll(() => rmSync(tree, { recursive: true }));

test.each(Object.entries(BROKEN))('%s is an error', (rule, [from]) => {
  expect(broken.filter((line) => line.startsWith(`${rule}: ${from} -> `))).not.toEqual([]);
});

test('every rule of the configuration is shown to bite', () => {
  expect(config.forbidden?.map((rule) => rule.name).sort()).toEqual(Object.keys(BROKEN).sort());
  expect(config.forbidden?.every((rule) => rule.severity === 'error')).toBe(true);
});

test('imports that keep the floors are no errors', () => {
  const fromBroken = new Set(Object.values(BROKEN).map(([from]) => from));
  expect(broken.filter((line) => !fromBroken.has(line.split(' ')[1] ?? ''))).toEqual([]);
});

/** Rows of the mission are named everywhere; releases, their packages and channels are the runbooks' business. */
const COMMAND_TABLE = 'agent/host/commands.ts'; // says of each command which package brings it: that is its source
const RELEASE = /\b(icehouse|juno)\b|\bopenstack-(nova|neutron|keystone|glance|cinder|heat|ceilometer|dashboard|utils|selinux)\b|rhel-7-server-openstack/i;

test('nothing about a release stands in code', () => {
  const found = ['agent', 'coordinator', 'proto', 'tandem.ts'].flatMap((top) => sources(top)).filter((path) => path !== COMMAND_TABLE).flatMap((path) => readFileSync(join(root, path), 'utf8')
    .split('\n').flatMap((line, at) => (RELEASE.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])));
  expect(found).toEqual([]);
});

function sources(top: string): string[] {
  if (top.endsWith('.ts')) return [top];
  return readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).filter((path) => /\.(ts|proto|json)$/.test(path)).map((path) => join(top, path));
}
