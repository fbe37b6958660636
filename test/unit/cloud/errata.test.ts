// What the document and its traps get wrong about the APIs, against what the real services answered.
import { describe, expect, test } from 'vitest';
import { imageListed } from '../../../agent/operations/image.listed.ts';
import { networkAgents } from '../../../agent/operations/network.agents.ts';
import type { Operation } from '../../../agent/operations/operation.ts';
import { volumeListed } from '../../../agent/operations/volume.listed.ts';
import { volumeServices } from '../../../agent/operations/volume.services.ts';
import type { Host } from '../../../agent/host/host.ts';
import { recorded, replay, type Exchange, type Replay } from './replay.ts';

const RELEASES = ['icehouse', 'juno'] as const;
const LOGIN = (release: string): string[] => [`${release}/keystone/05`, `${release}/keystone/21`];
interface Row { id: string; status: string; checksum?: string | null; size?: number }
const rowsOf = (one: Exchange, key: string): Row[] => (one.response.body as Record<string, Row[]>)[key]!;

/** A host on which the database client gives this text. */
const withDatabase = (cloud: Replay, stdout: string): Host => ({ ...cloud.host(), read: async (argv) => ({ argv, exitCode: 0, signal: '', stdout, stderr: '' }) });
const check = async (operation: Operation, host: Host, args: Record<string, unknown>): ReturnType<Operation['check']> => await operation.check(host, operation.args.parse({ rcFile: '/root/rc', ...args }));
/** The page behind the last one. */
const lastPage = (one: Exchange, key: string): Exchange => ({ ...one, request: { ...one.request, path: `${one.request.path}${one.request.path.includes('?') ? '&' : '?'}marker=${rowsOf(one, key).at(-1)!.id}` }, response: { ...one.response, body: { [key]: [] } } });

describe.each(RELEASES)('%s', (release) => {
  test('E21: `cinder list` shows one tenant; every tenant\'s volumes are compared with the rows', async () => {
    const all = recorded(`${release}/cinder/06`), own = recorded(`${release}/cinder/08`);
    await using cloud = await replay(...LOGIN(release), all, lastPage(all, 'volumes'), own, lastPage(own, 'volumes'));
    const look = await check(volumeListed, withDatabase(cloud, rowsOf(all, 'volumes').map((one) => `${one.id}\t${one.status}\n`).join('')), { schema: 'cinder' });
    expect(look.differences).toEqual([]);
    expect(rowsOf(own, 'volumes').length, 'else this test proves nothing').toBeLessThan(rowsOf(all, 'volumes').length);
  });

  test('E21: `glance image-list` shows one tenant\'s and the public ones; every image is compared with the rows', async () => {
    const all = recorded(`${release}/glance/05`), own = recorded(`${release}/glance/04`);
    await using cloud = await replay(...LOGIN(release), all, lastPage(all, 'images'), own, lastPage(own, 'images'));
    const rows = rowsOf(all, 'images').map((one) => `image\t${one.id}\t${one.status}\t${one.checksum ?? 'NULL'}\t${one.size ?? 0}\n`).join('');
    expect((await check(imageListed, withDatabase(cloud, rows), { schema: 'glance', download: 'none' })).differences).toEqual([]);
    expect(cloud.asked).toContain(`GET :9292${all.request.path}`);
  });

  test('a checksum in the headers proves nothing: the one of what came is compared', async () => {
    const all = recorded(`${release}/glance/05`), damaged = recorded(`${release}/glance/40`), small = rowsOf(all, 'images').find((one) => one.size === 18)!;
    await using cloud = await replay(...LOGIN(release), all, lastPage(all, 'images'), { ...damaged, request: { ...damaged.request, path: `/v1/images/${small.id}` } });
    const rows = rowsOf(all, 'images').map((one) => `image\t${one.id}\t${one.status}\t${one.checksum ?? 'NULL'}\t${one.size ?? 0}\n`).join('');
    expect(damaged.response.headers).toContainEqual(['X-Image-Meta-Checksum', small.checksum]);
    expect((await check(imageListed, withDatabase(cloud, rows), { schema: 'glance' })).differences).toMatchObject([{ found: '18 bytes, md5 ba8b59d3e9374e8411b9e07ec3a69b5e' }]);
  });

  test('trap 24: an agent whose reports are dropped for their time is told from the server\'s side, with that as a cause', async () => {
    await using cloud = await replay(...LOGIN(release), `${release}/neutron/53`);
    const { differences } = await check(networkAgents, cloud.host(), { agents: [{ binary: 'neutron-l3-agent', host: 'controller' }, { binary: 'neutron-dhcp-agent', host: 'controller' }] });
    expect(differences).toMatchObject([{ what: 'neutron-l3-agent on controller', found: expect.stringMatching(/dead.*clock is behind the server's start/) as string }]);
  });

  test('an ordinary user\'s list of agents is empty and 200: the agents are not what is missing', async () => {
    await using cloud = await replay(`${release}/keystone/05`, { ...recorded(`${release}/keystone/45`), request: recorded(`${release}/keystone/21`).request }, { ...recorded(`${release}/neutron/40`), request: recorded(`${release}/neutron/12`).request });
    const { differences } = await check(networkAgents, cloud.host(), { agents: [{ binary: 'neutron-dhcp-agent', host: 'controller' }] });
    expect(differences).toMatchObject([{ what: 'the cloud', found: expect.stringMatching(/is no administrator/) as string }]);
  });

  test('a version list is no health check: it answers with the database down, and the services are found broken', async () => {
    const versions = recorded(`${release}/cinder/90-db-down-versions`), broken = recorded(`${release}/cinder/90-db-down-v2`);
    expect(versions.response.status).toBe(200);
    await using cloud = await replay(...LOGIN(release), versions, { ...broken, request: recorded(`${release}/cinder/15`).request });
    const { satisfied, differences } = await check(volumeServices, cloud.host(), { services: [{ binary: 'cinder-volume', host: 'controller.example.test' }] });
    expect(satisfied).toBe(false);
    expect(differences).toMatchObject([{ found: expect.stringMatching(/the volumev2 service answers HTTP 500/) as string }]);
  });

  test('a list that is green is no proof: what it shows is a minute old', async () => {
    const up = recorded(`${release}/cinder/15`);
    await using cloud = await replay(...LOGIN(release), { ...up, response: { ...up.response, headers: [...up.response.headers, ['Date', 'Mon, 23 Nov 2026 07:04:30 GMT']] } });
    const { differences } = await check(volumeServices, cloud.host(), { services: [{ binary: 'cinder-volume', host: 'controller.example.test' }] });
    expect(differences).toMatchObject([{ what: 'last report of cinder-volume on controller.example.test', found: expect.stringMatching(/^\d\d s old$/) as string }]);
  });
});
