// Traps of the databases (mission analysis, procedure.md 2.3): what a migration stops at is found before the first one is begun.
import { expect, test } from 'vitest';
import { COMMANDS } from '../../../agent/host/commands.ts';
import { admit } from '../../../agent/host/guard.ts';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import { recordedHost, recordingSchema, type RecordedHost } from '../recorded-host.ts';
import { planned, stepOf, stepsOf, type Args } from './real-plan.ts';

const plan = planned();
const SYNCS = ['C27', 'C34', 'C39', 'C47', 'C55'];

/** A STAND-IN for the database: the default character set, the version, and how many rows stand against each rule that the sync asks about. */
function database(answers: { charset?: string; version: string; tables?: string[]; against?: (table: string) => number }): RecordedHost {
  const { charset = 'utf8', version, tables = ['endpoint', 'token', 'routerl3agentbindings', 'pci_devices', 'quota_usages', 'compute_nodes'], against = () => 0 } = answers;
  return Object.assign(recordedHost(recordingSchema.parse({})), {
    read: async (argv: string[]) => {
      admit(argv, 'read');
      const rows = (argv.at(-1) ?? '').split(';').filter((one) => one.trim() !== '').map((sql) => {
        const tag = /SELECT '([^']+)'/.exec(sql)?.[1] ?? '';
        if (tag === 'table') return tables.map((table) => `table\t${table}\n`).join('');
        if (tag === 'fit') return `fit\t${String(against(/FROM `\w+`\.`(\w+)`|TABLE_NAME = '(\w+)'/.exec(sql)?.slice(1).find(Boolean) ?? ''))}\n`;
        return tag === 'charset' ? `charset\t${charset}\n` : tag === 'not-utf8' ? '' : `${tag}\t${tag === 'version' ? version : '2'}\n`;
      });
      return { argv, exitCode: 0, signal: '', stderr: '', stdout: rows.join('') };
    },
  });
}
const sync = findOperation('database.synced')!;
const lookAt = async (args: Args, answers: Parameters<typeof database>[0]): Promise<unknown> => await sync.check(database(answers), sync.args.parse(args));
const refused = (why: RegExp): object => ({ code: 'precondition_failed', message: expect.stringMatching(why) as string });

test('trap 10: the scan for null uuids is a later release\'s and no step; what Juno does add, a foreign key and NOT NULL, is asked of the rows', async () => {
  const { args } = stepOf(plan, 'C55');
  expect([args['sync'], args['versionTool'], args['flush'], args['to']]).toEqual([['nova-manage', 'db', 'sync'], ['nova-manage', 'db', 'version'], [], 254]);
  expect(JSON.stringify([stepsOf(plan).map((one) => one.args), COMMANDS.map(({ argv }) => argv.map(String))])).not.toContain('null_instance_uuid');
  for (const from of ['234', '233']) {
    await expect(lookAt(args, { version: from })).resolves.toMatchObject({ satisfied: false });
    await expect(lookAt(args, { version: from, against: (table) => (table === 'pci_devices' ? 3 : 0) })).rejects.toMatchObject(refused(/nova\.pci_devices\.compute_node_id: 3 rows refer to nothing \(246 .*nova\.pci_devices\.product_id: NULL in 3 rows \(247 stops\)/));
    await expect(lookAt(args, { version: from, against: (table) => (table === 'quota_usages' ? 1 : 0) })).rejects.toMatchObject(refused(/nova\.quota_usages\.resource: NULL in 1 rows/));
  }
});

test('trap 13a: what was seen to stop a migration, or to go wrong in silence, is refused before each of the five', async () => {
  const unfit: Record<string, string[]> = { C27: ['endpoint', 'token', 'id_mapping'], C34: ['consistencygroups'], C39: ['metadef_namespaces'], C47: ['routerl3agentbindings'], C55: ['pci_devices', 'quota_usages', 'compute_nodes', 'instance_extra'] };
  for (const id of SYNCS) {
    const { args } = stepOf(plan, id), version = String((args['from'] as (number | string)[])[0]);
    for (const table of unfit[id] ?? []) await expect(lookAt(args, { version, against: (one) => (one === table ? 1 : 0) }), `${id} ${table}`).rejects.toMatchObject(refused(new RegExp(`would stop half way, or go wrong: ${String(args['schema'])}\\.${table}`)));
    await expect(lookAt(args, { version, charset: 'latin1' }), `${id}: new tables in latin1`).rejects.toMatchObject(refused(/makes new tables in latin1/));
    await expect(lookAt(args, { version: String(args['to']), charset: 'utf8', against: () => 1 }), 'nothing is asked of a schema that is there').resolves.toMatchObject({ satisfied: true });
  }
});

test('trap 13a: a table that a site without that plugin never had stands against nothing', async () => {
  await expect(lookAt(stepOf(plan, 'C47').args, { version: 'icehouse', tables: ['networks'], against: () => { throw new Error("ERROR 1146: Table 'neutron.routerl3agentbindings' doesn't exist"); } })).resolves.toMatchObject({ satisfied: false });
});

test('trap 13a: nothing is rolled back, and what only the dump cures is told so; each sync has one', async () => {
  for (const id of SYNCS) {
    const dump = stepOf(plan, `${id}.dump`), { args, place, step } = stepOf(plan, id);
    expect([dump.step.operation, dump.args['to'], dump.place < place, step.needs.includes(`${id}.dump@controller`)]).toEqual(['database.dumped', args['dump'], true, true]);
  }
  await expect(lookAt(stepOf(plan, 'C47').args, { version: '31d7f831a591' })).rejects.toMatchObject(refused(/an interrupted run is only cured by the dump/));
});

test('trap 13: mysql_upgrade has a running server and its credentials, and is not begun while another client is connected', async () => {
  const { args, place, step } = stepOf(plan, 'C23'), upgrade = findOperation(step.operation)!;
  for (const before of ['C19', 'C22']) expect(stepOf(plan, before).place).toBeLessThan(place);
  expect(step.needs).toEqual(['C19@controller', 'C22@controller']);
  const server = (clients: string): RecordedHost => Object.assign(recordedHost(recordingSchema.parse({})), {
    read: async (argv: string[]) => ({ argv, exitCode: 0, signal: '', stderr: '', stdout: (argv.at(-1) ?? '').includes('PROCESSLIST') ? clients : 'server\t5.5.40-MariaDB\nlayout\t0\nlayout\t0\nlayout\t0\n' }),
  });
  await expect(upgrade.check(server('nova\t10.77.0.2:41522\n'), upgrade.args.parse(args))).rejects.toMatchObject(refused(/clients are connected: nova@10\.77\.0\.2:41522/));
  await expect(upgrade.check(server(''), upgrade.args.parse(args))).resolves.toMatchObject({ satisfied: false });
});

test('trap 30: the first start of the volume service rewrites the host of each volume, one way; the dump is made before it', () => {
  expect(stepOf(plan, 'C34.dump').place).toBeLessThan(stepOf(plan, 'C35').place);
  expect(stepOf(plan, 'C34.dump').args).toMatchObject({ schema: 'cinder', at: [22] });
});
