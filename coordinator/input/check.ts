import type { z } from 'zod';
import type { Path, Source } from './document.ts';
import { InputError, nearest, oneOf, type Place, problem, type Problem, shown } from './problem.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Where a value that zod looked at stands in a file; `key` asks for the name of the entry and not its value. */
export type Locate = (path: Path, part: 'key' | 'value') => Place;

/** The value in its type, or the problems with positions. Schemas say what they want with `error: 'a port ...'`. */
export function check<S extends z.ZodType>(value: unknown, schema: S, locate: Locate): { value: z.infer<S> } | { problems: Problem[] } {
  const keys = new Map<string, string[]>();
  const checked = schema.safeParse(value, {
    error: (issue: RawIssue) => {
      const shape = (issue.inst?._zod.def as { shape?: Record<string, unknown> } | undefined)?.shape;
      if (issue.code === 'unrecognized_keys') keys.set(JSON.stringify(issue.path ?? []), Object.keys(shape ?? {}));
      return wanted(issue as unknown as Issue);
    },
  });
  if (checked.success) return { value: checked.data };
  return { problems: checked.error.issues.flatMap((issue) => problemsOf(issue, value, keys, locate)) };
}

/** The same for a whole file; throws InputError. */
export function checkSource<S extends z.ZodType>(source: Source, schema: S): z.infer<S> {
  const checked = check(source.value, schema, (path, part) => source.place(path, part));
  if ('problems' in checked) throw new InputError(checked.problems);
  return checked.value;
}

function problemsOf(issue: Issue, value: unknown, keys: Map<string, string[]>, locate: Locate): Problem[] {
  const path = issue.path as Path;
  const expected = issue.message.replace(/^expected /, '');
  if (issue.code === 'unrecognized_keys') {
    const known = keys.get(JSON.stringify(path)) ?? [];
    const present = Object.keys(valueAt(value, path) as object);
    const open = known.filter((name) => !present.includes(name));
    return issue.keys.map((key) => problem(locate([...path, key], 'key'), `unknown key "${key}"`, oneOf(known), nearest(key, open) ?? nearest(key, known)));
  }
  const found = valueAt(value, path);
  if (issue.code === 'invalid_key') return [problem(locate(path, 'key'), `key ${shown(path.at(-1))}`, issue.issues[0]?.message.replace(/^expected /, '') ?? 'a valid key')];
  if (found === undefined) return [problem(locate(path, 'key'), `no "${String(path.at(-1))}"`, expected)];
  const candidates = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  // A secret written where a reference to one belongs must not be printed.
  if (expected.includes('coordinator-file:')) return [problem(locate(path, 'value'), 'a value (not shown)', expected)];
  return [problem(locate(path, 'value'), shown(found), expected, typeof found === 'string' ? nearest(found, candidates) : undefined)];
}

const TYPES: Record<string, string> = { string: 'a string', number: 'a number', int: 'a whole number', boolean: 'true or false', array: 'a list', object: 'a map', record: 'a map' };

/** What should stand there, in words, for an issue whose schema does not say it itself. */
function wanted(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type': return TYPES[issue.expected] ?? issue.expected;
    case 'invalid_value': return oneOf(issue.values.map(String));
    case 'too_small': return `at least ${size(issue.minimum, issue.origin)}`;
    case 'too_big': return `at most ${size(issue.maximum, issue.origin)}`;
    case 'invalid_format': return issue.format === 'regex' ? `text of the form ${String(issue.pattern)}` : `a valid ${issue.format}`;
    case 'not_multiple_of': return `a multiple of ${issue.divisor}`;
    case 'invalid_union': return unionWanted(issue);
    case 'invalid_key': return 'a valid key';
    case 'invalid_element': return 'a valid element';
    default: return 'a valid value';
  }
}

function unionWanted(issue: z.core.$ZodIssueInvalidUnion): string {
  const each = issue.errors.map((branch) => branch[0]?.message ?? 'a valid value');
  return each.length === 0 ? 'a value of a known kind' : [...new Set(each)].join(' or ');
}

function size(limit: number | bigint, origin: string): string {
  if (origin === 'string') return `${limit} character${limit === 1 ? '' : 's'}`;
  if (origin === 'array' || origin === 'set') return `${limit} element${limit === 1 ? '' : 's'}`;
  return String(limit);
}

function valueAt(value: unknown, path: Path): unknown {
  let part = value;
  for (const step of path) {
    if (part === null || typeof part !== 'object') return undefined;
    part = Object.hasOwn(part, step) ? (part as Record<string | number, unknown>)[step] : undefined;
  }
  return part;
}
