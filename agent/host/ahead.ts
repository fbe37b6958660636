import type { ReadTogether, Sight } from './host.ts';

/** A reading may be this old when a step's first look uses it, milliseconds: as long as health's. */
const FRESH_MS = 2000;
/** Subjects asked of one process; a command line and its answer stay small. */
const MOST = 200;

/**
 * One process for the looks of many steps: what the steps that wait behind this one will look at is read along with its
 * own. Only the first look of a step may use it, and only while this agent has changed nothing since.
 */
export class ReadAhead {
  readonly #kept = new Map<Sight, { atMs: number; values: Map<string, unknown> }>();

  /** Something is about to change: nothing read before counts any more. */
  forget(): void { this.#kept.clear(); }

  /** The reader of one step's first look; `waiting` names what later steps will look at. */
  firstLook(waiting: (sight: Sight) => string[]): ReadTogether {
    let looked = false;
    return async <T>(sight: Sight, names: readonly string[], read: (names: string[]) => Promise<Map<string, T>>): Promise<Map<string, T>> => {
      if (looked) return await read([...names]);
      looked = true;
      const kept = this.#kept.get(sight);
      if (kept !== undefined && performance.now() - kept.atMs < FRESH_MS && names.every((name) => kept.values.has(name))) return pick(kept.values as Map<string, T>, names);
      const all = [...new Set([...names, ...waiting(sight)])].slice(0, Math.max(MOST, names.length));
      if (all.length === names.length) return await read(all);
      const atMs = performance.now();
      const values = await read(all).catch(() => undefined);
      if (values === undefined) return await read([...names]); // what a later step names must not fail this one
      this.#kept.set(sight, { atMs, values });
      return pick(values, names);
    };
  }
}

const pick = <T>(values: Map<string, T>, names: readonly string[]): Map<string, T> => new Map(names.flatMap((name) => {
  const value = values.get(name);
  return value === undefined ? [] : [[name, value]];
}));
