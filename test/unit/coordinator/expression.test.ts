import { expect, test } from 'vitest';
import { evaluate } from '../../../coordinator/expression.ts';

const roots = { vars: { n: 3, half: 1.5, on: true, name: 'x' }, captured: { vgs: [{ name: 'a' }, { name: 'b' }], users: ['guest', 'u'] } };

test.each([
  ['vars.on', true],
  ['!vars.on', false],
  ['vars.n == 3 && vars.n + 1 > 3', true],
  ['vars.half < 2.0', true],
  ['size(captured.vgs) > 0', true],
  ['captured.vgs.exists(vg, vg.name == "b")', true],
  ['"u" in captured.users', true],
  ['has(captured.lvm) && captured.lvm.x', false],
])('%s is %s', (text, value) => {
  expect(evaluate(text, roots, 'boolean')).toEqual({ value });
});

test('a list is given in plain values', () => {
  expect(evaluate('captured.vgs.filter(vg, vg.name != "a")', roots, 'list')).toEqual({ value: [{ name: 'b' }] });
  expect(evaluate('[vars.n, 2]', roots, 'list')).toEqual({ value: [3, 2] });
});

test.each([
  ['captured.vgz == 1', { offset: 9, found: 'unknown name "vgz"', expected: 'one of vgs, users', nearest: 'vgs', unknown: 'vgz' }],
  ['varz.n == 1', { offset: 0, found: 'unknown name "varz"', expected: 'one of vars, captured', nearest: 'vars' }],
  ['vars.name', { offset: 0, found: 'an expression that gives "x"', expected: 'true or false' }],
])('%s is refused', (text, fault) => {
  expect(evaluate(text, roots, 'boolean')).toEqual({ fault });
});

test('there is no clock and no way out of the facts', () => {
  for (const text of ['now() > 1', 'vars.constructor == 1', 'vars.__proto__ == 1', 'process.exit(1)']) expect(evaluate(text, roots, 'boolean')).toHaveProperty('fault');
});

test('an expression cannot grow without bound', () => {
  expect(evaluate(`${'('.repeat(200)}true${')'.repeat(200)}`, roots, 'boolean')).toHaveProperty('fault');
  expect(evaluate(Array.from({ length: 400 }, () => 'true').join(' && '), roots, 'boolean')).toHaveProperty('fault');
});
