import { linkSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hasLapsed, LeaseKeeper, type Moment, type Wish } from '../../../agent/lease.ts';

const wish = (run: string, owner: string, takeOver: boolean, fence = 0): Wish => ({ run, owner, ttlS: 60, takeOver, fence });
/** This long after the epoch and after the host's start. */
const at = (ms: number, boot: string = 'one', set: number = 0): Moment => ({ ms: ms + set, boot, monotonicMs: ms });
let state: string;
beforeEach(() => { state = mkdtempSync(join(tmpdir(), 'lease-')); });
afterEach(() => { rmSync(state, { recursive: true }); });

test('one run holds the host; the holder renews with the same number', () => {
  const leases = new LeaseKeeper(state);
  expect(leases.acquire(wish('r1', 'ann', false), at(0))).toMatchObject({ granted: true, lease: { fence: 1 } });
  expect(leases.acquire(wish('r2', 'bob', false), at(1000))).toMatchObject({ granted: false, lease: { owner: 'ann', run: 'r1' } });
  expect(leases.acquire(wish('r1', 'ann', false, 1), at(30_000))).toMatchObject({ granted: true, lease: { fence: 1, expiresMs: 90_000 } });
});

test('a lapsed lease is taken over only when asked to, with a higher number, and the old one is refused', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire(wish('r1', 'ann', false), at(0));
  expect(leases.acquire(wish('r2', 'bob', false), at(61_000)).granted).toBe(false);
  expect(leases.acquire(wish('r2', 'bob', true), at(59_000)).granted).toBe(false);
  expect(leases.acquire(wish('r2', 'bob', true), at(61_000))).toMatchObject({ granted: true, lease: { fence: 2 } });
  expect(leases.refusal('r1', 1)).toContain('held by run r2 of bob');
  expect(leases.refusal('r2', 1)).toContain('fencing number 1 is not the one kept (2)');
  expect(leases.refusal('r2', 2)).toBeUndefined();
});

test('the number never falls, also across a release and a restart', () => {
  const before = new LeaseKeeper(state);
  before.acquire(wish('r1', 'ann', false));
  expect(before.release('r1', 2)).toBe(false);
  expect(before.release('r1', 1)).toBe(true);
  expect(before.refusal('r1', 1)).toContain('holds no lease');
  expect(new LeaseKeeper(state).acquire(wish('r2', 'bob', false))).toMatchObject({ granted: true, lease: { fence: 2 } });
});

test('a coordinator that goes on with its run fences out an earlier one that is left over', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire(wish('r1', 'ann', false), at(0));
  expect(leases.acquire(wish('r1', 'ann', false), at(1000))).toMatchObject({ granted: true, lease: { fence: 2 } });
  expect(leases.refusal('r1', 1)).toContain('fencing number 1 is not the one kept (2)');
  expect(leases.acquire(wish('r1', 'ann', false, 1), at(2000)).granted).toBe(false);
  expect(leases.acquire(wish('r1', 'ann', false, 2), at(2000))).toMatchObject({ granted: true, lease: { fence: 2 } });
});

test('the same run under another owner is another coordinator: while the lease holds it is not taken, lapsed only when asked to', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire(wish('r1', 'ann', false), at(0));
  expect(leases.acquire(wish('r1', 'bob', true), at(1000)).granted).toBe(false);
  expect(leases.acquire(wish('r1', 'bob', false), at(61_000)).granted).toBe(false);
  expect(leases.acquire(wish('r1', 'bob', true), at(61_000))).toMatchObject({ granted: true, lease: { fence: 2 } });
});

test('a lease is given back, and renewed, where not one byte more can be written: what is replaced lies there already', () => {
  const leases = new LeaseKeeper(state), files = (): string[] => readdirSync(state).sort();
  leases.acquire(wish('r1', 'a name that is longer than none', false));
  const before = files().map((file) => statSync(join(state, file)));
  expect(files()).toEqual(['lease.json', 'lease.spare']);
  expect(leases.acquire(wish('r1', 'a name that is longer than none', false, 1)).granted).toBe(true);
  expect(leases.release('r1', 1)).toBe(true);
  // The same two files, as large as they were: no file system that overwrites in place needs room for it.
  const after = files().map((file) => statSync(join(state, file)));
  expect(after.map(({ ino }) => ino).sort()).toEqual(before.map(({ ino }) => ino).sort());
  expect(after.map(({ size }) => size)).toEqual(before.map(({ size }) => size));
  expect(new LeaseKeeper(state).current).toMatchObject({ run: '', fence: 1 });
});

test('whatever moment a change is cut short at, the number on disk is the former or the new one, and never falls after', () => {
  const first = new LeaseKeeper(state);
  first.acquire(wish('r1', 'ann', false));
  const path = (name: string): string => join(state, `lease.${name}`), later = (): number => { const leases = new LeaseKeeper(state); leases.acquire(wish('r1', 'ann', false)); return leases.current.fence; };
  linkSync(path('json'), path('former')); // both names of one file: it must not be overwritten as a spare
  expect(later()).toBe(2);
  expect(new LeaseKeeper(state).current.fence).toBe(2);
  linkSync(path('json'), path('former'));
  renameSync(path('spare'), path('json')); // the spare is missing now
  writeFileSync(path('json'), JSON.stringify({ run: 'r1', owner: 'ann', fence: 3, expiresMs: 0 }));
  expect(later()).toBe(4);
  writeFileSync(path('spare'), '{"torn');
  expect(later()).toBe(5);
  expect(later()).toBe(6);
  expect(statSync(path('json')).ino).not.toBe(statSync(path('spare')).ino);
});

test('a lease of a run that is done is given back by its owner without the number, and by nobody else', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire(wish('r1', 'ann', false));
  expect(leases.release('r1', 0, 'bob')).toBe(false);
  expect(leases.release('r2', 0, 'ann')).toBe(false);
  expect(leases.release('r1', 0, 'ann')).toBe(true);
  expect(leases.acquire(wish('r2', 'bob', false)).lease.fence).toBe(2);
});

test('the same run and owner under another certificate is somebody else: a copied folder takes no lease that lives', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire({ ...wish('r1', 'ann', false), caller: 'ops' }, at(0));
  expect(leases.acquire({ ...wish('r1', 'ann', false), caller: 'copy' }, at(1000))).toMatchObject({ granted: false, lease: { caller: 'ops' } });
  expect(leases.release('r1', 0, 'ann', 'copy')).toBe(false);
  expect(leases.acquire({ ...wish('r1', 'ann', true), caller: 'copy' }, at(61_000))).toMatchObject({ granted: true, lease: { fence: 2, caller: 'copy' } });
});

test('it keeps the catalogue with which it was granted, also when it is renewed by an agent with another', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire({ ...wish('r1', 'ann', false), catalogue: 'one' }, at(0));
  leases.acquire({ ...wish('r1', 'ann', false, 1), catalogue: 'two' }, at(1000));
  expect([leases.hasOther('r1', 'one'), leases.hasOther('r1', 'two'), leases.hasOther('r2', 'two')]).toEqual([false, true, false]);
  leases.acquire({ ...wish('r1', 'ann', false), catalogue: 'two' }, at(2000));
  expect([leases.hasOther('r1', 'one'), leases.hasOther('r1', 'two')]).toEqual([true, false]);
  leases.release('r1', 2);
  expect(leases.hasOther('r1', 'one')).toBe(false);
});

test('a run that gives the host back with work unfinished keeps its catalogue there, also across others, until it comes again', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire({ ...wish('r1', 'ann', false), catalogue: 'one' });
  leases.release('r1', 1, '', '', true);
  leases.acquire({ ...wish('r2', 'bob', false), catalogue: 'two' });
  leases.release('r2', 2);
  const again = new LeaseKeeper(state);
  expect([again.hasOther('r1', 'one'), again.hasOther('r1', 'two'), again.hasOther('r2', 'one')]).toEqual([false, true, false]);
  again.acquire({ ...wish('r1', 'ann', false), catalogue: 'two' });
  again.release('r1', 3);
  expect([again.hasOther('r1', 'one'), again.current.left]).toEqual([false, []]);
});

test('so does one that is taken over; and however many they are, a lease keeps its size on disk', () => {
  const leases = new LeaseKeeper(state), catalogue = 'c'.repeat(64);
  for (let n = 0; n < 40; n += 1) leases.acquire({ ...wish(`r${String(n)}-${'x'.repeat(50)}`, 'ann', true), catalogue }, at(n * 61_000));
  expect(leases.hasOther(`r38-${'x'.repeat(50)}`, 'other')).toBe(true);
  expect(statSync(join(state, 'lease.json')).size).toBe(4096);
});

test('a clock that is set back holds no lapsed lease, and one set forth takes none, as long as the host lives; then the time of day counts', () => {
  const leases = new LeaseKeeper(state), hour = 3_600_000;
  leases.acquire(wish('r1', 'ann', false), at(0));
  expect([hasLapsed(leases.current, at(59_000, 'one', hour)), hasLapsed(leases.current, at(61_000, 'one', -hour))]).toEqual([false, true]);
  expect([hasLapsed(leases.current, at(59_000, 'two')), hasLapsed(leases.current, at(61_000, 'two'))]).toEqual([false, true]);
  expect(leases.acquire(wish('r2', 'bob', true), at(59_000, 'one', hour)).granted).toBe(false);
  expect(leases.acquire(wish('r2', 'bob', true), at(61_000, 'one', -hour)).granted).toBe(true);
});
