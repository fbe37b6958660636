import leven from 'leven';

/** One thing that is wrong in a file a person wrote: where, what stands there, what should. Lines and columns count from 1. */
export interface Problem {
  file: string;
  line: number;
  column: number;
  found: string;
  expected: string;
  nearest?: string;
  /** The whole sentence as printed: file:line:column: found ..., expected ... */
  message: string;
}

/** Everything wrong in what was handed in, not only the first; the command line prints it and exits with 2. */
export class InputError extends Error {
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    const sorted = [...problems].sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1));
    super(sorted.map((p) => p.message).join('\n'));
    this.name = 'InputError';
    this.problems = sorted;
  }
}

export interface Place { file: string; line: number; column: number }

export function problem(place: Place, found: string, expected: string, nearest?: string): Problem {
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  const message = `${place.file}:${place.line}:${place.column}: found ${found}, expected ${expected}${hint}`;
  return { ...place, found, expected, ...(nearest === undefined ? {} : { nearest }), message };
}

/** The candidate a person most likely meant: at most a third of its letters differ, so that C3 is no guess for C2. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const best = candidates
    .map((candidate) => ({ candidate, distance: leven(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))[0];
  if (best === undefined || best.candidate === name) return undefined;
  return best.distance <= Math.max(name.length, best.candidate.length) / 3 ? best.candidate : undefined;
}

/** "one of a, b, c"; long lists are cut, since the nearest name is said as well. */
export function oneOf(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  if (names.length === 1) return names[0] as string;
  return `one of ${names.slice(0, 12).join(', ')}${names.length > 12 ? `, ... (${names.length} in all)` : ''}`;
}

/** A value as a person would name it in a sentence. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
}
