// What an assertion keeps as evidence, against what the services' own clients printed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cinderServices, cinderVolumes, glanceImages, keystoneEndpoints, neutronAgents, novaServices } from '../../../agent/cloud/tables.ts';
import { computeServices } from '../../../agent/operations/compute.services.ts';
import { clientTable } from '../../../agent/parse/client-table.ts';
import { recorded, replay } from './replay.ts';

const folder = join(import.meta.dirname, '../../fixtures/api');
/** Columns and cells of a printed table, in which some clients centre them; without times, since some were printed a minute later. */
const cells = (lines: readonly string[]): string[][] => lines.filter((line) => line.startsWith('|')).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim().replace(/^\d{4}-\d\d-\d\dT.*/, 'TIME')));
const printed = (release: string, service: string, start: string): string[] => readFileSync(join(folder, release, service, readdirSync(join(folder, release, service)).find((file) => file.startsWith(start))!), 'utf8').trimEnd().split('\n').slice(1);

describe.each(['icehouse', 'juno'])('%s', (release) => {
  const rows = (name: string, key: string): unknown[] => (recorded(`${release}/${name}`).response.body as Record<string, unknown[]>)[key]!;

  test('left-aligned tables are the client\'s, byte for byte', () => {
    expect(neutronAgents(rows('neutron/53', 'agents'))).toEqual(printed(release, 'neutron', 'cli-neutron-agent-list-one-xxx'));
    expect(glanceImages(rows('glance/05', 'images'))).toEqual(printed(release, 'glance', 'cli-glance-image-list'));
  });

  test('the others have its columns, cells and order', () => {
    const sameButName = (lines: string[]): string[][] => cells(lines).map((row) => row.map((cell) => cell.replace(/^Display Name$/, 'Name')));
    expect(cells(novaServices(rows('nova/127', 'services')))).toEqual(cells(printed(release, 'nova', 'cli-nova-service-list-down-disabled')));
    expect(cells(cinderServices(rows('cinder/15', 'services'))).sort()).toEqual(cells(printed(release, 'cinder', 'cli-cinder-service-list')).sort());
    expect(cells(cinderVolumes(rows('cinder/06', 'volumes')))).toEqual(sameButName(printed(release, 'cinder', 'cli-cinder-list-all-tenants')));
    expect(cells(keystoneEndpoints(rows('keystone/20', 'endpoints')))).toEqual(cells(printed(release, 'keystone', 'cli-keystone-endpoint-list')));
  });

  test('an assertion keeps it, also when it does not hold', async () => {
    await using cloud = await replay(`${release}/keystone/05`, `${release}/keystone/21`, `${release}/nova/127`);
    const { satisfied, found } = await computeServices.check(cloud.host(), computeServices.args.parse({ rcFile: '/root/rc', services: [{ binary: 'nova-compute', host: 'cmp1' }] }));
    expect([satisfied, found]).toEqual([false, { services: 6, table: novaServices(rows('nova/127', 'services')) }]);
  });
});

test('a table is bounded in rows and cells, and each row is one line of plain text', () => {
  const long = clientTable(['Name'], [['a\nb\u001b[31m'], ['x'.repeat(500)], ...Array.from({ length: 300 }, (_x, at) => [`row ${String(at)}`])]);
  expect(long.at(3)).toContain('a?b?[31m');
  expect(Math.max(...long.map((line) => line.length))).toBe(124);
  expect(long).toHaveLength(3 + 100 + 1 + 1);
  expect(long.at(-1)).toBe('(202 more rows)');
});

test('only named columns are kept: what a volume or image carries beside is not', () => {
  const given = { id: 'v', name: 'n', status: 'available', metadata: { password: 'PLANTED' }, properties: { key: 'PLANTED' }, attachments: [{ server_id: 's', device: 'PLANTED' }] };
  expect([...cinderVolumes([given]), ...glanceImages([given])].join()).not.toContain('PLANTED');
});
