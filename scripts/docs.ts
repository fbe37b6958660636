// Writes docs/operations.md from the catalogue, so that the page cannot say anything the code does not.
// test/unit/docs.test.ts fails while the page is out of date: run `node scripts/docs.ts` (node_modules/.bin/node).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argsJsonSchema, catalogue, type Operation } from '../agent/operations/catalogue.ts';

interface Schema {
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
}

export const OPERATIONS_PAGE = join(import.meta.dirname, '../docs/operations.md');

/** The whole page. Arguments of one operation are rows of one table; those inside another are named `outer.inner`. */
export function operationsPage(operations: readonly Operation[] = catalogue): string {
  const head = '# Operations\n\nGenerated from `agent/operations/` by `scripts/docs.ts`; do not edit.\n\n'
    + 'Each operation looks first and changes nothing where the state is already as wanted. "Undone" means back to the state found before the change.\n';
  return `${head}\n${operations.map((entry) => `- [${entry.name}](#${entry.name.replaceAll('.', '')}): ${ended(entry.summary)}`).join('\n')}\n\n${operations.map(section).join('\n')}`;
}

function section(entry: Operation): string {
  const rows = argumentRows(argsJsonSchema(entry), '');
  const table = rows.length === 0 ? 'No arguments.\n' : `| argument | value | needed | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  return `## ${entry.name}\n\n${ended(entry.summary)} ${nature(entry)}\n\n${table}`;
}

function nature(entry: Operation): string {
  const kind = entry.apply === undefined ? 'Asserts, changes nothing.' : `Changes the host; ${entry.revert === undefined ? 'cannot be undone' : 'can be undone'}.`;
  return `${kind} Time limit ${entry.timeoutS} s${entry.mayKill ? '' : '; what it started is never killed, a timeout only stops the waiting'}.`;
}

function argumentRows(schema: Schema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const needed = field.default !== undefined ? `no; ${code(field.default)}` : schema.required?.includes(name) === true ? 'yes' : 'no';
    const row = `| \`${prefix}${name}\` | ${cell(valueOf(field))} | ${cell(needed)} | ${cell(field.description ?? '')} |`;
    return [row, ...argumentRows(field, `${prefix}${name}.`), ...argumentRows(field.items ?? {}, `${prefix}${name}[].`)];
  });
}

function valueOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map(code).join(' or ');
  if (schema.const !== undefined) return code(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(valueOf))].join(' or ');
  if (schema.items !== undefined) return `list of ${valueOf(schema.items)}`;
  if (typeof schema.additionalProperties === 'object') return `map of names to ${valueOf(schema.additionalProperties)}`;
  return [schema.type ?? 'any'].flat().join(' or ');
}

const code = (value: unknown): string => `\`${JSON.stringify(value)}\``;
const ended = (sentence: string): string => `${sentence.replace(/\.$/, '')}.`;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

if (import.meta.main) writeFileSync(OPERATIONS_PAGE, operationsPage());
