import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { countRows, listTables, only, select, versionStatement } from '../facts/database.ts';
import type { Probe } from '../host/host.ts';
import { innodbErrorsSinceStart } from '../parse/mysql.ts';
import { defaultsFile, identifier, schemaVersion, versionPlace } from './database-args.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  serverVersion: z.string().min(1).optional().describe("Regular expression that the server's version must match."),
  schemas: z.record(identifier, z.looseObject({
    tables: z.number().int().optional().describe('Number of tables.'),
    rows: z.number().int().optional().describe('Rows of all tables together, counted.'),
  })).default({}).describe('Schemas that must be there and what they must hold, as captured on the old host.'),
  counts: z.record(identifier, z.record(identifier, z.number().int())).default({}).describe('Rows of single tables: schema, table, number.'),
  captured: z.record(identifier, versionPlace.extend({ at: z.array(schemaVersion).min(1).describe('Versions at which the captured numbers hold.') })).default({})
    .describe('Schemas whose numbers hold only at these versions; one that a later step has migrated is then only asked to be there.'),
  errorLog: absolutePath.optional().describe("The server's error log: no InnoDB error since its last start."),
  defaultsFile,
});
type Args = z.infer<typeof args>;

/** The database holds what was captured on the old host (mission row C24): a banner is no proof of data. */
export const databaseAsserted = operation({
  name: 'database.asserted',
  summary: 'The database server has the version, schemas and row counts that are expected.',
  args,
  timeoutS: 3600,
  mayKill: true,
  describe: (a) => `the database holds ${Object.entries(a.schemas).map(([name, s]) => `${name} (${s.tables === undefined ? 'any' : String(s.tables)} tables, ${s.rows === undefined ? 'any' : String(s.rows)} rows)`).join(', ') || 'what is expected'}`,
  touches: ({ errorLog, defaultsFile }) => ({ paths: [errorLog, defaultsFile].filter((path) => path !== undefined) }),
  async check(probe, a) {
    const differences: Difference[] = [];
    const wrong = (what: string, found: unknown, wanted: unknown): void => { if (found !== wanted) differences.push({ what, found: String(found), wanted: String(wanted) }); };
    const names = [...new Set([...Object.keys(a.schemas), ...Object.keys(a.counts)])].sort();
    const server = only(await select(probe, a.defaultsFile, "SELECT 'server', VERSION()"), 'server') ?? '';
    if (a.serverVersion !== undefined && !new RegExp(a.serverVersion).test(server)) wrong('server version', server, `one that matches ${a.serverVersion}`);
    const tables = names.length === 0 ? [] : await listTables(probe, a.defaultsFile, names);
    const present = names.filter((name) => tables.some(([schema]) => schema === name));
    for (const name of names.filter((one) => !present.includes(one))) wrong(`schema ${name}`, 'absent or empty', 'present');
    const moved = await migrated(probe, a, present);
    const compared = present.filter((name) => !moved.has(name));
    const rows = await countRows(probe, a.defaultsFile, tables.filter(([schema]) => compared.includes(schema)));
    for (const name of compared) {
      const of = tables.filter(([schema]) => schema === name);
      const expected = a.schemas[name];
      if (expected?.tables !== undefined) wrong(`tables of ${name}`, of.length, expected.tables);
      if (expected?.rows !== undefined) wrong(`rows of ${name}`, of.reduce((sum, [schema, table]) => sum + (rows.get(`${schema}.${table}`) ?? 0), 0), expected.rows);
      for (const [table, count] of Object.entries(a.counts[name] ?? {})) wrong(`rows of ${name}.${table}`, rows.get(`${name}.${table}`) ?? 'no such table', count);
    }
    const log = a.errorLog === undefined ? '' : await probe.readFile(a.errorLog) ?? '';
    for (const line of innodbErrorsSinceStart(log).slice(0, 3)) wrong(`error log ${a.errorLog ?? ''}`, line, 'no InnoDB error since the start');
    const reason = moved.size === 0 ? undefined : `${[...moved].map(([name, version]) => `${name} is at ${version} by now`).join(', ')}: the captured numbers no longer apply to it`;
    return finding({ server, schemas: present.length }, differences, reason);
  },
});

/** Schemas that are past the versions at which their numbers were captured, with the version they are at. */
async function migrated(probe: Probe, a: Args, present: string[]): Promise<Map<string, string>> {
  const moved = new Map<string, string>();
  const places = Object.entries(a.captured).filter(([name]) => present.includes(name));
  for (const [name, place] of places) {
    const version = only(await select(probe, a.defaultsFile, versionStatement(name, place)), 'version') ?? 'unknown';
    if (!place.at.map(String).includes(version)) moved.set(name, version);
  }
  return moved;
}
