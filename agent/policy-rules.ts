import { globToRegExp } from './parse/glob.ts';
import { pathGlob } from './parse/path-glob.ts';
import { unitName } from './facts/units.ts';
import type { Touches } from './operations/operation.ts';

export const LISTS = ['operations', 'paths', 'packages', 'units'] as const;
export type ListName = (typeof LISTS)[number];
/** One list of a policy file and where it stands; a list that is left out allows nothing. */
export interface List { allowed: string[]; line: number; column: number; absent?: true }
export interface Rules { file: string; lists: Record<ListName, List> }

/** A path without double slashes and a slash at its end, '' for the root; undefined for one that is relative or goes up. */
export function plainPath(path: string): string | undefined {
  if (!path.startsWith('/') || path.includes('\0') || /(?:^|\/)\.{1,2}(?:\/|$)/.test(path)) return undefined;
  return path.replace(/\/+/g, '/').replace(/\/$/, '');
}

const WILD = /[*?[]/;

/** Whether a pattern allows all that `wanted`, a path or a glob of paths, can stand for. Both hold for what is below them too. */
export function coversPath(pattern: string, wanted: string): boolean {
  if (pattern === wanted || pattern === '' || (!WILD.test(pattern) && wanted.startsWith(`${pattern}/`))) return true;
  const wild = wanted.search(/[*?]/);
  if (wild < 0) return WILD.test(pattern) && pathGlob(pattern)(wanted);
  // All that a glob finds is below its last folder without a wildcard; that one glob lies within another is not worked out.
  const folder = wanted.slice(0, wanted.lastIndexOf('/', wild));
  return pathGlob(pattern)(folder) || (pattern.endsWith('/**') && pathGlob(pattern.slice(0, -3))(folder));
}

function coversName(pattern: string, wanted: string): boolean {
  return pattern === wanted || pattern === '*' || (WILD.test(pattern) && !WILD.test(wanted) && globToRegExp(pattern).test(wanted));
}

function isAllowed(list: ListName, allowed: string[], wanted: string): boolean {
  if (list === 'paths') {
    const path = plainPath(wanted);
    return path !== undefined && allowed.some((pattern) => coversPath(plainPath(pattern) ?? pattern, path));
  }
  return allowed.some((pattern) => coversName(list === 'units' ? unitName(pattern) : pattern, wanted));
}

/** So many of one list are named in a refusal. */
const NAMED = 5;

/** Why a policy does not allow an operation with what it touches, with the line of each list that lacks something; undefined when it does. */
export function refusalOf({ file, lists }: Rules, operation: string, touches: Touches): string | undefined {
  const wanted: Record<ListName, string[]> = { operations: [operation], paths: touches.paths ?? [], packages: touches.packages ?? [], units: touches.units ?? [] };
  const lacking = LISTS.flatMap((name) => {
    const { allowed, line, column, absent } = lists[name], missing = wanted[name].filter((one) => !isAllowed(name, allowed, one));
    if (missing.length === 0) return [];
    const what = missing.slice(0, NAMED).map((one) => JSON.stringify(one)).join(', ') + (missing.length > NAMED ? ` and ${String(missing.length - NAMED)} more` : '');
    return [`${file}:${String(line)}:${String(column)}: ${absent === true ? `there is no list "${name}", so it` : `"${name}"`} does not allow ${what}`];
  });
  return lacking.length === 0 ? undefined : lacking.join('; ');
}
