import { beforeEach, describe, expect, test } from 'vitest';
import type { SiteHere } from './command-line.ts';
import { begunElsewhere, blind, effects, fails, INTENT, results, run, site, unsteady, verifiedOf } from './three-lines.ts';

test('a step whose proof failed is proven again when it is gone on with: that its change is found is not enough', async () => {
  unsteady.add('b');
  expect((await run()).code).toBe(3);
  const again = await site.tandem('resume', 'r1');
  expect(again.code).toBe(3);
  expect(again.out).toContain('verify_failed: done, and yet not so: b is unsteady, wanted steady');
  unsteady.clear();
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
  expect(await results()).toEqual(['A1 changed', 'A2 changed', 'A3 changed']);
  expect(verifiedOf('A2')).toEqual([false, false, true]);
});

describe('a result that nobody can tell', () => {
  const resolve = async (answer: string): ReturnType<SiteHere['tandem']> => await site.tandem('resolve', 'r1', 'A2', answer, '--by', 'ann', '--reason', 'I looked');
  beforeEach(async () => {
    fails.add('b');
    await run();
    fails.clear();
    blind.add('b');
    await begunElsewhere('A2', 'b', [INTENT]);
    const { code, out } = await site.tandem('resume', 'r1');
    expect(code).toBe(8);
    expect(out).toContain('Next: Is this so on h1: line of A2 is there? A look could not tell (it failed at: look --at b); look there yourself.\nNext: Then: tandem resolve r1 A2 done|not-done --host h1 --by NAME --reason TEXT');
    expect(effects).toEqual(['a']);
  });

  test('stays so however often the run is gone on with; when a look can tell again, it is settled by that', async () => {
    expect((await site.tandem('resume', 'r1')).code).toBe(8);
    expect(effects).toEqual(['a']);
    blind.clear();
    effects.push('b'); // it had been done
    expect((await site.tandem('resume', 'r1')).code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
    expect(await results()).toEqual(['A1 changed', 'A2 changed', 'A3 changed']); // by the attempt that was interrupted
  });

  test('a person says that it is done: where its proof holds it is left alone, and the word stands in the report', async () => {
    effects.push('b'); // it had been done
    const { code, out } = await resolve('done');
    expect(code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
    expect(verifiedOf('A2')).toEqual([false, true]); // before it was asked, and when it was answered
    expect(out).toMatch(/A2 +UNKNOWN .*\n.*\n? *taken as done, said ann \(certificate of ops\): I looked/);
    expect((await site.tandem('resume', 'r1')).out).toContain('is done');
  });

  test('a person says that it is done, no look can tell, and its proof says it is not: the word is not taken', async () => {
    const { code, out } = await resolve('done');
    expect(code).toBe(8);
    expect(out).toContain('A2 cannot be called done, its proof fails: a look cannot tell what was done (cannot look), and line is absent, wanted b; mend it, then tandem resume');
    expect([effects, verifiedOf('A2')]).toEqual([['a'], [false, false]]);
  });

  test('neither a look nor the proof can tell: the word stands alone', async () => {
    blind.add('proof of b');
    const before = verifiedOf('A2');
    expect((await resolve('done')).code).toBe(0);
    expect([effects, verifiedOf('A2')]).toEqual([['a', 'c'], before]);
  });

  test('a person says that it is not done, and no look can tell: it is tried, and fails at that', async () => {
    const { code, out } = await resolve('not-done');
    expect([code, effects]).toEqual([3, ['a']]);
    expect(out).toContain('cannot look');
  });

  test('a person says that it is not done: it is carried out', async () => {
    blind.clear();
    expect((await resolve('not-done')).code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
  });

  test('found done, it is proven before it is called so; a word does not stand for the proof', async () => {
    blind.clear();
    effects.push('b'); // it had been done
    unsteady.add('b');
    for (const { code, out } of [await site.tandem('resume', 'r1'), await resolve('done')]) {
      expect(code).toBe(8);
      expect(out).toContain('A2 cannot be called done, its proof fails: done, and yet not so: b is unsteady, wanted steady; mend it, then tandem resume');
    }
    expect(effects).toEqual(['a', 'b']);
    unsteady.clear();
    expect((await site.tandem('resume', 'r1')).code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
    expect(verifiedOf('A2')).toEqual([false, false, false, true]);
  });

  test('said not done of what is done and not proven, it has failed', async () => {
    blind.clear();
    effects.push('b');
    unsteady.add('b');
    expect((await resolve('not-done')).code).toBe(3);
    expect(effects).toEqual(['a', 'b']);
  });

  test('a word that the host contradicts is not taken', async () => {
    blind.clear();
    const { code, out } = await resolve('done');
    expect(code).toBe(8);
    expect(out).toContain('A2 is not done, whatever was said: a look finds that it would change something; tandem resume carries it out');
    expect(effects).toEqual(['a']);
    expect((await site.tandem('resume', 'r1')).code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
  });

  test('said done of what is done already, the look decides; a step that is not unknown takes no word', async () => {
    blind.clear();
    effects.push('b');
    expect((await resolve('not-done')).code).toBe(0);
    expect(effects).toEqual(['a', 'b', 'c']);
    const refused = await site.tandem('resolve', 'r1', 'A1', 'done', '--by', 'ann', '--reason', 'x');
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('run r1, in which no step is unknown');
  });
});
