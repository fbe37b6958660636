import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { askPerson } from '../../../coordinator/ask.ts';
import type { PlanStep } from '../../../coordinator/plan-format.ts';

const question = { host: 'h1', step: { id: 'C22', sentence: 'mariadb runs', gate: 'the copy was verified' } as PlanStep };
const terminal = (): { input: PassThrough; output: PassThrough } => ({ input: new PassThrough(), output: new PassThrough() });

test.each([
  ['yes, with a name and a reason', 'yes\nbob\nseen\n', { by: 'bob', reason: 'seen' }], ['the account is offered as the name', 'y\n\nseen\n', { by: 'ann@here', reason: 'seen' }],
  ['a reason is wanted', 'y\n\n\n  \nseen\n', { by: 'ann@here', reason: 'seen' }], ['no', 'no\n', undefined], ['anything else is a no', 'ok?\n', undefined],
])('asked at the terminal: %s', async (_name, typed, answer) => {
  const { input, output } = terminal(), asked = askPerson(question, { input, output }, 'ann@here', new AbortController().signal);
  for (const line of typed.split('\n').slice(0, -1)) { await new Promise((resolve) => { setTimeout(resolve, 5); }); input.write(`${line}\n`); }
  expect(await asked).toEqual(answer);
  expect(String(output.read())).toContain('Before C22 on h1: mariadb runs\n  the copy was verified\n');
});

test('a terminal that closes, and a run that waits no more, are a no', async () => {
  const closed = terminal(), stopped = terminal(), letGo = new AbortController();
  const [first, second] = [askPerson(question, closed, 'a', new AbortController().signal), askPerson(question, stopped, 'a', letGo.signal)];
  closed.input.end();
  letGo.abort();
  expect(await Promise.all([first, second])).toEqual([undefined, undefined]);
});
