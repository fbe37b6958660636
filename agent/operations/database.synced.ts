import * as z from 'zod';
import type { Difference, Json } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { fitRule, unfit } from '../facts/database-fit.ts';
import { charsetStatements, only, select, versionStatement } from '../facts/database.ts';
import type { Probe } from '../host/host.ts';
import { defaultsFile, identifier, schemaVersion, versionPlace } from './database-args.ts';
import { loadBack } from './database-dump.ts';
import { absolutePath } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';

/** Else the table of commands, all of it, could be carried out under this name. */
const command = z.array(z.string().min(1)).min(1).refine(([tool = '']) => /^[a-z]+(-db)?-manage$/.test(tool), 'expected a manage command of a service, such as keystone-manage');
const args = z.strictObject({
  schema: identifier.describe('Name of the database.'),
  runAs: z.string().regex(/^[a-z_][a-z0-9_-]*$/).describe("The service's user: a manage command run as root leaves logs that the service cannot write."),
  sync: command.describe('Command that brings the schema to its new version, as a list.'),
  versionTool: command.describe("Command that prints the schema's version, as a list; its last line is compared with `to`, or, where it names heads of several branches, one of these."),
  flush: z.union([command, z.array(z.string()).max(0)]).default([]).describe('Command run before the first migration, e.g. one that drops expired tokens; empty: none.'),
  version: versionPlace.describe('Where the schema keeps its version.'),
  from: z.array(schemaVersion).min(1).describe('Versions from which the sync may start.'),
  to: schemaVersion.describe('Version after the sync.'),
  further: z.array(versionPlace.extend({ to: schemaVersion.describe('Version after the sync.') })).default([])
    .describe('Further versions that the same sync brings after the main one, e.g. of an extension: until then an interrupted sync is not done.'),
  utf8: z.boolean().default(true).describe('Refuse a database or tables that are not utf8: the sync, or the one after it, would stop.'),
  fit: z.array(fitRule).default([]).describe('What else must hold before the first migration: one that stops half way rolls nothing back. Each is a `rule` for a `table`, and says why (`because`): not_null and one_spelling (with `column`), refers (`column`, `of: {table, column}`), no_table, no_column (`column`), no_index (`index`).'),
  logDir: absolutePath.optional().describe("The service's log folder; files of root in it stop the service."),
  dump: absolutePath.regex(/^[^;\\]*$/, 'expected a path without ; and \\').optional()
    .describe('Dump that an earlier step (database.dumped) made of the schema as it is before: the way back. Without it this step cannot be undone.'),
  defaultsFile,
});
type Args = z.infer<typeof args>;

/** The new version of a service's schema: mission rows C27 and its like, refusals as in the mission's schema errors. Undone by loading `dump`, which must be whole and of the version found before; what was written since is lost. */
export const databaseSynced = operation({
  name: 'database.synced',
  summary: "A service's database schema is at the given version.",
  args,
  timeoutS: 7200,
  mayKill: false,
  describe: (a) => `schema ${a.schema} is at version ${String(a.to)} (from ${a.from.join(' or ')}), brought there by \`${a.sync.join(' ')}\` as ${a.runAs}`,
  touches: (a) => ({ paths: [...[...a.sync, ...a.versionTool, ...a.flush].filter((word) => word.startsWith('/')), a.logDir, a.dump, a.defaultsFile].filter((path) => path !== undefined) }),
  check: look,
  async apply(host, a) {
    const before = await readVersion(host, a);
    if (a.flush.length > 0 && a.from.map(String).includes(before)) await host.act(a.flush, { runAs: a.runAs, outlives: true });
    try {
      await host.act(a.sync, { runAs: a.runAs, outlives: true });
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      const left = await readVersion(host, a);
      throw new StepError(error.code, `${error.message}; the schema is left at ${left}, nothing was rolled back; ${isNumber(a) ? 'remove the cause and run again: it goes on from there' : 'the way back is the dump'}`, error.failure);
    }
  },
  async revert(host, a, found: Json) {
    if (a.dump === undefined) throw new StepError('precondition_failed', `this step names no dump of schema ${a.schema}, so it cannot be undone`);
    await loadBack(host, a.defaultsFile, a.dump, a.schema, (found as { version: string }).version);
  },
  async verify(probe, a) {
    const seen = await look(probe, a);
    const said = versionLines((await probe.read(a.versionTool, { runAs: a.runAs })).stdout);
    const differences: Difference[] = said.some((line) => versionIn(line) === String(a.to)) ? [] : [{ what: `version that ${a.versionTool.join(' ')} prints`, found: said.join(', '), wanted: String(a.to) }];
    return finding(seen.found, [...seen.differences, ...differences]);
  },
});

/** What a tool says of the version: where a schema has branches, a line for each that is at its head; else the last line. */
function versionLines(printed: string): string[] {
  const lines = printed.trim().split('\n').map((line) => line.trim()), heads = lines.filter((line) => /^\S+ \(head\)$/.test(line));
  return heads.length > 0 ? heads : lines.slice(-1);
}

/** A bare version, or alembic's line: `Current revision for URL: OLD -> NEW (head), what it does`. */
const versionIn = (line: string): string => /^(?:Current revision for \S+: (?:\S+ -> )?)?([^\s,]+)/.exec(line)?.[1] ?? '';

const isNumber = (a: Args): boolean => /^\d+$/.test(String(a.to));

/** Numbers have an order, so an interrupted sync can be told; alembic's names have none. */
function isBetween(a: Args, version: string): boolean {
  return isNumber(a) && /^\d+$/.test(version) && a.from.some((from) => Number(version) >= Number(from)) && Number(version) < Number(a.to);
}

async function readVersion(probe: Probe, a: Args): Promise<string> {
  return only(await select(probe, a.defaultsFile, versionStatement(a.schema, a.version)), 'version') ?? 'unknown';
}

async function look(probe: Probe, a: Args): Promise<Finding> {
  const rows = await select(probe, a.defaultsFile, ...charsetStatements(a.schema), versionStatement(a.schema, a.version),
    ...a.further.map((place, at) => versionStatement(a.schema, place, `further ${String(at)}`)));
  const refuse = (why: string): never => { throw new StepError('precondition_failed', why); };
  const version = only(rows, 'version') ?? refuse(`${a.schema}.${a.version.table} does not hold exactly one version: the schema is not under version control; compare it and stamp it first`);
  const wanted = String(a.to);
  if (version !== wanted && !a.from.map(String).includes(version) && !isBetween(a, version)) {
    refuse(`schema ${a.schema} is at ${version}, which is neither ${a.from.join(', ')} nor on the way to ${wanted}${isNumber(a) ? '' : '; an interrupted run is only cured by the dump'}`);
  }
  if (a.utf8) {
    const tables = rows.filter((row) => row[0] === 'not-utf8').map((row) => row[1] ?? '');
    if (tables.length > 0) refuse(`tables ${tables.join(', ')} of ${a.schema} are not utf8, so a sync refuses them; cure: ALTER TABLE ... CONVERT TO CHARACTER SET utf8, for each`);
    const charset = only(rows, 'charset') ?? 'unknown';
    if (!['utf8', 'utf8mb3'].includes(charset)) refuse(`database ${a.schema} makes new tables in ${charset}, so that the sync after this one refuses them; cure: ALTER DATABASE ${a.schema} DEFAULT CHARACTER SET utf8`);
  }
  if (a.from.map(String).includes(version)) {
    const against = await unfit(probe, a.defaultsFile, a.schema, a.fit);
    if (against.length > 0) refuse(`the sync would stop half way, or go wrong: ${against.join('; ')}; mend the rows first`);
  }
  if (a.logDir !== undefined) {
    const root = await ownedByRoot(probe, a.logDir);
    if (root.length > 0) refuse(`${root.join(', ')} belong${root.length === 1 ? 's' : ''} to root, so ${a.runAs} cannot write its log; a manage command was run as root; cure: chown ${a.runAs}`);
  }
  const further = a.further.map((place, at) => ({ what: `version of schema ${a.schema}, ${Object.values(place.where).join(' ') || place.table}`, found: only(rows, `further ${String(at)}`) ?? 'none', wanted: String(place.to) }));
  const differences = [{ what: `version of schema ${a.schema}`, found: version, wanted }, ...further].filter((one) => one.found !== one.wanted);
  return finding({ version, ...(further.length === 0 ? {} : { further: further.map((one) => one.found) }) }, differences);
}

async function ownedByRoot(probe: Probe, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await probe.list(folder)) {
    const stat = await probe.stat(`${folder}/${name}`);
    if (stat?.type === 'file' && stat.uid === 0) found.push(`${folder}/${name}`);
  }
  return found;
}
