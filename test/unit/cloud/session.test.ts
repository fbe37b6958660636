import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { openCloud } from '../../../agent/cloud/session.ts';
import { admitLook } from '../../../agent/host/network.ts';
import { openHost } from '../../../agent/host/local.ts';
import { createScrubber } from '../../../agent/host/scrub.ts';
import { recorded, replay, type Exchange } from './replay.ts';

const RELEASES = ['icehouse', 'juno'] as const;
const LOGIN = (release: string): string[] => [`${release}/keystone/05`, `${release}/keystone/21`];
/** The recorded 401 of another path, for this one. */
const unauthorized = (release: string, port: number, path: string): Exchange => ({ request: { method: 'GET', port, path }, response: recorded(`${release}/glance/93-keystone-down-fresh`).response });
const VOLUMES = '/v2/42b86bb849304175bdd2aebe9d704da1/volumes/detail?all_tenants=1';

test.each(RELEASES)('%s: v2.0 gives a token, its catalog the addresses, and every page of a list is read', async (release) => {
  const second = recorded(`${release}/cinder/06`);
  await using cloud = await replay(...LOGIN(release), `${release}/cinder/06`, { ...second, request: { ...second.request, path: `${VOLUMES}&marker=${(second.response.body as { volumes: { id: string }[] }).volumes.at(-1)?.id ?? ''}` }, response: { ...second.response, body: { volumes: [] } } });
  const session = await openCloud(cloud.host(), '/root/rc');
  expect(session.services.map((one) => one.type).sort()).toEqual(expect.arrayContaining(['identity', 'image', 'volume']));
  expect(await session.list('volumev2', '/volumes/detail?all_tenants=1', 'volumes')).toHaveLength((second.response.body as { volumes: unknown[] }).volumes.length);
  expect(cloud.asked.slice(0, 3)).toEqual(['POST :5000/v2.0/tokens', 'GET :35357/v2.0/OS-KSADM/services', `GET :8776${VOLUMES}`]);
});

test.each(RELEASES)('%s: v3 gives a token in a header', async (release) => {
  await using cloud = await replay(`${release}/keystone/14`, `${release}/keystone/29`, `${release}/nova/070`);
  const session = await openCloud(cloud.host({ OS_AUTH_URL: `${cloud.url}/p5000/v3`, OS_PROJECT_NAME: 'admin' }), '/root/rc');
  expect((await session.get<{ services: unknown[] }>('compute', '/os-services')).services).not.toHaveLength(0);
});

test.each(RELEASES)('%s: credentials that are no administrator\'s are refused before a list is believed', async (release) => {
  await using cloud = await replay(`${release}/keystone/05`, { ...recorded(`${release}/keystone/45`), request: recorded(`${release}/keystone/21`).request }, `${release}/neutron/40`);
  await expect(openCloud(cloud.host(), '/root/rc')).rejects.toMatchObject({ code: 'command_failed', message: expect.stringMatching(/admin is no administrator \(HTTP 403 .*admin_required/) as string });
});

test('bad credentials: the identity service itself says so', async () => {
  await using cloud = await replay('juno/keystone/07');
  await expect(openCloud(cloud.host({ OS_PASSWORD: 'wrong' }), '/root/rc')).rejects.toMatchObject({ message: expect.stringMatching(/identity service itself refuses the credentials of admin/) as string });
});

test('a 401 does not prove bad credentials: with a dead identity service the answer names that one', async () => {
  const dead = recorded('juno/keystone/90-db-down-v2');
  await using cloud = await replay(...LOGIN('juno'), { ...dead, request: recorded('juno/keystone/05').request }, unauthorized('juno', 9696, '/v2.0/agents'));
  const session = await openCloud(cloud.host(), '/root/rc');
  await expect(session.get('network', '/v2.0/agents')).rejects.toMatchObject({ message: expect.stringMatching(/the network service answers 401, and the reason is not its own: the identity service answers HTTP 500/) as string });
});

test('a 401 of a token that has run out: a new one is got and the request repeated once', async () => {
  await using cloud = await replay(...LOGIN('juno'), unauthorized('juno', 9696, '/v2.0/agents'), 'juno/neutron/12');
  const session = await openCloud(cloud.host(), '/root/rc');
  expect((await session.get<{ agents: unknown[] }>('network', '/v2.0/agents')).agents).not.toHaveLength(0);
  expect(cloud.asked.slice(2)).toEqual(['GET :9696/v2.0/agents', 'POST :5000/v2.0/tokens', 'GET :9696/v2.0/agents']);
});

test('a 401 to a fresh token: the service does not reach the identity service', async () => {
  await using cloud = await replay(...LOGIN('juno'), unauthorized('juno', 9696, '/v2.0/agents'));
  const session = await openCloud(cloud.host(), '/root/rc');
  await expect(session.get('network', '/v2.0/agents')).rejects.toMatchObject({ message: expect.stringMatching(/401 to a token that the identity service has just issued/) as string });
});

test.each(RELEASES)('%s: an error says which service answered what, in each service\'s own shape', async (release) => {
  await using cloud = await replay(...LOGIN(release), `${release}/cinder/90-db-down-v2`, `${release}/neutron/90-db-down-agents`);
  const session = await openCloud(cloud.host(), '/root/rc');
  await expect(session.get('volumev2', '/volumes/detail')).rejects.toMatchObject({ message: expect.stringMatching(/the volumev2 service answers HTTP 500 to GET \/volumes\/detail: The server has either erred/) as string });
  await expect(session.get('network', '/v2.0/agents')).rejects.toMatchObject({ message: expect.stringMatching(/the network service answers HTTP 500 to GET \/v2\.0\/agents: Request Failed/) as string });
  await expect(session.get('object-store', '/')).rejects.toMatchObject({ message: expect.stringMatching(/no public endpoint of type object-store \(it has compute, identity/) as string });
});

test.each([['POST', 'http://c:8774/v2/t/servers'], ['PUT', 'http://c:5000/v2.0/tokens'], ['DELETE', 'http://c:5000/v3/auth/tokens'], ['POST', 'http://c:35357/v2.0/tokens/x/endpoints'], ['POST', 'http://c:8774/x?a=/v3/auth/tokens'], ['PATCH', 'http://c/']])('a look may not %s %s', (method, url) => {
  expect(() => { admitLook({ method, url }); }).toThrow(/a look only asks/);
});
test.each([['GET', 'http://c/x'], ['HEAD', 'http://c/x'], ['POST', 'http://c:5000/v2.0/tokens'], ['POST', 'https://c/identity/v3/auth/tokens']])('a look may %s %s', (method, url) => {
  expect(() => { admitLook({ method, url }); }).not.toThrow();
});

test('a look is held to that at run time, on the machine itself', async () => {
  const host = openHost({ commandId: 'x', folder: '/nonexistent', secrets: {}, scrubber: createScrubber(), remainingMs: () => Infinity, emit: () => undefined });
  await expect(host.http({ method: 'DELETE' as 'GET', url: 'http://127.0.0.1:1/v2.0/tokens' })).rejects.toMatchObject({ code: 'refused_by_policy' });
});

test('a digest is of what came; a body that stops is a failure and not a checksum', async () => {
  const server = createServer((request, reply) => {
    if (request.url === '/stops') { reply.writeHead(200, { 'content-length': 18 }); reply.write('kern'); return; }
    reply.writeHead(200, { 'content-md5': '478b358b2b27860b1b700da0fa2be784' }).end('KERNEL OF NOTHING\n');
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const host = openHost({ commandId: 'x', folder: '/nonexistent', secrets: {}, scrubber: createScrubber(), remainingMs: () => Infinity, emit: () => undefined });
  try {
    expect(await host.digest({ url: `${url}/whole`, timeoutS: 60, stallS: 60 })).toMatchObject({ status: 200, sizeBytes: 18, md5: 'ba8b59d3e9374e8411b9e07ec3a69b5e' });
    await expect(host.digest({ url: `${url}/stops`, timeoutS: 60, stallS: 0.2 })).rejects.toMatchObject({ code: 'command_failed', message: expect.stringMatching(/nothing came for 0.2 s, after 4 bytes/) as string });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
