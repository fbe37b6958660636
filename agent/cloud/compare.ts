import type { Difference } from '../../proto/events.ts';

/** What an API gives, by id, against the rows of its database, both ways. */
export function compareStates(what: string, found: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): Difference[] {
  const lacks = [...wanted].filter(([id, state]) => found.get(id) !== state)
    .map(([id, state]) => ({ what: `${what} ${id}`, found: found.get(id) ?? 'not listed', wanted: state }));
  const beside = [...found].filter(([id]) => !wanted.has(id)).map(([id, state]) => ({ what: `${what} ${id}`, found: `listed (${state})`, wanted: 'no such row' }));
  return [...lacks, ...beside];
}
