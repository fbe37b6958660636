import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { parseRows } from '../parse/mysql.ts';

export type Cell = string | null;

/** What a client program's complaint means for the step. Errors of mysql(1): 1045, 1146, 2002, 2003. */
function explain(error: unknown, defaultsFile: string): unknown {
  if (!(error instanceof StepError) || error.code !== 'command_failed') return error;
  const text = error.failure?.stderrTail ?? '';
  const number = /ERROR (\d+)/.exec(text)?.[1];
  const say = (message: string): StepError => new StepError('precondition_failed', message, error.failure);
  if (error.failure === undefined) return say(`the database client cannot be started: ${error.message}`);
  if (number === '2002' || number === '2003') return say(`the database server does not answer (${text.trim().split('\n').at(-1) ?? ''})`);
  if (number === '1045') return say(`the database server refuses the credentials in ${defaultsFile}`);
  if (number === '1146' || number === '1049') return say(`${text.trim().split('\n').at(-1) ?? ''}; is the schema there, and under version control?`);
  return error;
}

/** Runs SELECT statements in one process; rows of all of them, in order. Throws StepError precondition_failed | command_failed. */
export async function select(probe: Probe, defaultsFile: string, ...statements: string[]): Promise<Cell[][]> {
  const sql = statements.map((statement) => `${statement};`).join(' ');
  try {
    return parseRows((await probe.read(['mysql', `--defaults-file=${defaultsFile}`, '--batch', '--skip-column-names', '-e', sql])).stdout);
  } catch (error) {
    throw explain(error, defaultsFile);
  }
}

/** A schema's version, as text; statement for `select`, its rows are [TAG, VERSION]. */
export function versionStatement(schema: string, place: { table: string; column: string; where: Record<string, string>; except?: Record<string, string> | undefined }, tag = 'version'): string {
  const terms = (named: Record<string, string>, sign: string): string[] => Object.entries(named).map(([column, value]) => `\`${column}\` ${sign} '${value}'`);
  const where = [...terms(place.where, '='), ...terms(place.except ?? {}, '<>')].join(' AND ');
  return `SELECT '${tag}', \`${place.column}\` FROM \`${schema}\`.\`${place.table}\`${where === '' ? '' : ` WHERE ${where}`}`;
}

/** The one value of rows tagged `tag`; undefined when there is none or more than one. */
export function only(rows: Cell[][], tag: string): string | undefined {
  const found = rows.filter((row) => row[0] === tag);
  return found.length === 1 ? found[0]?.[1] ?? undefined : undefined;
}

/** Default character set (rows ['charset', NAME]) and the tables of another one (['not-utf8', TABLE]); errors.md "Character set". */
export function charsetStatements(schema: string): string[] {
  return [
    `SELECT 'charset', DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '${schema}'`,
    `SELECT 'not-utf8', TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${schema}' AND TABLE_NAME <> 'migrate_version' AND TABLE_COLLATION NOT LIKE 'utf8%' ORDER BY TABLE_NAME`,
  ];
}

export interface TableContent { rows: number; checksum: string }

/** Base tables of the schemas: 'schema.table', sorted; names that need more than word characters are refused by the command table. */
export async function listTables(probe: Probe, defaultsFile: string, schemas: string[]): Promise<[schema: string, table: string][]> {
  const names = schemas.map((name) => `'${name}'`).join(', ');
  const rows = await select(probe, defaultsFile, `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA IN (${names}) ORDER BY 1, 2`);
  return rows.map(([schema, table]) => [schema ?? '', table ?? '']);
}

/** Rows counted, not estimated, by 'schema.table'. One process for all tables. */
export async function countRows(probe: Probe, defaultsFile: string, tables: [string, string][]): Promise<Map<string, number>> {
  if (tables.length === 0) return new Map();
  const rows = await select(probe, defaultsFile, ...tables.map(([schema, table]) => `SELECT '${schema}.${table}', COUNT(*) FROM \`${schema}\`.\`${table}\``));
  return new Map(rows.map(([name, count]) => [name ?? '', Number(count)]));
}

/**
 * Rows and checksum of every table of a schema, by table name. Tables with FLOAT or DOUBLE columns have the checksum
 * `-`: a dump writes those rounded, so a reloaded table may differ in the last digits.
 */
export async function readContent(probe: Probe, defaultsFile: string, schema: string): Promise<Map<string, TableContent>> {
  const tables = await listTables(probe, defaultsFile, [schema]);
  if (tables.length === 0) return new Map();
  const counts = await countRows(probe, defaultsFile, tables);
  const rounded = new Set((await select(probe, defaultsFile, `SELECT DISTINCT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '${schema}' AND DATA_TYPE IN ('float', 'double')`)).map((row) => row[0]));
  const sql = `CHECKSUM TABLE ${tables.map(([, table]) => `\`${schema}\`.\`${table}\``).join(', ')};`;
  const sums = parseRows((await probe.read(['mysql', `--defaults-file=${defaultsFile}`, '--batch', '--skip-column-names', '-e', sql])).stdout);
  const sumOf = new Map(sums.map(([name, sum]) => [name ?? '', sum ?? '-']));
  return new Map(tables.map(([, table]) => [table, { rows: counts.get(`${schema}.${table}`) ?? -1, checksum: rounded.has(table) ? '-' : sumOf.get(`${schema}.${table}`) ?? '-' }]));
}

/** Tables that differ between two contents, in words; [] when none does. */
export function compareContent(one: Map<string, TableContent>, other: Map<string, TableContent>): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].sort().flatMap((table) => {
    const a = one.get(table), b = other.get(table);
    if (a === undefined || b === undefined) return [`${table}: only on one side`];
    if (a.rows !== b.rows) return [`${table}: ${String(a.rows)} and ${String(b.rows)} rows`];
    return a.checksum === b.checksum ? [] : [`${table}: same number of rows, other content`];
  });
}
