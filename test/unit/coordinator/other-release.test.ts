import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compilePlan } from '../../../coordinator/plan.ts';
import { loadRunbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';

/** The runbook of test/openstack: another release's facts under the product's own templates. */
const folder = join(import.meta.dirname, '../../openstack/runbook');
const site = parseSite('site.yaml', `tandem: 1
site: lab
runbook: ./runbook
coordinator: {address: 10.77.0.254}
hosts:
  controller: {role: controller, address: 10.77.0.1, fqdn: controller.example.test, backup: /mnt/backup/controller.example.test}
`);
const runbook = loadRunbook('test/openstack/runbook', (path) => (existsSync(join(folder, path)) ? readFileSync(join(folder, path), 'utf8') : undefined));
const steps = compilePlan({ site, runbook, captured: {} }).stages.flatMap(({ hosts }) => hosts.flatMap((host) => host.steps));

test('the templates are the product\'s own', () => {
  expect(realpathSync(join(folder, 'templates'))).toBe(join(import.meta.dirname, '../../../runbooks/osp5-to-osp6/templates'));
  expect(runbook.files.map(({ path }) => path)).toEqual(expect.arrayContaining(['templates/channels.yaml', 'templates/files.yaml', 'templates/schema.yaml']));
});

test('every package, version, command and place of a schema is the other release\'s', () => {
  const made = JSON.stringify(steps.map(({ args, sentence, title }) => [args, sentence, title]));
  expect(made.replaceAll('rhel-7-server-openstack-6.0', '').replaceAll('rhel-7-server-openstack-5.0', '')).not.toMatch(/2014|juno|icehouse|openstack-(keystone|nova|glance|cinder|neutron)|migrate_version/i);
  expect(steps.filter(({ operation }) => operation === 'database.synced').map(({ id, args }) => [id, (args as { to: string }).to])).toEqual([
    ['C27', '29e87d24a316'], ['C34', 'c92a3e68beed'], ['C39', 'wallaby_contract01'], ['C47', '5881373af7f5'], ['D3', '422ece571366'], ['D5', 'b30f573d3377'], ['C55', 'ccb0fa1a2252'],
  ]);
  for (const { args } of steps.filter(({ id, operation }) => operation === 'package.installed' && !['C14', 'C17'].includes(id))) expect((args as { version?: string }).version).toMatch(/^\d+\.\d+\.\*$/);
});
