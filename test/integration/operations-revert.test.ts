import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { foundBy, runId, startStepHost, type Answer, type StepHost } from './step-host.ts';

/** The way back of the database steps on one host with the old controller's data: dumped, synced, running; and back, the last first. */
const run = runId('rev');
const medium = '/mnt/backup/controller.example.test', source = { backup: medium, host: 'controller.example.test' };
const version = { table: 'migrate_version', column: 'version', where: { repository_id: 'keystone' } };
const dump = '/var/lib/tandem/dumps/keystone.sql';
const dumped = { schema: 'keystone', to: dump, version, at: [44] };
const synced = {
  schema: 'keystone', runAs: 'keystone', sync: ['keystone-manage', 'db_sync'], versionTool: ['keystone-manage', 'db_version'], version,
  from: [44], to: 55, logDir: '/var/log/keystone', dump,
};
const running = { units: ['openstack-keystone'], stableForS: 1 };
const sql = (statement: string): string => `mysql -BN -e "${statement}"`;
const contents = 'mysqldump --skip-dump-date --skip-comments --order-by-primary --routines --triggers keystone | sha256sum';
const at = sql("SELECT version FROM keystone.migrate_version WHERE repository_id = 'keystone'");
const unit = 'systemctl is-active openstack-keystone; systemctl is-enabled openstack-keystone';
const dumps = 'cd /var/lib/tandem/dumps 2>/dev/null && sha256sum keystone.sql keystone.sql.json 2>/dev/null; stat -c %a /var/lib/tandem/dumps/keystone.sql';
let host: StepHost;
/** How the host was before the steps, and what each step found. */
let before: string[];
let first: { dumped: Answer; synced: Answer; running: Answer };

const looks = async (): Promise<string[]> => await Promise.all([contents, at, unit, dumps].map(async (look) => (await host.trySh(look)).printed));
const back = async (operation: string, args: Record<string, unknown>, answer: Answer): Promise<Answer> => await host.perform('revert', operation, args, { revertTo: foundBy(answer) });

beforeAll(async () => {
  host = await startStepHost(run);
  await host.sh('subscription-manager repos --enable=rhel-7-server-openstack-6.0-rpms --disable=rhel-7-server-openstack-5.0-rpms; yum -y -q install openstack-keystone mariadb-server');
  await host.sh(`cp -p ${medium}/root/.my.cnf /root`);
  for (const [operation, args] of [
    ['backup.restored', { ...source, paths: ['/var/lib/mysql'], once: true }], ['mariadb.adopted', {}], ['service.running', { units: ['mariadb'] }],
    ['mariadb.upgraded', {}], ['backup.restored', { ...source, paths: ['/etc/keystone'] }],
  ] as const) expect(await host.perform('apply', operation, args, { as: `${operation}-${JSON.stringify(args).length}` }), operation).toMatchObject({ result: 'changed' });
  before = await looks();
});
afterAll(() => lab.down(run));

describe('the database goes back to its dump', () => {
  test('dumped, synced, running', async () => {
    const change = async (operation: string, args: Record<string, unknown>): Promise<Answer> => {
      const answer = await host.perform('apply', operation, args);
      expect(answer, operation).toMatchObject({ result: 'changed' });
      return answer;
    };
    first = { dumped: await change('database.dumped', dumped), synced: await change('database.synced', synced), running: await change('service.running', running) };
    expect(await host.sh(at)).toBe('55');
  });

  test('not while its service has it open', async () => {
    await host.sh("(mysql keystone -e 'SELECT SLEEP(6)' >/dev/null 2>&1 &); sleep 1");
    expect(await back('database.synced', synced, first.synced)).toMatchObject({ code: 'precondition_failed', reason: expect.stringMatching(/in use by root@localhost; stop the services first; nothing was dropped/) as string });
    expect(await host.sh(at)).toBe('55');
    await host.sh('sleep 6');
  });

  test('running: undone, the unit is as it was', async () => {
    expect(await back('service.running', running, first.running)).toMatchObject({ result: 'reverted' });
    expect(await host.trySh(unit)).toMatchObject({ printed: before[2] });
  });

  test.each([
    ['cut off', `truncate -s -200 ${dump}`, /cut off/],
    ['changed, with its last line', `sed -i '0,/INSERT INTO/s//INSERT IGNORE INTO/' ${dump}`, /sha256 is another one/],
    ['empty', `: >${dump}`, /missing or empty/],
    ['missing', `rm ${dump}`, /missing or empty/],
    ['without its record', `rm ${dump}.json`, /no dump of schema keystone .* with a record/],
    ['of another version', `sed -i 's/"version": "44"/"version": "43"/' ${dump}.json`, /at version 43, not at 44/],
    ['of another schema', `sed -i 's/"schema": "keystone"/"schema": "glance"/' ${dump}.json`, /a dump of schema glance/],
  ])('a dump that is %s: refused before anything is dropped', async (_name, harm, why) => {
    await host.sh(`rm -rf /root/kept; cp -a /var/lib/tandem/dumps /root/kept; ${harm}`);
    const refused = await back('database.synced', synced, first.synced);
    expect(refused).toMatchObject({ code: 'precondition_failed', reason: expect.stringMatching(why) as string });
    expect(refused.reason).toMatch(/nothing was dropped$/);
    expect(await host.sh(at)).toBe('55');
    await host.sh('rm -rf /var/lib/tandem/dumps; cp -a /root/kept /var/lib/tandem/dumps');
  });

  test('without a dump in its arguments: said, and nothing touched', async () => {
    const { dump: _, ...without } = synced;
    expect(await back('database.synced', without, first.synced)).toMatchObject({ code: 'precondition_failed', reason: expect.stringContaining('names no dump') as string });
    expect(await host.sh(at)).toBe('55');
  });

  test.each([
    ['after the drop', sql('DROP DATABASE keystone')],
    ['with an empty schema', sql('DROP DATABASE keystone; CREATE DATABASE keystone DEFAULT CHARACTER SET utf8')],
    ['half loaded', `${sql('DROP DATABASE keystone; CREATE DATABASE keystone DEFAULT CHARACTER SET utf8')}; head -c $(($(stat -c %s ${dump}) / 2)) ${dump} | mysql keystone`],
  ])('a way back that died %s is gone again, to the same end', async (_name, died) => {
    await host.trySh(died);
    expect(await back('database.synced', synced, first.synced)).toMatchObject({ result: 'reverted' });
    expect((await looks()).slice(0, 3)).toEqual(before.slice(0, 3));
  });

  test('synced again and back: as found, and what was written since is lost', async () => {
    expect(await host.perform('apply', 'database.synced', synced)).toMatchObject({ result: 'changed' });
    await host.sh(sql("INSERT INTO keystone.role (id, name) VALUES ('later', 'later')"));
    expect(await back('database.synced', synced, first.synced)).toMatchObject({ result: 'reverted' });
    expect((await looks()).slice(0, 3)).toEqual(before.slice(0, 3));
  });

  test('a later dump, undone, leaves the former one', async () => {
    const kept = await host.sh(dumps);
    await host.sh(sql("INSERT INTO keystone.role (id, name) VALUES ('x', 'x')"));
    const second = await host.perform('apply', 'database.dumped', dumped, { as: 'second' });
    expect(second).toMatchObject({ result: 'changed' });
    expect(await host.sh(dumps)).not.toBe(kept);
    for (const again of [1, 2]) expect(await host.perform('revert', 'database.dumped', dumped, { as: 'second', revertTo: foundBy(second) }), String(again)).toMatchObject({ result: 'reverted' });
    expect(await host.sh(dumps)).toBe(kept);
    expect(await host.sh(`tail -1 ${dump}.undone`), 'put aside, not deleted').toMatch(/^-- Dump completed/);
    await host.sh(sql("DELETE FROM keystone.role WHERE id = 'x'"));
  });

  test('dumped: undone, all is as before the first step', async () => {
    expect(await back('database.dumped', dumped, first.dumped)).toMatchObject({ result: 'reverted' });
    expect(await looks()).toEqual(before);
  });

  test('what cannot be undone says so', async () => {
    expect(await host.perform('revert', 'mariadb.upgraded', {}, { revertTo: {} })).toMatchObject({ code: 'precondition_failed', reason: 'mariadb.upgraded cannot be undone' });
  });
});
