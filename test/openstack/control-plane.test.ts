import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '../../coordinator/report/schema.ts';
import { resultsOf, root, startLabSite, until, type LabSite } from '../integration/lab-site.ts';
import { runId } from '../integration/step-host.ts';

/** The product's templates with other release facts (runbook/): real services of Debian's OpenStack, seen by the product and by the services' own clients. */
let site: LabSite;
beforeAll(async () => {
  site = await startLabSite(runId('os'), 'controller=openstack');
  writeFileSync(join(site.folder, 'site.yaml'), `tandem: 1
site: lab
runbook: ${join(root, 'test/openstack/runbook')}
pki: ./pki
coordinator: {address: 10.77.0.254}
hosts:
  controller: {role: controller, address: 10.77.0.1, fqdn: controller.example.test, backup: /mnt/backup/controller.example.test}
`);
});
afterAll(() => site.down());

const UNITS = ['rabbitmq-server', 'mariadb', 'keystone', 'glance-api', 'cinder-api', 'cinder-scheduler', 'cinder-volume', 'neutron-api', 'neutron-rpc-server',
  'neutron-metadata-agent', 'neutron-dhcp-agent', 'placement-api', 'nova-api', 'nova-conductor', 'nova-scheduler', 'nova-compute'];
const RC = 'rcFile=/root/keystonerc_admin';
const sh = (command: string): Promise<string> => site.sh('controller', command);
const results = (report: RunReport): Set<string> => new Set(report.hosts.flatMap(({ steps }) => steps.map(({ result, skippedBy }) => (result === 'skipped' ? `skipped by ${skippedBy ?? ''}` : result))));
const changedIn = (report: RunReport): string[] => Object.entries(resultsOf(report, 'controller')).filter(([, result]) => result === 'changed').map(([id]) => id);
const op = async (...words: string[]): Promise<{ code: number; printed: string }> => {
  const { code, stdout, stderr } = await site.tandem('op', words[0] ?? '', '--host', 'controller', ...words.slice(1));
  return { code, printed: stdout + stderr };
};
/** The table of the services' own client, as rows. */
const client = async (command: string): Promise<Record<string, unknown>[]> => JSON.parse(await sh(`. /root/keystonerc_admin; openstack ${command} -f json 2>/dev/null`)) as Record<string, unknown>[];
const versions = (base: string): Promise<string> => sh(`mysql -Ne 'SELECT version_num FROM ${base}.alembic_version ORDER BY 1' | paste -sd' '`);
const processes = async (): Promise<string> => await sh(`systemctl show -p Id -p MainPID -p ActiveState -p UnitFileState ${UNITS.join(' ')}; cat /var/log/tandem-lab/effects`);

test('a control plane comes up from the backup of an older one', async () => {
  await site.must('plan');
  await site.must('run', '--run-id', 'first');
  const report = await site.report('first');
  expect(results(report)).toEqual(new Set(['changed', 'unchanged', 'skipped by plan']));
  for (const id of ['C25', 'C26.merged', 'C27', 'C28', 'C34', 'C39', 'C47', 'D3', 'D5', 'C55', 'C56', 'C62']) expect(changedIn(report)).toContain(id);
});

test('the services are as the report says, seen by their own clients', async () => {
  expect(await versions('keystone')).toBe('29e87d24a316 e25ffa003242');
  expect(await versions('glance')).toBe('wallaby_contract01');
  expect(await versions('cinder')).toBe('c92a3e68beed');
  expect(await versions('neutron')).toBe('5881373af7f5 5c85685d616d');
  expect(await versions('placement')).toBe('422ece571366');
  expect(await versions('nova_api')).toBe('b30f573d3377');
  for (const base of ['nova', 'nova_cell0']) expect(await versions(base)).toBe('ccb0fa1a2252');
  expect(await sh(`systemctl show -p ActiveState -p UnitFileState ${UNITS.join(' ')} | grep . | sort | uniq -c | tr -s ' '`)).toBe(` ${UNITS.length} ActiveState=active\n ${UNITS.length} UnitFileState=enabled`);
  expect((await client('image list')).map((one) => one['Name']).sort()).toEqual(['cirros', 'larger']);
  expect(await client('volume list --all-projects')).toMatchObject([{ Name: 'kept', Status: 'available' }]);
  expect((await client('network agent list')).map((one) => [one['Binary'], one['Alive']]).sort()).toEqual([['neutron-dhcp-agent', true], ['neutron-metadata-agent', true]]);
  expect((await client('compute service list')).map((one) => [one['Binary'], one['State']]).sort()).toEqual([['nova-compute', 'up'], ['nova-conductor', 'up'], ['nova-scheduler', 'up']]);
  expect(await client('server list --all-projects --deleted')).toMatchObject([{ Name: 'canary-C62' }]);
});

test('a new run, with the stored results set aside, changes nothing', async () => {
  const before = await processes();
  await sh('systemctl stop tandem-agent; mv /var/lib/tandem/runs /var/lib/tandem-first; systemctl start tandem-agent');
  await until('the agent answers', async () => (await site.tandem('hosts')).code === 0);
  await site.must('run', '--run-id', 'second');
  expect(results(await site.report('second'))).toEqual(new Set(['unchanged', 'skipped by plan']));
  expect(await processes()).toBe(before);
});

test('what is made through the APIs is listed and comes down as it went up', async () => {
  await sh('. /root/keystonerc_admin; head -c 3000 /dev/urandom >/root/new.raw; openstack image create --file /root/new.raw --disk-format raw --container-format bare new; openstack volume create --size 1 new');
  const { code, printed } = await op('image.listed', RC, 'api=v2', 'schema=glance', 'download=all');
  expect(code, printed).toBe(0);
  await until('the volume is made', async () => (await client('volume list')).some((one) => one['Name'] === 'new' && one['Status'] === 'available'));
  expect((await op('volume.listed', RC, 'schema=cinder', 'serviceType=volumev3', 'notIn=error')).code).toBe(0);
});

test('a service that is stopped, an image that is another and a volume that nobody knows are found', async () => {
  const images = ['image.listed', RC, 'api=v2', 'schema=glance', 'download=all'];
  const services = ['compute.services', RC, 'services=[{"binary":"nova-scheduler","host":"controller"}]', 'maxAgeS=25'];
  const volumes = ['volume.listed', RC, 'schema=cinder', 'serviceType=volumev3'];
  for (const words of [images, services, volumes]) expect((await op(...words)).code, words[0]).toBe(0);
  const now = (...words: string[]): ReturnType<typeof op> => op(...words, 'deadlineS=0');

  await sh('systemctl stop nova-scheduler'); // its last report is held for fresh for a while
  await sh('cp -a /var/lib/glance/images /var/lib/glance/kept; for image in /var/lib/glance/images/*; do printf x | dd of=$image conv=notrunc status=none; done');
  expect(await now(...images)).toMatchObject({ code: 3, printed: expect.stringContaining('content of image') as string });
  await sh('rm -r /var/lib/glance/images; mv /var/lib/glance/kept /var/lib/glance/images; systemctl stop glance-api');
  expect(await now(...images)).toMatchObject({ code: 3, printed: expect.stringContaining('image') as string });
  await sh("mysql -e \"UPDATE cinder.volumes SET deleted = 1 WHERE display_name = 'kept'\"; systemctl stop cinder-api");
  expect((await now(...volumes)).code).toBe(3);
  await sh("mysql -e \"UPDATE cinder.volumes SET deleted = 0 WHERE display_name = 'kept'\"");
  await until('the stopped scheduler is found', async () => (await now(...services)).code === 3);
  await sh('systemctl stop keystone');
  expect((await now(...services)).printed).toContain('auth/tokens: connect ECONNREFUSED');

  await site.must('run', '--run-id', 'third');
  expect(changedIn(await site.report('third'))).toEqual(['C28', 'C35', 'C42', 'C56']);
});
