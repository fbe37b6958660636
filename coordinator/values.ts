import { isMap, isScalar, isSeq, type Node } from 'yaml';
import type { Source } from './input/document.ts';
import { nearest, oneOf, type Place, problem, type Problem, shown } from './input/problem.ts';

/** What `${...}` and CEL expressions may name. */
export type Roots = Record<string, unknown>;

/** A value written in a runbook, with its references replaced, or what is wrong with it. */
export interface Filled { value: unknown; problems: Problem[]; unknown: string[] }

const REFERENCE = /\$\{([^}]*)\}/g;
const DOTTED = /^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/;

/**
 * Replaces references: a string that is exactly "${a.b}" becomes that value of any type, a reference inside a longer
 * string must be a scalar, an element of a list that is a list is spliced in. `unknown` gathers the paths that did not resolve.
 */
export function fill(node: Node, source: Source, roots: Roots): Filled {
  const problems: Problem[] = [];
  const unknown: string[] = [];
  const lookup = (path: string, place: Place): unknown => {
    const found = resolve(path, roots);
    if ('value' in found) return found.value;
    unknown.push(path);
    problems.push(problem(place, found.found, found.expected, found.nearest));
    return undefined;
  };
  const text = (part: Node, written: string): unknown => {
    const place = (offset: number) => source.at(scalarStart(part, source) + offset);
    const whole = /^\$\{([^}]*)\}$/.exec(written);
    if (whole !== null) return lookup(whole[1] as string, place(2));
    const open = written.replaceAll(REFERENCE, (all) => ' '.repeat(all.length)).indexOf('${');
    if (open >= 0) problems.push(problem(place(open), '"${" without "}"', 'a reference such as ${host.address}'));
    return written.replaceAll(REFERENCE, (_all, path: string, offset: number) => {
      const value = lookup(path, place(offset + 2));
      if (value !== null && typeof value === 'object') problems.push(problem(place(offset + 2), `\${${path}}, which is ${shown(value)}`, 'a single value inside a longer text'));
      return String(value);
    });
  };
  const walk = (part: Node): unknown => {
    if (isMap(part)) return Object.fromEntries(part.items.map((pair) => [String((pair.key as { value: unknown }).value), pair.value === null ? null : walk(pair.value as Node)]));
    if (isSeq(part)) {
      return part.items.flatMap((item) => {
        const value = walk(item as Node);
        return isScalar(item) && Array.isArray(value) ? value as unknown[] : [value];
      });
    }
    if (!isScalar(part)) return null;
    return typeof part.value === 'string' ? text(part, part.value) : part.value;
  };
  return { value: walk(node), problems, unknown };
}

/** Where a scalar's text begins: behind its opening quote. Escapes in quoted text shift later columns; a block's start is its header. */
export function scalarStart(node: Node, source: Source): number {
  const start = node.range?.[0] ?? 0;
  return ['"', "'"].includes(source.text[start] ?? '') ? start + 1 : start;
}

type Resolved = { value: unknown } | { found: string; expected: string; nearest?: string | undefined };

function resolve(path: string, roots: Roots): Resolved {
  if (!DOTTED.test(path)) return { found: `"\${${path}}"`, expected: 'a dotted path such as ${host.address}' };
  let value: unknown = roots;
  const names = path.split('.');
  for (const [index, name] of names.entries()) {
    const within = index === 0 ? '' : ` in ${names.slice(0, index).join('.')}`;
    if (value === null || typeof value !== 'object') return { found: `"${name}"${within}, which is ${shown(value)}`, expected: 'a map there' };
    if (!Object.hasOwn(value, name)) {
      const known = Array.isArray(value) ? value.map((_item, i) => String(i)) : Object.keys(value);
      return { found: `unknown name "${name}"${within}`, expected: oneOf(known), nearest: nearest(name, known) };
    }
    value = (value as Record<string, unknown>)[name];
  }
  return { value };
}
