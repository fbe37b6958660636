import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LeaseKeeper, type Wish } from '../../../agent/lease.ts';

const wish = (run: string, owner: string, takeOver: boolean, fence = 0): Wish => ({ run, owner, ttlS: 60, takeOver, fence });
let state: string;
beforeEach(() => { state = mkdtempSync(join(tmpdir(), 'lease-')); });
afterEach(() => { rmSync(state, { recursive: true }); });

test('one run holds the host; the holder renews with the same number', () => {
  const leases = new LeaseKeeper(state);
  expect(leases.acquire(wish('r1', 'ann', false), 0)).toMatchObject({ granted: true, lease: { fence: 1 } });
  expect(leases.acquire(wish('r2', 'bob', false), 1000)).toMatchObject({ granted: false, lease: { owner: 'ann', run: 'r1' } });
  expect(leases.acquire(wish('r1', 'ann', false, 1), 30_000)).toMatchObject({ granted: true, lease: { fence: 1, expiresMs: 90_000 } });
});

test('a lapsed lease is taken over only when asked to, with a higher number, and the old one is refused', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire(wish('r1', 'ann', false), 0);
  expect(leases.acquire(wish('r2', 'bob', false), 61_000).granted).toBe(false);
  expect(leases.acquire(wish('r2', 'bob', true), 59_000).granted).toBe(false);
  expect(leases.acquire(wish('r2', 'bob', true), 61_000)).toMatchObject({ granted: true, lease: { fence: 2 } });
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
  leases.acquire(wish('r1', 'ann', false), 0);
  expect(leases.acquire(wish('r1', 'ann', false), 1000)).toMatchObject({ granted: true, lease: { fence: 2 } });
  expect(leases.refusal('r1', 1)).toContain('fencing number 1 is not the one kept (2)');
  expect(leases.acquire(wish('r1', 'ann', false, 1), 2000).granted).toBe(false);
  expect(leases.acquire(wish('r1', 'ann', false, 2), 2000)).toMatchObject({ granted: true, lease: { fence: 2 } });
});

test('the same run under another owner is another coordinator: while the lease holds it is not taken, lapsed only when asked to', () => {
  const leases = new LeaseKeeper(state);
  leases.acquire(wish('r1', 'ann', false), 0);
  expect(leases.acquire(wish('r1', 'bob', true), 1000).granted).toBe(false);
  expect(leases.acquire(wish('r1', 'bob', false), 61_000).granted).toBe(false);
  expect(leases.acquire(wish('r1', 'bob', true), 61_000)).toMatchObject({ granted: true, lease: { fence: 2 } });
});
