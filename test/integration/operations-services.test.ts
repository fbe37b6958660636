import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { prove, proveAssertion } from './prove.ts';
import { runId, startStepHost, type StepHost } from './step-host.ts';

/** Broker, database and Identity service on one host, with the old controller's data, in the runbook's order: a test rests on the ones before it. */
const run = runId('svc');
const medium = '/mnt/backup/controller.example.test', source = { backup: medium, host: 'controller.example.test' };
const data = '/var/lib/mysql', version = { table: 'migrate_version', column: 'version', where: { repository_id: 'keystone' } };
const sql = (statement: string): string => `mysql -BN -e "${statement}"`;
let host: StepHost;
beforeAll(async () => {
  host = await startStepHost(run);
  await host.sh('subscription-manager repos --enable=rhel-7-server-openstack-6.0-rpms --disable=rhel-7-server-openstack-5.0-rpms; yum -y -q install openstack-keystone rabbitmq-server mariadb-server');
  await host.sh(`cp -p ${medium}/root/.my.cnf ${medium}/root/keystonerc_admin /root`);
});
afterAll(() => lab.down(run));

describe('operations on a real host: services', () => {
  test('rabbitmq.user', async () => {
    await host.perform('apply', 'service.running', { units: ['rabbitmq-server'], stableForS: 0 });
    const reference = `ini:${medium}/etc/nova/nova.conf#DEFAULT.rabbit_password`;
    const password = await host.sh(`sed -n 's/^rabbit_password *= *//p' ${medium}/etc/nova/nova.conf`);
    const asked = `{element(1, rabbit_access_control:check_user_pass_login(<<"openstack">>, <<"${password}">>)), rabbit_auth_backend_internal:list_permissions()}.`;
    const refused = { what: 'AMQP log-in at 127.0.0.1', found: 'refused', wanted: 'accepted' };
    await prove(host, {
      operation: 'rabbitmq.user', args: { user: 'openstack', password: reference }, reverts: true,
      looks: { [`rabbitmqctl -q eval '${asked}'`]: /^\{ok,[^]*\{user,<<"openstack">>\}[^]*\{configure,<<"\.\*">>\}/ },
      breaks: [
        {
          by: "rabbitmqctl -q set_permissions -p / openstack '.*' '^$' '.*'; rabbitmqctl -q set_user_tags openstack monitoring",
          finds: [{ what: 'tags', found: 'monitoring', wanted: '' }, { what: 'write permission on /', found: '^$', wanted: '.*' }],
        },
        { by: 'rabbitmqctl -q change_password openstack other', finds: [refused] },
      ],
    });
    expect((await host.sh('ls -A /var/lib/rabbitmq')).split('\n')).not.toContain('.tandem-user');
    await host.sh('systemctl stop rabbitmq-server');
    expect(await host.perform('apply', 'rabbitmq.user', { user: 'openstack', password: reference })).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('the broker does not answer') as string });
  });

  test('backup.restored, once: the data directory', async () => {
    const args = { ...source, paths: [data], once: true };
    expect(await host.perform('apply', 'backup.restored', args)).toMatchObject({ result: 'changed' });
    expect(await host.sh(`diff -r ${medium}${data} ${data} | grep -v tandem; find ${data} ! -user mysql | wc -l`)).toBe('0');
    expect(await host.perform('apply', 'backup.restored', args)).toMatchObject({ result: 'unchanged', reason: expect.stringContaining('filled from this backup before') as string });
  });

  test('mariadb.adopted', async () => {
    const dropIn = '/etc/my.cnf.d/zz-adopted.cnf', size = await host.sh(`stat -c %s ${data}/ib_logfile0`);
    const args = { dataDir: data, carryFrom: `${medium}/etc/my.cnf`, carryKeys: ['max_connections'] };
    const look = "my_print_defaults mysqld | sed -n 's/^--innodb.log.file.size=//p' | tail -1";
    await prove(host, {
      operation: 'mariadb.adopted', args, reverts: true,
      looks: { [look]: size, [`test -e ${data}/tandem-adopted && echo marked`]: 'marked', [`cat ${dropIn}`]: /\[mysqld\]/ },
      breaks: [
        { by: `sed -i 's/^innodb_log_file_size=.*/innodb_log_file_size=5242880/' ${dropIn}`, finds: [{ what: 'server option innodb_log_file_size', found: '5242880', wanted: size }] },
        { by: `rm ${data}/tandem-adopted`, finds: [{ what: `mark in ${data}`, found: 'none', wanted: 'taken over' }] },
      ],
    });
    await host.sh(`chown root ${data}/ibdata1`);
    expect(await host.perform('apply', 'mariadb.adopted', args)).toMatchObject({ code: 'precondition_failed', reason: `${data}/ibdata1 does not belong to mysql; give the directory to it first` });
    await host.sh(`chown mysql ${data}/ibdata1`);
    expect(await host.perform('apply', 'mariadb.adopted', args, { as: 'C22.adopted' })).toMatchObject({ result: 'changed' });
  });

  test('mariadb.upgraded', async () => {
    expect(await host.perform('apply', 'service.running', { units: ['mariadb'] })).toMatchObject({ result: 'changed' });
    const noted = `${data}/mysql_upgrade_info`, now = (await host.sh(sql('SELECT VERSION()'))).replace(/-.*/, '');
    await prove(host, {
      operation: 'mariadb.upgraded', args: {}, reverts: false,
      looks: { [`tr -d '\\0' <${noted}`]: new RegExp(`^${now}`), [sql("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'sys'")]: '1', [`stat -c %U ${noted}`]: 'mysql' },
      breaks: [
        { by: `printf 10.5.23-MariaDB >${noted}`, finds: [{ what: noted, found: '10.5.23', wanted: now }] },
        { by: `mv ${noted} /root`, finds: [{ what: noted, found: 'none', wanted: now }], mend: `mv /root/mysql_upgrade_info ${data}` },
        {
          by: `mysqldump --databases sys --routines >/root/sys.sql; ${sql('DROP DATABASE sys')}`, mend: 'mysql </root/sys.sql',
          finds: [{ what: 'schema sys', found: '0', wanted: '1' }],
        },
      ],
    });
    await host.sh(`rm ${noted}; (mysql -e 'SELECT SLEEP(8)' >/dev/null 2>&1 &); sleep 1`);
    expect(await host.perform('apply', 'mariadb.upgraded', {})).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('clients are connected: root@localhost') as string });
    await host.sh(`printf '%s' ${now}-MariaDB >${noted}; chown mysql ${noted}`);
  });

  test('database.asserted', async () => {
    const { db } = JSON.parse(await host.sh(`cat ${medium}/facts.json`)) as { db: { schemas: Record<string, { tables: number; rows: number }> } };
    const { tables, rows } = db.schemas['keystone'] ?? { tables: 0, rows: 0 };
    const roles = Number(await host.sh(sql('SELECT COUNT(*) FROM keystone.role')));
    await host.sh('mysqldump --databases keystone >/root/keystone.sql');
    const args = { schemas: db.schemas, counts: { keystone: { role: roles } }, errorLog: await host.sh('my_print_defaults mysqld mysqld_safe | sed -n s/^--log.error=//p | tail -1') };
    const mend = `${sql('DROP DATABASE IF EXISTS keystone')}; mysql </root/keystone.sql`;
    await proveAssertion(host, 'database.asserted', args, [
      { by: sql("INSERT INTO keystone.role (id, name) VALUES ('x', 'x')"), mend, finds: [{ what: 'rows of keystone', found: String(rows + 1), wanted: String(rows) }, { what: 'rows of keystone.role', found: String(roles + 1), wanted: String(roles) }] },
      { by: sql('DROP TABLE keystone.policy'), mend, finds: expect.arrayContaining([{ what: 'tables of keystone', found: String(tables - 1), wanted: String(tables) }]) as [] },
      { by: sql('DROP DATABASE keystone'), mend, finds: expect.arrayContaining([{ what: 'schema keystone', found: 'absent or empty', wanted: 'present' }]) as [] },
    ]);
  });

  test('database.dumped', async () => {
    const to = '/var/lib/tandem/dumps/keystone.sql', args = { schema: 'keystone', to, version, at: [44] };
    await prove(host, {
      operation: 'database.dumped', args, reverts: false,
      looks: { [`tail -1 ${to}`]: /^-- Dump completed/, [`stat -c '%a %U' ${to}; stat -c %a /var/lib/tandem/dumps`]: '600 root\n700', [`test $(sha256sum <${to} | cut -c1-64) = $(sed -n 's/.*"sha256": "\\(.*\\)".*/\\1/p' ${to}.json) && echo whole`]: 'whole' },
      breaks: [
        { by: `truncate -s -100 ${to}`, finds: [{ what: 'dump of schema keystone', found: 'none', wanted: `one of the present state in ${to}` }, { what: `last line of ${to}`, found: expect.any(String), wanted: '-- Dump completed' }] },
        { by: sql("INSERT INTO keystone.role (id, name) VALUES ('x', 'x')"), finds: [{ what: 'dump of schema keystone', found: expect.stringMatching(/^another state \(.*role/), wanted: `one of the present state in ${to}` }] },
      ],
    });
    expect(await host.sh(sql("SHOW DATABASES LIKE 'tandem%'")), 'the scratch schema is gone').toBe('');
    await host.sh(sql("DELETE FROM keystone.role WHERE id = 'x'"));
  });

  test('database.synced', async () => {
    expect(await host.perform('apply', 'backup.restored', { ...source, paths: ['/etc/keystone'] }, { as: 'C26' })).toMatchObject({ result: 'changed' });
    const at = sql("SELECT version FROM keystone.migrate_version WHERE repository_id = 'keystone'"), tool = 'runuser -u keystone -- keystone-manage db_version';
    const args = {
      schema: 'keystone', runAs: 'keystone', sync: ['keystone-manage', 'db_sync'], versionTool: ['keystone-manage', 'db_version'], flush: ['keystone-manage', 'token_flush'],
      version, from: [44], to: 55, logDir: '/var/log/keystone',
    };
    await host.sh('touch /var/log/keystone/as-root.log');
    const rooted = { code: 'precondition_failed', reason: expect.stringMatching(/as-root\.log belongs to root.*cure: chown keystone/) as string };
    expect(await host.perform('apply', 'database.synced', args)).toMatchObject(rooted);
    await host.sh('rm /var/log/keystone/as-root.log');
    await prove(host, {
      operation: 'database.synced', args, reverts: false,
      looks: { [at]: '55', [tool]: /^55\b/m, [sql("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'keystone' AND TABLE_NAME = 'id_mapping'")]: '1' },
      breaks: [{ by: sql("UPDATE keystone.migrate_version SET version = 54 WHERE repository_id = 'keystone'"), mend: sql("UPDATE keystone.migrate_version SET version = 55 WHERE repository_id = 'keystone'"), finds: [{ what: 'version of schema keystone', found: '54', wanted: '55' }, { what: 'version that keystone-manage db_version prints', found: '54', wanted: '55' }] }],
    });
    expect(await host.perform('apply', 'database.dumped', { schema: 'keystone', to: '/var/lib/tandem/dumps/keystone.sql', version, at: [44] })).toMatchObject({ result: 'unchanged', reason: expect.stringContaining('no longer at 44') as string });
    await host.sh('touch /var/log/keystone/as-root.log');
    expect(await host.verify('database.synced', args), 'a log of root is found afterwards too').toMatchObject(rooted);
    await host.sh('rm /var/log/keystone/as-root.log');
    await host.sh(sql('ALTER TABLE keystone.policy CONVERT TO CHARACTER SET latin1'));
    expect(await host.verify('database.synced', args)).toMatchObject({ code: 'precondition_failed', reason: expect.stringMatching(/tables policy of keystone are not utf8/) as string });
    await host.sh(sql('ALTER TABLE keystone.policy CONVERT TO CHARACTER SET utf8'));
  });

  test('port.listening', async () => {
    expect(await host.perform('apply', 'service.running', { units: ['openstack-keystone'], stableForS: 1 })).toMatchObject({ result: 'changed' });
    const args = { address: '10.77.0.1', port: 5000, deadlineS: 1 }, what = 'port 5000 on 10.77.0.1';
    await proveAssertion(host, 'port.listening', args, [
      { by: 'systemctl stop openstack-keystone', mend: 'systemctl start openstack-keystone', finds: [{ what, found: 'without a listener', wanted: 'listening' }] },
      { by: 'iptables -I INPUT -p tcp --dport 5000 -j DROP', mend: 'iptables -F INPUT', finds: [{ what, found: 'no connection accepted within 5 s', wanted: 'a connection' }] },
      {
        by: 'systemctl stop openstack-keystone; systemd-run --quiet --unit=elsewhere python3 -m http.server --bind 127.0.0.1 5000; sleep 1', mend: 'systemctl stop elsewhere; systemctl start openstack-keystone',
        finds: [{ what, found: 'only on 127.0.0.1', wanted: 'listening' }],
      },
    ]);
    await host.sh('systemctl stop openstack-keystone; systemd-run --quiet --on-active=2 --timer-property=AccuracySec=100ms systemctl start openstack-keystone');
    expect(await host.perform('apply', 'port.listening', { ...args, deadlineS: 60 }), 'holds within its deadline').toMatchObject({ result: 'unchanged' });
    expect(await host.perform('apply', 'port.listening', { port: 3306, process: 'sshd', deadlineS: 0 })).toMatchObject({ code: 'verify_failed', reason: expect.stringMatching(/^holder of port 3306 is (mysqld|mariadbd), wanted sshd$/) as string });
  });

  test('http.answered', async () => {
    const url = 'http://10.77.0.1:5000/v2.0/', args = { url, bodyContains: 'v2.0', deadlineS: 1 };
    const start = 'systemctl stop elsewhere; systemctl start openstack-keystone';
    await proveAssertion(host, 'http.answered', args, [
      { by: 'systemctl stop openstack-keystone', mend: 'systemctl start openstack-keystone', finds: [{ what: url, found: expect.stringMatching(/^no answer .*ECONNREFUSED/), wanted: 'an answer' }] },
      { by: 'systemctl stop openstack-keystone; systemd-run --quiet --unit=elsewhere python3 -m http.server 5000 --directory /srv; sleep 1', mend: start, finds: [{ what: `status of ${url}`, found: '404', wanted: '200' }, { what: `body of ${url}`, found: expect.any(String), wanted: 'holding "v2.0"' }] },
      { by: 'systemctl stop openstack-keystone; mkdir -p /srv/v2.0; systemd-run --quiet --unit=elsewhere sh -c "echo no catalog >/srv/v2.0/index.html; exec python3 -m http.server 5000 --directory /srv"; sleep 1', mend: start, finds: [{ what: `body of ${url}`, found: '"no catalog\\n"', wanted: 'holding "v2.0"' }] },
    ]);
  });

  test('identity.catalog', async () => {
    const args = { rcFile: '/root/keystonerc_admin', services: [{ type: 'identity', name: 'keystone' }], schema: 'keystone', deadlineS: 1 };
    await proveAssertion(host, 'identity.catalog', args, [
      { by: 'systemctl stop openstack-keystone', mend: 'systemctl start openstack-keystone', finds: [{ what: 'the cloud', found: expect.stringContaining('ECONNREFUSED'), wanted: 'an answer' }] },
      { by: "sed -i 's/PASSWORD=.*/PASSWORD=wrong/' /root/keystonerc_admin", mend: `cp -p ${medium}/root/keystonerc_admin /root`, finds: [{ what: 'the cloud', found: expect.stringContaining('401'), wanted: 'an answer' }] },
      {
        by: sql("UPDATE keystone.service SET extra = REPLACE(extra, 'keystone', 'other') WHERE type = 'identity'"), mend: sql("UPDATE keystone.service SET extra = REPLACE(extra, 'other', 'keystone') WHERE type = 'identity'"),
        finds: [{ what: 'service identity keystone', found: 'not in the catalog', wanted: 'present' }],
      },
    ]);
  });
});
