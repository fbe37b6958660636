import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { charsetStatements, compareContent, only, readContent, select, versionStatement, type TableContent } from '../facts/database.ts';
import type { Host, Probe } from '../host/host.ts';
import { defaultsFile, identifier, schemaVersion, versionPlace } from './database-args.ts';
import { isLastLine, lastLine, readRecord, recordOf, type DumpRecord } from './database-dump.ts';
import { absolutePath } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';

const args = z.strictObject({
  schema: identifier.describe('Name of the database.'),
  to: absolutePath.regex(/^[^;\\]*$/, 'expected a path without ; and \\: the database client reads it in a statement').describe('File the dump goes to, 0600, its folder made with 0700 where there is none; its record (hash, version, rows and checksum per table) goes to the same name with .json.'),
  version: versionPlace.describe('Where the schema keeps its version.'),
  at: z.array(schemaVersion).min(1).describe('Versions of which a dump is wanted; at a later one nothing is dumped, since the state before is gone.'),
  past: z.array(schemaVersion).default([]).describe('Later versions, where versions are names: names have no order. Numbers above `at` are later by themselves.'),
  defaultsFile,
});
type Args = z.infer<typeof args>;

/**
 * A tried dump of a schema as it is before a migration: the way back of mission rows C23 and C27. Apply loads it into a
 * scratch schema on the same server and compares rows and checksums table by table. Undone, it is put aside (.undone) and
 * the dump that stood there before comes back: no dump is ever deleted but by a later one that is put aside after it.
 */
export const databaseDumped = operation({
  name: 'database.dumped',
  summary: 'A dump of a database schema in its present state exists and was proven by loading it.',
  args,
  timeoutS: 14400,
  mayKill: false,
  describe: (a) => `a dump of schema ${a.schema} at version ${a.at.join(' or ')} is in ${a.to}, proven by loading it into a scratch schema`,
  touches: ({ to, defaultsFile }) => ({ paths: [to, ...['.part', '.json', '.before', '.undone', '.json.before', '.json.undone'].map((end) => to + end), defaultsFile] }),
  check: look,
  async apply(host, a) {
    const folder = a.to.slice(0, a.to.lastIndexOf('/'));
    if (await host.stat(folder) === undefined) await host.makeDirectory(folder, { mode: 0o700 }); // one that is there is others' too
    const part = `${a.to}.part`, drill = `tandem_drill_${a.schema}`;
    const { version, charset } = await present(host, a);
    const content = await readContent(host, a.defaultsFile, a.schema);
    await host.writeFile(part, '', { mode: 0o600 });
    await host.act(['mysqldump', `--defaults-file=${a.defaultsFile}`, '--single-transaction', '--routines', '--triggers', '--hex-blob', `--result-file=${part}`, a.schema], { outlives: true });
    host.progress(`loading the dump of ${a.schema} into ${drill}`);
    try {
      await sql(host, a, `DROP DATABASE IF EXISTS \`${drill}\`; CREATE DATABASE \`${drill}\` DEFAULT CHARACTER SET ${charset};`);
      await host.act(['mysql', `--defaults-file=${a.defaultsFile}`, '-e', `source ${part}`, drill], { outlives: true });
      const wrong = compareContent(content, await readContent(host, a.defaultsFile, drill));
      if (wrong.length > 0) throw new StepError('verify_failed', `the dump does not load to what was dumped: ${wrong.join('; ')}`);
    } finally {
      await sql(host, a, `DROP DATABASE IF EXISTS \`${drill}\`;`);
    }
    const record: DumpRecord = { schema: a.schema, version, charset, sha256: await host.sha256(part), tables: Object.fromEntries(content) };
    await keepFormer(host, a);
    await host.move(part, a.to);
    await host.writeFile(recordOf(a.to), `${JSON.stringify(record, undefined, 1)}\n`, { mode: 0o600 });
  },
  async revert(host, a) {
    const [noted] = await host.noted(NOTE);
    if (noted === undefined) return; // begun, and no dump was put in place
    const { former } = JSON.parse(noted) as { former: boolean };
    for (const path of [a.to, recordOf(a.to)]) {
      const back = former && await host.stat(`${path}.before`) !== undefined; // else it is back already, from a try that was cut short
      if ((back || !former) && await host.stat(path) !== undefined) await host.move(path, `${path}.undone`);
      if (back) await host.move(`${path}.before`, path);
    }
  },
  async verify(probe, a) {
    const seen = await look(probe, a);
    const end = await lastLine(probe, a.to);
    return finding(seen.found, isLastLine(end) ? seen.differences : [...seen.differences, { what: `last line of ${a.to}`, found: end, wanted: '-- Dump completed' }]);
  },
});

const NOTE = 'former-dump.json';
const noteOf = async (host: Host): Promise<string> => `${await host.stepFolder()}/${NOTE}`;

/** The dump that stands where the new one goes, put aside for `revert`; once for a step, however often it is begun. */
async function keepFormer(host: Host, a: Args): Promise<void> {
  const former = await readRecord(host, a.to) !== undefined && await host.stat(a.to) !== undefined;
  if (await host.readFile(await noteOf(host)) !== undefined) return;
  if (former) for (const path of [a.to, recordOf(a.to)]) {
    await host.remove(`${path}.before`);
    await host.copy(path, `${path}.before`);
  }
  await host.writeFile(await noteOf(host), JSON.stringify({ former }), { mode: 0o600 });
}

const sql = async (host: Host, a: Args, text: string): Promise<void> => { await host.act(['mysql', `--defaults-file=${a.defaultsFile}`, '-e', text]); };

async function present(probe: Probe, a: Args): Promise<{ version: string; charset: string }> {
  const rows = await select(probe, a.defaultsFile, ...charsetStatements(a.schema), versionStatement(a.schema, a.version));
  return { version: only(rows, 'version') ?? 'unknown', charset: only(rows, 'charset') ?? 'utf8' };
}

function isPast(a: Args, version: string): boolean {
  return a.past.map(String).includes(version) || (/^\d+$/.test(version) && a.at.every((at) => Number(at) < Number(version)));
}

async function look(probe: Probe, a: Args): Promise<Finding> {
  const { version } = await present(probe, a);
  const record = await readRecord(probe, a.to);
  const whole = record !== undefined && await probe.stat(a.to) !== undefined && await probe.sha256(a.to) === record.sha256;
  const found = { version, dump: whole ? record.version : 'none' };
  if (!a.at.map(String).includes(version)) {
    if (version === 'unknown' || (!whole && !isPast(a, version))) throw new StepError('precondition_failed', `schema ${a.schema} is at ${version}, which is neither ${a.at.join(', ')} nor known to be later`);
    return finding(found, [], `schema ${a.schema} is at ${version}, no longer at ${a.at.join(', ')}: ${whole ? `its dump of version ${record.version} stands in ${a.to}` : 'the state before is gone and no whole dump of it is left'}`);
  }
  const wrong = whole ? compareContent(new Map<string, TableContent>(Object.entries(record.tables)), await readContent(probe, a.defaultsFile, a.schema)) : [];
  if (whole && wrong.length === 0) return finding(found, [], `${a.to} is whole and holds the present state`);
  return finding(found, [{ what: `dump of schema ${a.schema}`, found: whole ? `another state (${wrong.slice(0, 3).join('; ')})` : 'none', wanted: `one of the present state in ${a.to}` }]);
}
