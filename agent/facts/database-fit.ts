import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { select } from './database.ts';

const word = z.string().regex(/^\w+$/, 'expected the name of a table, column or index');
const common = { table: word.describe('Table.'), because: z.string().min(1).describe('What the migration does otherwise.') }, column = word.describe('Column.');
/** What rows and tables must be like before a migration: no NULL in a column, no value that refers to nothing, no two that differ in case alone; no table, column or index yet of that name. */
export const fitRule = z.union([
  z.strictObject({ rule: z.literal('not_null'), ...common, column }), z.strictObject({ rule: z.literal('one_spelling'), ...common, column }),
  z.strictObject({ rule: z.literal('refers'), ...common, column, of: z.strictObject({ table: common.table, column }) }),
  z.strictObject({ rule: z.literal('no_table'), ...common }), z.strictObject({ rule: z.literal('no_column'), ...common, column }), z.strictObject({ rule: z.literal('no_index'), ...common, index: word.describe('Index.') }),
]);
export type FitRule = z.infer<typeof fitRule>;

/** Each counts what stands against a rule: a row ['fit', NUMBER]. */
function statement(schema: string, rule: FitRule): string {
  const from = `\`${schema}\`.\`${rule.table}\``, catalogue = (table: string): string => `FROM information_schema.${table} WHERE TABLE_SCHEMA = '${schema}' AND TABLE_NAME = '${rule.table}'`;
  switch (rule.rule) {
    case 'not_null': return `SELECT 'fit', COUNT(*) FROM ${from} WHERE \`${rule.column}\` IS NULL`;
    case 'refers': return `SELECT 'fit', COUNT(*) FROM ${from} WHERE \`${rule.column}\` IS NOT NULL AND \`${rule.column}\` NOT IN (SELECT \`${rule.of.column}\` FROM \`${schema}\`.\`${rule.of.table}\`)`;
    case 'one_spelling': return `SELECT 'fit', COUNT(*) FROM (SELECT COUNT(DISTINCT BINARY \`${rule.column}\`) spellings FROM ${from} GROUP BY LOWER(\`${rule.column}\`)) each_one WHERE spellings > 1`;
    case 'no_table': return `SELECT 'fit', COUNT(*) ${catalogue('TABLES')}`;
    case 'no_column': return `SELECT 'fit', COUNT(*) ${catalogue('COLUMNS')} AND COLUMN_NAME = '${rule.column}'`;
    case 'no_index': return `SELECT 'fit', COUNT(DISTINCT INDEX_NAME) ${catalogue('STATISTICS')} AND INDEX_NAME = '${rule.index}'`;
  }
}

const WORDS: Record<FitRule['rule'], (count: number) => string> = {
  not_null: (count) => `NULL in ${String(count)} rows`, refers: (count) => `${String(count)} rows refer to nothing`, one_spelling: (count) => `${String(count)} values in more than one spelling`,
  no_table: () => 'there already', no_column: () => 'there already', no_index: () => 'there already',
};

/** Tables of a schema: which there are depends on the plugins of a site, and rows of one that is not there stand against nothing. */
async function tables(probe: Probe, defaultsFile: string, schema: string): Promise<Set<string>> {
  const rows = await select(probe, defaultsFile, `SELECT 'table', TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${schema}'`);
  return new Set(rows.map(([, name]) => name ?? ''));
}

/** What of a schema a migration would stop at, or get wrong, in words; one process for all rules. */
export async function unfit(probe: Probe, defaultsFile: string, schema: string, all: readonly FitRule[]): Promise<string[]> {
  if (all.length === 0) return [];
  const there = await tables(probe, defaultsFile, schema), rules = all.filter((rule) => rule.rule.startsWith('no_') || there.has(rule.table));
  if (rules.length === 0) return [];
  const counts = (await select(probe, defaultsFile, ...rules.map((rule) => statement(schema, rule)))).filter(([tag]) => tag === 'fit');
  if (counts.length !== rules.length) throw new StepError('command_failed', `schema ${schema}: ${String(counts.length)} answers to ${String(rules.length)} questions`);
  return rules.flatMap((rule, at) => {
    const count = Number(counts[at]?.[1] ?? 0), part = 'column' in rule ? `.${rule.column}` : 'index' in rule ? `.${rule.index}` : '';
    return count === 0 ? [] : [`${schema}.${rule.table}${part}: ${WORDS[rule.rule](count)} (${rule.because})`];
  });
}
