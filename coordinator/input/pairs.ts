import { argsJsonSchema, type Operation } from '../../agent/operations/catalogue.ts';
import type { Json } from '../../proto/events.ts';
import { check } from './check.ts';
import { InputError, type Place, problem, type Problem } from './problem.ts';

interface Schema { type?: string; items?: Schema; anyOf?: Schema[]; oneOf?: Schema[]; enum?: unknown[]; const?: unknown; properties?: Record<string, Schema> }
/** Where a word of the command line stands, or a character of it; undefined is the end of the line. */
export type PlaceOfWord = (word: string | undefined, offset?: number) => Place;

/**
 * An operation's arguments from `key=value` words, each read as its schema has it: text as it is, numbers and true or
 * false as such, a list from repeated words or as JSON, all else as JSON. Throws InputError with every problem.
 */
export function argumentsOf(operation: Operation, words: readonly string[], placeOf: PlaceOfWord): Json {
  const properties = (argsJsonSchema(operation) as Schema).properties ?? {};
  const problems: Problem[] = [];
  const values: Record<string, Json> = {};
  const from = new Map<string, { word: string; value: number }>();
  for (const word of words) {
    const cut = word.indexOf('=');
    if (cut < 1) {
      problems.push(problem(placeOf(word), JSON.stringify(word), 'key=value'));
      continue;
    }
    const [key, text] = [word.slice(0, cut), word.slice(cut + 1)];
    const schema = properties[key] ?? {};
    const read = valueOf(schema, text);
    if (read === undefined) problems.push(problem(placeOf(word, cut + 1), `"${key}" with text that is not JSON`, `JSON, such as ${key}='${exampleOf(schema)}'`));
    else if (!from.has(key)) values[key] = read;
    else if (schema.type === 'array') values[key] = [...values[key] as Json[], ...read as Json[]];
    else problems.push(problem(placeOf(word), `"${key}" a second time`, 'each argument only once'));
    if (!from.has(key)) from.set(key, { word, value: cut + 1 });
  }
  if (problems.length > 0) throw new InputError(problems);
  const checked = check(values, operation.args, ([key], part) => {
    const origin = from.get(String(key));
    return origin === undefined ? placeOf(undefined) : placeOf(origin.word, part === 'key' ? 0 : origin.value);
  });
  if ('problems' in checked) throw new InputError(checked.problems);
  return checked.value as Json;
}

/** undefined for text that has to be JSON and is not. What has the wrong form stays text: the schema then says what it wants. */
function valueOf(schema: Schema, text: string): Json | undefined {
  const kinds = schema.anyOf ?? schema.oneOf;
  if (kinds !== undefined) return kinds.some(isText) ? text : valueOf(kinds[0] as Schema, text);
  if (isText(schema)) return text;
  if (schema.type === 'number' || schema.type === 'integer') return /^-?[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : text;
  if (schema.type === 'boolean') return text === 'true' || (text === 'false' ? false : text);
  if (schema.type === 'array' && !text.startsWith('[')) {
    const element = valueOf(schema.items ?? {}, text);
    return element === undefined ? undefined : [element];
  }
  if (schema.type === 'array' || schema.type === 'object') return jsonOf(text);
  return text;
}

const isText = (schema: Schema): boolean => schema.type === 'string' || typeof schema.const === 'string' || (schema.enum?.every((value) => typeof value === 'string') ?? false);
const exampleOf = (schema: Schema): string => (schema.type === 'array' ? `[${isText(schema.items ?? {}) ? '"..."' : '{"...": "..."}'}]` : '{"...": "..."}');

function jsonOf(text: string): Json | undefined {
  try { return JSON.parse(text) as Json; } catch { return undefined; }
}
