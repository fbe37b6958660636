// Who calls an agent that is not enrolled: a flood, from one address or from very many, leaves whoever has begun his turn and his nonce.
import { beforeEach, expect, test } from 'vitest';
import { Callers } from '../../../agent/enrolment/callers.ts';

const MINE = '192.0.2.1', GOOD_MS = 120_000;
let callers: Callers, clockMs: number;
beforeEach(() => { [callers, clockMs] = [new Callers(GOOD_MS), 1_000_000]; });

/** As the agent does: a nonce is opened only for who was admitted. */
function begin(address: string, nonce: string): boolean {
  const admits = callers.admits(address, clockMs);
  if (admits) callers.open(address, nonce, clockMs);
  return admits;
}

test('from one address: twenty calls a second, eight nonces, and the others have theirs', () => {
  begin(MINE, 'mine');
  expect(Array.from({ length: 1000 }, (_, n) => begin('192.0.2.66', `n${String(n)}`)).filter(Boolean)).toHaveLength(20);
  expect([...Array(20).keys()].filter((n) => callers.take('192.0.2.66', `n${String(n)}`, clockMs) !== undefined)).toHaveLength(8);
  expect([callers.admits(MINE, clockMs), callers.take(MINE, 'mine', clockMs)]).toEqual([true, clockMs + GOOD_MS]);
  clockMs += 1000;
  expect(callers.admits('192.0.2.66', clockMs)).toBe(true);
});

test('from very many: who has begun keeps his nonce, and when the others fall silent there is room again', () => {
  begin(MINE, 'mine');
  expect(Array.from({ length: 1000 }, (_, n) => begin(`198.51.100.${String(n)}`, `n${String(n)}`)).filter(Boolean)).toHaveLength(255);
  expect([callers.admits(MINE, clockMs), callers.admits('203.0.113.1', clockMs)]).toEqual([true, false]);
  expect(callers.take(MINE, 'mine', clockMs)).toBe(clockMs + GOOD_MS);
  clockMs += GOOD_MS;
  expect(begin('203.0.113.1', 'new')).toBe(true);
});

test('addresses that only call and begin nothing make room for each other', () => {
  expect(Array.from({ length: 1000 }, (_, n) => callers.admits(`198.51.100.${String(n)}`, clockMs)).every(Boolean)).toBe(true);
});
