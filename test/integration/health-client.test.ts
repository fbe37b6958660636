import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { root, startLabSite, type LabSite } from './lab-site.ts';
import { runId } from './step-host.ts';

/** grpc.health.v1 of an agent, asked by a client of another make: Debian's python3-grpcio (health-client.py). */
const program = promisify(execFile);
const python = '/usr/bin/python3';
const id = runId('hc');
let site: LabSite;
beforeAll(async () => {
  const there = await program(python, ['-c', 'import grpc']).then(() => true, () => false);
  if (!there) await program('apt-get', ['install', '-y', '--no-install-recommends', 'python3-grpcio'], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  site = await startLabSite(id, 'one');
  await site.must('pki', 'issue', 'ann', '--role', 'observer');
  await program(join(root, 'dist/tandem'), ['pki', 'init', '--name', 'lab', '--dir', join(site.folder, 'other')]);
});
afterAll(() => site.down());

/** One question from the run's network; `own` is the client's certificate and key, in the site's folder. */
async function ask(service: string, own: string[] = ['pki/operator.crt', 'pki/operator.key'], authority = 'pki/ca.crt', host = 'one'): Promise<string> {
  const files = [authority, ...own].map((path) => join(site.folder, path));
  const asked = await lab.net(id, [python, join(import.meta.dirname, 'health-client.py'), '10.77.0.1:7443', host, service, ...files]);
  expect(asked, asked.stderr).toMatchObject({ code: 0 });
  return asked.stdout.trim();
}

describe('a gRPC health client of another make', () => {
  test.each(['', 'tandem.v1.AgentService', 'memory'])('gets SERVING for "%s"', async (service) => {
    expect(await ask(service)).toBe('SERVING');
  });

  test('an observer may ask too', async () => {
    expect(await ask('', ['pki/issued/ann/observer.crt', 'pki/issued/ann/observer.key'])).toBe('SERVING');
  });

  test('is told that there is no such service', async () => {
    expect(await ask('nosuch')).toBe('NOT_FOUND no subsystem nosuch; tandem health lists them');
  });

  test('is refused without a certificate', async () => {
    expect(await ask('', [])).toMatch(/^UNAVAILABLE /);
  });

  test('is refused with a certificate of another authority', async () => {
    expect(await ask('', ['other/operator.crt', 'other/operator.key'])).toMatch(/^UNAVAILABLE /);
  });

  test('refuses, for its part, an agent of another authority, or of another name', async () => {
    expect(await ask('', undefined, 'other/ca.crt')).toMatch(/^UNAVAILABLE /);
    expect(await ask('', undefined, undefined, 'two')).toMatch(/^UNAVAILABLE /);
    expect(await ask('')).toBe('SERVING');
  });
});
