import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { RunReport } from '../../coordinator/report/schema.ts';
import * as lab from '../lab/lab.ts';
import { effectsOn } from './effects.ts';
import { resultsOf, root, startLabSite, until, type LabSite } from './lab-site.ts';
import { findOnHost, findWords, formsOf, watchProcesses, type Watch } from './secret-search.ts';
import { runId } from './step-host.ts';

/** The whole procedure, as in the demo, with the packed file: done, proven past the product, done again, and nothing told that is secret. */
const id = runId('run');
/** Those that are there from the first step on; the old computes are installed anew in its course. */
const hosts = ['controller', 'compute3'], old = ['compute1', 'compute2'], all = [...hosts, ...old];
let site: LabSite;
let watches: Watch[];
beforeAll(async () => {
  process.env['TANDEM_LIBC'] = 'carried'; // as on RHEL 7: neither side uses the C library of the machine
  site = await startLabSite(id, ...hosts, ...old.map((host) => `${host}=old-compute`));
  watches = await Promise.all(hosts.map(async (host) => await watchProcesses(site, host, [...formsOf('PLANTED'), MARKER])));
});
afterAll(() => site.down());

/** Begins no secret; stands, on purpose, where secrets must not. */
const MARKER = 'MARKER-5b1e';
/** How many rules let a single compute in to everything, as they do while the services are closed to tenants. */
const dark = "iptables -S INPUT | grep -c -- '-s 10.77.0.2/32 -j ACCEPT' || true";
const results = (report: RunReport): string[] => report.hosts.flatMap(({ steps }) => steps.map(({ result, skippedBy }) => (result === 'skipped' ? `skipped by ${skippedBy ?? ''}` : result)));
/** What a person does when the run asks for it. */
async function installAnew(host: string): Promise<void> {
  await promisify(execFile)(join(root, 'scripts/lab'), ['reinstall', id, host, 'compute']);
  await promisify(execFile)(join(root, 'test/lab/give-agent'), [id, site.folder, host]);
  site.anew(host);
  await underPolicy(host);
}
/** From now on the host allows what the plan needs of it, and no more. */
async function underPolicy(host: string): Promise<void> {
  const { stdout } = await site.must('plan', '--policy', host);
  await site.sh(host, `cat >/etc/tandem/policy.yaml <<'END'\n${stdout}\nEND\nchmod 644 /etc/tandem/policy.yaml`);
}
async function ends(code: number, ...words: string[]): Promise<void> {
  const ended = await site.tandem(...words);
  expect(ended.code, `tandem ${words.join(' ')}\n${ended.stdout}${ended.stderr}`).toBe(code);
}

describe('the plan of the demo', () => {
  test('is planned, looked at and carried out', async () => {
    await site.must('plan');
    for (const host of hosts) await underPolicy(host);
    await site.must('check', '--run-id', 'dry');
    await ends(8, 'run', '--run-id', 'first');
    site.anew('controller'); // it was rebooted
    expect(await site.sh('controller', dark), 'computes alone are let in').toBe('1');
    await ends(8, 'approve', 'first', 'C62.word', '--by', 'ann', '--reason', 'the canary booted');
    site.anew('compute3');
    await installAnew('compute1');
    await ends(8, 'resume', 'first');
    await installAnew('compute2');
    await ends(0, 'resume', 'first');
    for (const host of old) site.anew(host);
    const report = await site.report('first');
    expect(new Set(results(report))).toEqual(new Set(['changed', 'unchanged', 'skipped by plan']));
    expect(report.exitCode).toBe(0);
  });

  test('each host has done it under the policy of its plan and on the carried C library', async () => {
    for (const host of all) {
      expect((await site.must('hosts')).stdout).toMatch(new RegExp(`^${host} .*in force`, 'm'));
      const libraries = await site.sh(host, "grep -oE '/[^ ]*[.]so[.0-9]*$' /proc/$(systemctl show -p MainPID --value tandem-agent)/maps | sed -E 's|/[0-9a-f]{16}/[^/]*$||' | sort -u");
      expect(libraries, host).toBe('/var/cache/tandem');
    }
  });

  test('the report is well formed in every format', async () => {
    const schema = z.fromJSONSchema(JSON.parse(readFileSync(join(root, 'docs/report.schema.json'), 'utf8')) as Parameters<typeof z.fromJSONSchema>[0]);
    const report = await site.report('first');
    expect(() => schema.parse(report)).not.toThrow();
    const file = join(site.folder, 'first.xml');
    await site.must('report', 'first', '--format', 'junit', '--out', file);
    const read = 'import sys, xml.etree.ElementTree as tree; r = tree.parse(sys.argv[1]).getroot(); print(len(list(r.iter("testcase"))), len(list(r.iter("skipped"))), len(list(r.iter("failure"))) + len(list(r.iter("error"))))';
    const counted = (await promisify(execFile)('/usr/bin/python3', ['-c', read, file])).stdout.trim();
    expect(counted).toBe(`${results(report).length} ${report.counts.skipped ?? 0} 0`);
    expect((await site.must('report', 'first')).stdout).toContain('Run first of site lab: done');
  });

  test('the hosts are as the report says, seen by other paths', async () => {
    const [version] = (await site.sh('controller', "mysql --defaults-file=/root/.my.cnf -Ne \"SELECT version FROM keystone.migrate_version WHERE repository_id = 'keystone'\"")).split('\n');
    expect(version).toBe('55');
    for (const unit of ['openvswitch', 'iptables', 'rabbitmq-server', 'mariadb', 'openstack-keystone']) expect(await site.sh('controller', `systemctl is-active ${unit}; systemctl is-enabled ${unit}`)).toBe('active\nenabled');
    for (const port of [5000, 35357]) {
      // The restored firewall need not let the coordinator in: asked on the host.
      const there = await site.sh('controller', `python3 -c "import urllib.request as u; a = u.urlopen('http://10.77.0.1:${port}/v2.0/'); print(a.status, 'v2.0' in a.read().decode())"`);
      expect(there).toBe('200 True');
    }
    const nova = async (query: string): Promise<string> => await site.sh('controller', `mysql --defaults-file=/root/.my.cnf nova -Ne '${query}'`);
    expect(await nova('SELECT host, disabled FROM services WHERE deleted = 0 AND `binary` = "nova-compute" ORDER BY host'), 'every compute takes instances').toBe(['compute1', 'compute2', 'compute3'].map((host) => `${host}.example.test\t0`).join('\n'));
    expect(await nova('SELECT hostname, vm_state FROM instances WHERE deleted = 0 ORDER BY hostname'), 'the instances are as before, and no canary is left').toBe('vm-active\tactive\nvm-error\terror\nvm-paused\tpaused\nvm-stopped\tstopped');
    for (const host of all) expect(await site.sh(host, "sed -n '/upgrade_levels/,/^\\[/p' /etc/nova/nova.conf | grep -c '^[a-z]' || true; rpm -q --qf '%{VERSION}' openstack-nova-common"), `no cap on ${host}`).toBe('0\n2014.2.2');
    expect(await site.sh('controller', dark), 'the dark window is over').toBe('0');
    const facts = JSON.parse((await site.must('facts', 'controller', '--json')).stdout) as { controller: { packages: Record<string, string>; repositories: string[] } };
    const installed = (await site.sh('controller', "rpm -qa --qf '%{NAME}\\n' | sort -u")).split('\n');
    expect(Object.keys(facts.controller.packages).sort()).toEqual(installed.sort());
    const enabled = (await site.sh('controller', "yum -q repolist enabled | awk 'NR > 1 { print $1 }'")).split('\n');
    expect([...facts.controller.repositories].sort()).toEqual(enabled.sort());
  });

  test('a new run, with the stored results set aside, changes nothing', async () => {
    const before = await Promise.all(all.map(async (host) => await effectsOn(site, host)));
    expect(before[0]?.counted).toContain('db_sync applied 55');
    expect(before[0]?.counted.match(/^start openstack-keystone$/gm), 'by its step, and by the boot').toHaveLength(2);
    for (const host of all) await site.sh(host, 'systemctl stop tandem-agent; mv /var/lib/tandem/runs /var/lib/tandem-first; systemctl start tandem-agent');
    await until('the agents answer', async () => (await site.tandem('hosts')).code === 0);
    await site.must('run', '--run-id', 'second');
    const report = await site.report('second'), first = await site.report('first');
    expect(report.hosts.flatMap(({ host, steps }) => steps.filter(({ result }) => !['unchanged', 'skipped'].includes(result)).map(({ id: step, result, differences }) => ({ host, step, result, differences })))).toEqual([]);
    expect(new Set(results(report))).toEqual(new Set(['unchanged', 'skipped by plan']));
    expect(results(report)).toHaveLength(results(first).length);
    expect(await Promise.all(all.map(async (host) => await effectsOn(site, host)))).toEqual(before);
    // What was left out has served its purpose: each says so, and the runbook says of each which step spends it.
    const spent = report.hosts.flatMap(({ host, steps }) => steps.filter(({ id: step, result }) => result === 'skipped' && resultsOf(first, host)[step] !== 'skipped').map(({ id: step, reason }) => ({ step, reason })));
    expect(spent.length).toBeGreaterThan(20);
    expect(spent.filter(({ reason }) => !/ \(\S+@\S+ ended well in run first\)$/.test(reason))).toEqual([]);
    // The comparison bites.
    await site.sh('compute3', 'touch /etc/redhat-release');
    expect(await effectsOn(site, 'compute3')).not.toEqual(before[1]);
  });
});

describe('planted secrets', () => {
  const op = async (code: number, ...words: string[]): Promise<string> => {
    const { code: ended, stdout, stderr } = await site.tandem('op', words[0] ?? '', '--host', 'controller', ...words.slice(1));
    expect(ended, stdout + stderr).toBe(code);
    return stdout;
  };

  test('steps that have one in hand, and fail', async () => {
    await site.sh('controller', 'rm /etc/tandem/policy.yaml; systemctl restart tandem-agent'); // these are none of the plan's
    await until('the agent answers', async () => (await site.tandem('hosts')).code === 0);
    const secret = join(site.folder, 'broker-password');
    writeFileSync(secret, 'PLANTED-coordinator-file-8d21\n', { mode: 0o600 });
    const broker = ['rabbitmq.user', 'user=planted', `password=coordinator-file:${secret}`, 'address=10.77.0.1'];
    expect(await op(3, ...broker, 'port=5999')).toContain('AMQP log-in at 10.77.0.1');
    await op(3, ...broker, 'vhost=/nosuch');
    await op(0, ...broker);
    expect(await lab.exec(id, 'controller', ['python3', '-'], { input: readFileSync(join(import.meta.dirname, 'plant.py')) })).toMatchObject({ code: 0 });
    expect(await op(3, 'database.dumped', 'schema=keystone', 'to=/root/never.sql', 'version={"table":"migrate_version","column":"version","where":{"repository_id":"keystone"}}', 'at=55', 'defaultsFile=/root/wrong.cnf')).toContain('Access denied');
    expect(await op(3, 'identity.catalog', 'rcFile=/root/wrong-rc', 'defaultsFile=/root/.my.cnf', 'deadlineS=0')).toContain('401');
    await op(0, 'ini.set', 'file=/root/planted.ini', 'section=DEFAULT', `secrets={"rabbit_password":"coordinator-file:${secret}"}`);
    await op(2, 'ini.set', 'file=/root/planted.ini', 'section=nosuch', 'knownSections=DEFAULT', `secrets={"rabbit_password":"coordinator-file:${secret}"}`);
    expect(await op(3, 'database.synced', 'schema=keystone', 'runAs=keystone', 'sync=["keystone-manage","db_sync"]', 'versionTool=["keystone-manage","db_version"]', 'version={"table":"migrate_version","column":"version","where":{"repository_id":"keystone"}}', 'from=55', 'to=56', 'defaultsFile=/root/.my.cnf')).toContain('Access denied');
    await op(0, 'ini.set', 'file=/etc/keystone/keystone.conf', 'section=database', 'settings={"connection":null}', '--check');
    await op(0, 'ini.set', 'file=/etc/keystone/keystone.conf', 'section=DEFAULT', 'settings={"admin_token":null}', '--check');
    await site.sh('controller', 'cat /root/keystone.conf >/etc/keystone/keystone.conf');
  });

  test('the search finds what is put there on purpose', async () => {
    await op(3, 'file.owned', `path=/root/${MARKER}`, 'user=root', 'group=root');
    await site.sh('controller', `X=${MARKER} sh -c 'sleep 0.3; : ${MARKER}'; printf '%s\\n' '${formsOf(MARKER).join("' '")}' '${Buffer.from(`x${MARKER}y`).toString('base64')}' '${Buffer.from(`xx${MARKER}y`).toString('base64')}' | systemd-cat`);
    const found = await findWords(site, hosts, formsOf(MARKER));
    for (const form of formsOf(MARKER)) expect(found[form], form).toContain('controller:journalctl');
    expect(found[MARKER]?.map((place) => place.replace(/\d{8}-\d{6}-\w{3}/, 'RUN')).sort())
      .toEqual(expect.arrayContaining(['controller:/var/lib/tandem/runs/RUN/journal.jsonl', 'controller:journalctl', 'runs/RUN/journal.jsonl', 'runs/RUN/plan.json', 'printed']));
  });

  test('none is in a journal, report, log, or anything printed', async () => {
    for (const { run } of JSON.parse((await site.must('runs', '--json')).stdout) as { run: string }[]) await site.must('report', run, '--format', 'junit');
    await site.must('report', 'first', '--format', 'json');
    const forms = formsOf('PLANTED'), none = Object.fromEntries(forms.map((form) => [form, []]));
    const held = await findOnHost(id, 'controller', forms, ['/mnt/backup', '/root/.my.cnf', '/etc/keystone']);
    expect(held['PLANTED']?.length, 'files with a planted secret on this very host').toBeGreaterThan(8);
    const found = await findWords(site, hosts, forms);
    // Copies of files kept for the way back hold what the files held; they are root's alone.
    const saved = (place: string): boolean => /^\w+:\/var\/lib\/tandem[^/]*\/(runs\/)?[^/]+\/steps\/[^/]+\/saved\//.test(place);
    expect(Object.fromEntries(Object.entries(found).map(([form, places]) => [form, places.filter((place) => !saved(place))]))).toEqual(none);
    expect(await site.sh('controller', 'stat -c "%a %U" /var/lib/tandem/runs /var/lib/tandem-first | sort -u')).toBe('700 root');
    // The password of keystone's administrator in the backup is a common word: looked for as a password.
    const kept = await site.sh('controller', 'cat /var/lib/tandem/runs/*/journal.jsonl /var/lib/tandem-first/*/journal.jsonl; journalctl --no-pager -o cat');
    const asPassword = /pass(word)?[\\"' :=]+example(?![.\w])/i;
    expect('{"password":"example"}').toMatch(asPassword);
    expect(asPassword.exec(kept + site.printed())?.[0]).toBeUndefined();
  });

  test('none is in the arguments or the environment of any process', async () => {
    for (const [at, { looks, shown }] of (await Promise.all(watches.map(async (watch) => await watch.end()))).entries()) {
      expect(looks).toBeGreaterThan(100);
      expect(shown.filter(({ word }) => word !== MARKER), hosts[at]).toEqual([]);
      if (hosts[at] === 'controller') expect(new Set(shown.map(({ where }) => where)), 'the watch sees what is put there').toEqual(new Set(['cmdline', 'environ']));
    }
  });
});
