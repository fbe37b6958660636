import { describe, expect, test } from 'vitest';
import { ReadAhead } from '../../../agent/host/ahead.ts';

/** A reader that keeps what it was asked for. */
function counted(): { asked: string[][]; read: (names: string[]) => Promise<Map<string, number>> } {
  const asked: string[][] = [];
  return { asked, read: async (names) => { asked.push(names); return new Map(names.map((name) => [name, asked.length])); } };
}

describe('reading ahead', () => {
  test('one reading serves the first looks of the steps that wait', async () => {
    const ahead = new ReadAhead(), { asked, read } = counted();
    await ahead.firstLook(() => ['b', 'c'])('units', ['a'], read);
    expect([...(await ahead.firstLook(() => ['c'])('units', ['b'], read)).keys()]).toEqual(['b']);
    await ahead.firstLook(() => [])('units', ['c'], read);
    expect(asked).toEqual([['a', 'b', 'c']]);
  });

  test('a second look of one step reads for itself', async () => {
    const ahead = new ReadAhead(), { asked, read } = counted(), look = ahead.firstLook(() => ['b']);
    await look('units', ['a'], read);
    await look('units', ['a'], read);
    expect(asked).toEqual([['a', 'b'], ['a']]);
  });

  test('nothing read before a change is used after it', async () => {
    const ahead = new ReadAhead(), { asked, read } = counted();
    await ahead.firstLook(() => ['b'])('units', ['a'], read);
    ahead.forget();
    await ahead.firstLook(() => [])('units', ['b'], read);
    expect(asked).toEqual([['a', 'b'], ['b']]);
  });

  test('a name that was not read along, or another sight, is read', async () => {
    const ahead = new ReadAhead(), { asked, read } = counted();
    await ahead.firstLook(() => ['b'])('units', ['a'], read);
    await ahead.firstLook(() => [])('units', ['b', 'z'], read);
    await ahead.firstLook(() => [])('packages', ['b'], read);
    expect(asked).toEqual([['a', 'b'], ['b', 'z'], ['b']]);
  });

  test('what a later step names does not fail this one', async () => {
    const read = async (names: string[]): Promise<Map<string, number>> => {
      if (names.includes('bad@')) throw new Error('invalid unit name');
      return new Map(names.map((name) => [name, 1]));
    };
    expect([...(await new ReadAhead().firstLook(() => ['bad@'])('units', ['a'], read)).keys()]).toEqual(['a']);
  });
});
