import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { prove } from './prove.ts';
import { runId, startStepHost, type StepHost } from './step-host.ts';

/** Files on one host: copied, owned, set, restored from a backup; the backup itself. */
const run = runId('fil');
const medium = '/mnt/backup/controller.example.test', source = { backup: medium, host: 'controller.example.test' };
let host: StepHost;
beforeAll(async () => {
  host = await startStepHost(run);
  await host.sh('subscription-manager repos --enable=rhel-7-server-openstack-6.0-rpms --disable=rhel-7-server-openstack-5.0-rpms; yum -y -q install openstack-keystone rabbitmq-server');
});
afterAll(() => lab.down(run));

describe('operations on a real host: files', () => {
  test('file.copied', async () => {
    const to = '/root/.my.cnf', wanted = await host.sh(`sha256sum <${medium}${to} | cut -c1-64`);
    await prove(host, {
      operation: 'file.copied', args: { from: medium + to, to, mode: '0600', consumer: to }, reverts: true,
      looks: { [`stat -c '%a %U:%G' ${to}`]: '600 root:root', [`cmp ${medium}${to} ${to} && echo same`]: 'same' },
      breaks: [
        { by: `chmod 644 ${to}`, finds: [{ what: `mode of ${to}`, found: '0644', wanted: '0600' }] },
        { by: `chown rabbitmq ${to}`, finds: [{ what: `owner of ${to}`, found: expect.stringMatching(/^\d+:0$/), wanted: '0:0' }] },
        { by: `echo '# more' >>${to}`, finds: [{ what: `sha256 of ${to}`, found: expect.stringMatching(/^[0-9a-f]{64}$/), wanted }] },
        { by: `rm ${to}`, finds: [{ what: to, found: 'missing', wanted: `a copy of ${medium}${to}` }] },
        { by: `rm ${to}; cp ${medium}${to} /root/other; ln -s /root/other ${to}`, finds: expect.arrayContaining([{ what: `type of ${to}`, found: 'symlink', wanted: 'file' }]) as [] },
      ],
    });
  });

  test('file.owned', async () => {
    await host.sh(`mkdir -p /srv/proof/deep; cd /srv/proof; touch a 'b
c' deep/d; ln -s /etc/passwd out; chown -R keystone:keystone .; chown root:root deep/d; chown -h 4242:4243 out; chmod 4755 a; chown rabbitmq a; chmod 4755 a`);
    const list = "cd /srv/proof; find . -printf '%U:%G %m %p\\n' | sort";
    await prove(host, {
      operation: 'file.owned', args: { path: '/srv/proof', user: 'keystone', group: 'keystone', recurse: true }, reverts: true,
      looks: { 'find /srv/proof ! -user keystone -o ! -group keystone | wc -l': '0', [list]: / 4755 \.\/a\n/, 'stat -c %U /etc/passwd; find /srv/proof -user keystone | wc -l': 'root\n7' },
      breaks: [
        { by: 'chown root /srv/proof/deep/d', finds: [{ what: 'owner of /srv/proof/deep/d', found: 'root:keystone', wanted: 'keystone:keystone' }] },
        { by: 'chgrp -h 4243 /srv/proof/out', finds: [{ what: 'owner of /srv/proof/out', found: 'keystone:4243', wanted: 'keystone:keystone' }] },
        { by: 'touch /srv/proof/new', finds: [{ what: 'owner of /srv/proof/new', found: 'root:root', wanted: 'keystone:keystone' }], mend: 'rm /srv/proof/new' },
      ],
    });
  });

  test('ini.set', async () => {
    const file = '/etc/keystone/keystone.conf';
    const read = (section: string, key: string): string => `python3 -c "import configparser; c = configparser.RawConfigParser(strict=False, default_section='-'); c.read('${file}'); print(c.get('${section}', '${key}', fallback='none'))"`;
    const comments = `grep -c ^# ${file}`, kept = await host.sh(comments);
    await prove(host, {
      operation: 'ini.set', reverts: true,
      args: { file, section: 'token', settings: { expiration: '7200' }, secrets: { hash_algorithm: `ini:${medium}${file}#DEFAULT.admin_token` }, knownSections: ['DEFAULT', 'token', 'database'] },
      looks: { [read('token', 'expiration')]: '7200', [`sha256sum ${file}`]: /./, [read('token', 'hash_algorithm')]: await host.sh(`sed -n 's/^admin_token *= *//p' ${medium}${file}`) },
      breaks: [
        { by: `sed -i 's/^expiration *=.*/expiration = 60/' ${file}`, finds: [{ what: '[token] expiration', found: '60', wanted: '7200' }] },
        {
          by: `sed -i '/^expiration *=/d; s/^\\[database\\]/&\\nexpiration = 7200/' ${file}`, mend: `sed -i '0,/^expiration = 7200/{//d}; s/^\\[token\\]/&\\nexpiration = 7200/' ${file}`,
          finds: [{ what: '[token] expiration', found: 'absent (one stands in [database], which does not count)', wanted: '7200' }],
        },
        { by: `printf '[token]\\nexpiration = 5\\n' >>${file}`, finds: [{ what: '[token] expiration', found: '5', wanted: '7200' }] },
        { by: `sed -i 's/^hash_algorithm *=.*/hash_algorithm = other/' ${file}`, finds: [{ what: '[token] hash_algorithm', found: '(secret)', wanted: '(secret), another one' }] },
      ],
    });
    expect(await host.sh(comments), 'comments are kept').toBe(kept);
    expect(await host.sh(`stat -c '%a %U:%G' ${file}`)).toBe('640 root:keystone');
  });

  test('backup.verified', async () => {
    expect(await host.perform('apply', 'backup.verified', source)).toMatchObject({ result: 'unchanged' });
    await host.sh(`cp -a ${medium} /srv/medium; truncate -s -1 /srv/medium/etc/my.cnf; printf x | dd of=/srv/medium/etc/hosts conv=notrunc status=none; rm /srv/medium/root/.my.cnf`);
    const found = await host.verify('backup.verified', { ...source, backup: '/srv/medium' });
    expect(found.satisfied).toBe(false);
    expect(found.differences.map(({ what }) => what).sort()).toEqual(['/srv/medium/etc/hosts', '/srv/medium/etc/my.cnf', '/srv/medium/root/.my.cnf']);
    expect(await host.perform('apply', 'backup.restored', { ...source, backup: '/srv/medium', paths: ['/etc/my.cnf'], to: '/srv/my.cnf' }), 'a damaged file is not restored')
      .toMatchObject({ code: 'precondition_failed', reason: expect.stringMatching(/damaged: \/srv\/medium\/etc\/my\.cnf/) as string });
    expect((await host.trySh('test -e /srv/my.cnf')).code).toBe(1);
    expect(await host.perform('apply', 'backup.verified', { ...source, host: 'other.example.test' })).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('other.example.test') as string });
    await host.sh("sed -i '$d' /srv/medium/manifest.tsv");
    expect(await host.perform('apply', 'backup.verified', { ...source, backup: '/srv/medium' })).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('manifest.tsv') as string });
  });

  test('backup.restored', async () => {
    const hash = await host.sh(`sha256sum <${medium}/etc/rabbitmq/rabbitmq.config | cut -c1-64`);
    await prove(host, {
      operation: 'backup.restored', args: { ...source, paths: ['/etc/rabbitmq'] }, reverts: true,
      looks: {
        [`diff -r ${medium}/etc/rabbitmq /etc/rabbitmq && echo same`]: 'same',
        "stat -c '%a %U:%G' /etc/rabbitmq/rabbitmq.config": '640 root:rabbitmq', "stat -c '%U:%G' /etc/rabbitmq/enabled_plugins": 'rabbitmq:rabbitmq',
      },
      breaks: [
        { by: 'truncate -s 3 /etc/rabbitmq/rabbitmq.config', finds: [{ what: '/etc/rabbitmq/rabbitmq.config', found: expect.stringMatching(/^file 0640 0:\d+ [0-9a-f]{64}$/), wanted: expect.stringContaining(hash) }] },
        { by: 'chgrp root /etc/rabbitmq/rabbitmq.config', finds: [{ what: '/etc/rabbitmq/rabbitmq.config', found: `file 0640 0:0 ${hash}`, wanted: expect.stringMatching(/^file 0640 0:[1-9]/) }] },
        { by: 'chmod 666 /etc/rabbitmq/enabled_plugins', finds: [{ what: '/etc/rabbitmq/enabled_plugins', found: expect.stringContaining('0666'), wanted: expect.any(String) }] },
        { by: 'rm /etc/rabbitmq/enabled_plugins', finds: [{ what: '/etc/rabbitmq/enabled_plugins', found: 'absent', wanted: expect.any(String) }] },
      ],
    });
  });

  test('backup.restored: odd names, links, holes and set-id bits', async () => {
    await prove(host, {
      operation: 'backup.restored', reverts: true,
      args: { ...source, paths: ['/etc/tandem-lab-odd'], to: '/srv/odd', ownerMap: { '#4242': 'keystone' }, groupMap: { '#4243': 'keystone' } },
      looks: {
        [`diff -r --no-dereference ${medium}/etc/tandem-lab-odd /srv/odd | grep -v 'Only in /mnt.*: fifo$'; test -d /srv/odd && echo compared`]: 'compared',
        "cd /srv/odd; stat -c '%a %u:%G %h' setuid unknown-ids hard-one": `4755 0:root 1\n644 ${await host.sh('id -u keystone')}:keystone 1\n644 0:root 2`,
        "test /srv/odd/hard-one -ef '/srv/odd/hard two' && echo one": 'one',
        'test $(stat -c %b /srv/odd/sparse) -lt 1000 && echo sparse': 'sparse',
      },
      breaks: [
        { by: 'chmod u-s /srv/odd/setuid', finds: [{ what: '/srv/odd/setuid', found: expect.stringMatching(/^file 0755 /), wanted: expect.stringMatching(/^file 0?4755 /) }] },
        { by: 'cd /srv/odd; cp -a hard-one x; mv x hard-one', finds: [{ what: expect.stringMatching(/\/srv\/odd\/hard/), found: expect.stringContaining('a file of its own'), wanted: expect.any(String) }] },
        { by: 'cd /srv/odd; ln -sfn /etc/passwd link-absolute', finds: [{ what: '/srv/odd/link-absolute', found: expect.stringContaining('/etc/passwd'), wanted: expect.stringContaining('/etc/hosts') }] },
        { by: 'printf x >>"$(printf "/srv/odd/with\\nnewline")"', finds: [{ what: expect.stringMatching(/with.*newline/s), found: expect.any(String), wanted: expect.any(String) }] },
        { by: 'rmdir /srv/odd/empty-folder', finds: [{ what: '/srv/odd/empty-folder', found: 'absent', wanted: expect.any(String) }] },
      ],
    });
  });
});
