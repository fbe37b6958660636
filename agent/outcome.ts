import type { Code, Failure } from '../proto/errors.ts';
import type { Difference, EventKind, Json, Result } from '../proto/events.ts';

/** How a step ended; what failed is thrown as a StepError instead. */
export interface Outcome { result: Result; reason: string; /** Why the agent went back by itself. */ code?: Code | ''; failure?: Failure | null }

/** Puts an event on disk before it returns. */
export type Emit = (event: EventKind) => void;

/** JSON with sorted keys, so that two looks at one state compare equal. */
export function stable(value: Json): string {
  return JSON.stringify(value, (_key, part: unknown) => (part !== null && typeof part === 'object' && !Array.isArray(part)
    ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part));
}

/** Differences as one line: what is, and what was wanted. */
export function sentence(differences: Difference[]): string {
  return differences.map((d) => `${d.what} is ${d.found}, wanted ${d.wanted}`).join('; ');
}
