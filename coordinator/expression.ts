import { Environment, EvaluationError, ParseError, TypeError as CelTypeError } from '@marcbachmann/cel-js';
import type { ASTNode } from '@marcbachmann/cel-js';
import { nearest, oneOf, shown } from './input/problem.ts';
import type { Roots } from './values.ts';

/** What is wrong with an expression; `offset` counts characters from its beginning. `unknown` is the name that is not there. */
export interface Fault { offset: number; found: string; expected: string; nearest?: string | undefined; unknown?: string }

/** Decides a CEL expression over the roots, once, when the plan is made: no clock, no host, no shell. */
export function evaluate(text: string, roots: Roots, wanted: 'boolean' | 'list' | 'any'): { value: unknown } | { fault: Fault } {
  const environment = new Environment({ unlistedVariablesAreDyn: false, homogeneousAggregateLiterals: false, limits: { maxDepth: 50, maxAstNodes: 500 } });
  for (const [name, value] of Object.entries(roots)) environment.registerVariable(name, value !== null && typeof value === 'object' && !Array.isArray(value) ? 'map' : 'dyn');
  try {
    const program = environment.parse(text);
    const checked = program.check();
    if (!checked.valid) throw checked.error ?? new Error('not valid');
    const value = plain(program(toCel(roots) as Record<string, unknown>));
    const fits = wanted === 'any' || (wanted === 'boolean' ? typeof value === 'boolean' : Array.isArray(value));
    return fits ? { value } : { fault: { offset: 0, found: `an expression that gives ${shown(value)}`, expected: wanted === 'boolean' ? 'true or false' : 'a list' } };
  } catch (error) {
    if (error instanceof EvaluationError || error instanceof ParseError || error instanceof CelTypeError) return { fault: faultOf(error, roots) };
    throw error;
  }
}

function faultOf(error: EvaluationError | ParseError | CelTypeError, roots: Roots): Fault {
  const node = error.node as ASTNode | undefined;
  const offset = error.range?.start ?? node?.pos ?? 0;
  if (error.code === 'unknown_variable') {
    const name = /: (\S+)$/.exec(error.summary)?.[1] ?? '';
    return { offset, found: `unknown name "${name}"`, expected: oneOf(Object.keys(roots)), nearest: nearest(name, Object.keys(roots)) };
  }
  if (error.code === 'no_such_key' && node?.op === '.') {
    const [object, name] = node.args;
    const value = walk(object, roots);
    const known = value !== null && typeof value === 'object' ? Object.keys(value) : [];
    return { offset, found: `unknown name "${name}"`, expected: oneOf(known), nearest: nearest(name, known), unknown: name };
  }
  return { offset, found: `an expression that fails (${error.summary})`, expected: 'a CEL expression that can be decided with these facts' };
}

/** The value an access chain such as captured.lvm names, or undefined where it is not a plain chain. */
function walk(node: ASTNode, roots: Roots): unknown {
  if (node.op === 'id') return roots[node.args];
  if (node.op !== '.') return undefined;
  const within = walk(node.args[0], roots);
  return within !== null && typeof within === 'object' ? (within as Record<string, unknown>)[node.args[1]] : undefined;
}

/** CEL's integers are BigInt here, so that facts compare with literals as whole numbers; and back again. */
function toCel(value: unknown): unknown {
  return convert(value, (part) => (typeof part === 'number' && Number.isSafeInteger(part) ? BigInt(part) : part));
}

function plain(value: unknown): unknown {
  return convert(value, (part) => (typeof part === 'bigint' ? Number(part) : part));
}

function convert(value: unknown, leaf: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((part) => convert(part, leaf));
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, part]) => [String(key), convert(part, leaf)]));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, convert(part, leaf)]));
  return leaf(value);
}
