import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { operation } from '../../agent/operations/operation.ts';
import { OPERATIONS_PAGE, operationsPage } from '../../scripts/docs.ts';

test('docs/operations.md is what the catalogue says (else run: node scripts/docs.ts)', () => {
  expect(readFileSync(OPERATIONS_PAGE, 'utf8')).toBe(operationsPage());
});

test('a page names every argument, nested ones too, with its kind, default and meaning', () => {
  const args = z.strictObject({
    path: z.string().describe('Where | it is.'),
    mode: z.enum(['a', 'b']).default('a').describe('How.'),
    rules: z.array(z.strictObject({ port: z.number().int() })).optional(),
  });
  const page = operationsPage([operation({
    name: 'thing.placed', summary: 'A thing is in place.', args, timeoutS: 5, mayKill: false, describe: () => '', check: () => Promise.reject(new Error('not asked')),
  })]);
  expect(page).toContain('## thing.placed\n\nA thing is in place. Asserts, changes nothing. Time limit 5 s;');
  expect(page).toContain('| `path` | string | yes | Where \\| it is. |');
  expect(page).toContain('| `mode` | `"a"` or `"b"` | no; `"a"` | How. |');
  expect(page).toContain('| `rules` | list of object | no |  |\n| `rules[].port` | integer | yes |  |');
});
