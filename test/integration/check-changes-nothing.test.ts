import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { runId } from './step-host.ts';
import { changedFiles, notCompared, ofServers } from './tree.ts';

/** The packed file on a controller: `tandem check` of the whole plan leaves the host as it is, fresh and half done. */
const run = runId('chk'), folder = mkdtempSync(join(tmpdir(), 'tandem-check-'));
const root = join(import.meta.dirname, '../..');
const source = ['backup=/mnt/backup/controller.example.test', 'host=controller.example.test'];
/** Data of running servers is compared by asking them. */
const served = [...notCompared, ...ofServers];

const sh = async (command: string): Promise<string> => (await lab.exec(run, 'controller', ['sh', '-c', command])).stdout;
async function tandem(...args: string[]): Promise<{ code: number; report: Report }> {
  const ran = await lab.net(run, [join(root, 'dist/tandem'), '--site', join(folder, 'site.yaml'), '--state', join(folder, 'state'), ...args]);
  if (!ran.stdout.startsWith('{')) throw new Error(`tandem ${args.join(' ')}: exit code ${ran.code}\n${ran.stdout}${ran.stderr}`);
  return { code: ran.code, report: JSON.parse(ran.stdout) as Report };
}
interface Report { hosts: { steps: { id: string; result: string; reason: string }[] }[] }
const results = (report: Report): Record<string, string> => Object.fromEntries(report.hosts.flatMap(({ steps }) => steps.map(({ id, result, reason }) => [id, result === 'failed' ? reason : result])));

/** What is in no file: the kernel's rules and addresses, services with their main process, users, packages. */
const live = "iptables-save | grep -v '^[#:]'; ip6tables-save | grep -v '^[#:]'; ip -o addr; systemctl list-unit-files --no-legend --no-pager; "
  // logind makes and drops a user's own units whenever a command like rabbitmqctl changes its user
  + "systemctl show -p Id -p ActiveState -p MainPID '*.service' | awk -v RS= '{ gsub(\"\\n\", \" \"); print }' | grep -v 'Id=user[-@]' | sort; getent passwd; getent group; rpm -qa | sort";
const asked = `${live}; mysqldump --all-databases --skip-dump-date; rabbitmqctl -q eval '{rabbit_auth_backend_internal:list_users(), rabbit_auth_backend_internal:list_permissions()}.'`;

/** Runs `tandem check` and compares everything before and after; resolves with its results by step. */
async function checkAndCompare(except: readonly string[], look: string): Promise<Record<string, string>> {
  const before = { files: changedFiles(run, 'controller', except), state: await sh(look) };
  const { code, report } = await tandem('check', '--json');
  expect(code).toBe(0);
  expect(Object.fromEntries(changedFiles(run, 'controller', except))).toEqual(Object.fromEntries(before.files));
  expect(await sh(look)).toBe(before.state);
  return results(report);
}

beforeAll(async () => {
  await promisify(execFile)(join(root, 'test/lab/start-agents'), [run, folder, 'controller']);
  await lab.net(run, [join(root, 'dist/tandem'), '--site', join(folder, 'site.yaml'), '--state', join(folder, 'state'), 'plan']);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await lab.down(run);
});

describe('tandem check changes nothing', () => {
  test('the comparison sees a change of content, mode, owner, name and rules', async () => {
    const changes = ['echo >>/etc/hosts', 'chmod 600 /etc/hostname', 'chown 1:1 /etc/passwd', 'ln -s a /etc/new', 'rm /etc/motd', 'touch /etc', 'echo x >/root/x; rm /root/x'];
    for (const change of changes) {
      const before = changedFiles(run, 'controller', notCompared);
      await sh(change);
      expect(Object.fromEntries(changedFiles(run, 'controller', notCompared)), change).not.toEqual(Object.fromEntries(before));
    }
    const before = await sh(live);
    await sh('iptables -A INPUT -p tcp --dport 9 -j DROP');
    expect(await sh(live)).not.toBe(before);
    await sh('iptables -F; chown 0:0 /etc/passwd; chmod 644 /etc/hostname; rm /etc/new');
  });

  test('on a fresh host', async () => {
    const by = await checkAndCompare(notCompared, live);
    expect(by).toMatchObject({ R1: 'would_change', C1: 'unchanged', C2: 'would_change', C13: 'would_change', C28: 'would_change' });
    expect(Object.values(by)).not.toContain('changed');
  });

  test('on a host that `tandem op` has brought half the way, each step twice: changed, then unchanged', async () => {
    const ops: string[][] = [
      ['repository.selected', 'enable=rhel-7-server-openstack-6.0-rpms', 'enable=rhel-7-server-rh-common-rpms', 'disable=rhel-7-server-openstack-5.0-rpms'],
      ['package.installed', 'names=iptables-services', 'names=rabbitmq-server', 'names=mariadb-server', 'names=openstack-keystone'],
      ['backup.restored', ...source, 'paths=/var/lib/mysql', 'once=true'],
      ['file.copied', `from=/mnt/backup/controller.example.test/root/.my.cnf`, 'to=/root/.my.cnf', 'mode=0600'],
      ['service.running', 'units=rabbitmq-server', 'units=mariadb'],
    ];
    for (const op of ops) {
      for (const wanted of ['changed', 'unchanged']) {
        const { report } = await tandem('op', '--json', '--host', 'controller', ...op);
        expect(Object.values(results(report)), op.join(' ')).toEqual([wanted]);
      }
    }
    const by = await checkAndCompare(served, asked);
    expect(by, 'now more of the steps can look').toMatchObject({
      C14: 'unchanged', C15: 'would_change', C16: 'unchanged', 'C16.user-openstack': 'would_change', C17: 'unchanged', C18: 'unchanged', C20: 'unchanged',
      C22: 'unchanged', C23: 'would_change', C24: 'unchanged', C26: 'would_change', 'C27.dump': 'would_change', C27: 'would_change', C28: 'would_change',
    });
  });
});
