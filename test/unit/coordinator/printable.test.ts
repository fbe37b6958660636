import { expect, test } from 'vitest';
import { oneLine, printable, printableAll } from '../../../coordinator/printable.ts';

test('what a host says cannot move the cursor, set a title, turn a line round or begin a line', () => {
  expect(printable('\u001b[2J\u001b]0;owned\u0007gone\r\u009b1A\u202eback\nnext')).toBe('gone\ufffd\ufffdback\nnext');
  expect(oneLine('a\nC1 changed')).toBe('a\ufffdC1 changed');
  expect(printableAll({ a: ['\u001b[31mred', { b: 'x\u0008' }], n: 1, none: null })).toEqual({ a: ['red', { b: 'x\ufffd' }], n: 1, none: null });
});
