import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign, lastOf, literalOf, parseSettings, pythonLiteral, READ_SETTINGS, type PlainValue } from '../../../agent/parse/python-settings.ts';

describe('a settings module, read without running it', () => {
  const text = `import os
A = 'x' # not ' this
B = {
 'a': 1, # nor "
 "b": [True, None,],
}
C = "http://%s" % A
A = ("a"
  u'b')
D['q'] = 2
if A:
    E = 1
F = '''
A = 3
'''
G == 4
H = r'\\d' \\
  '+'
`;
  const settings = parseSettings(text);
  test.each([['A', '"ab"'], ['B', '{"a":1,"b":[True,None]}'], ['C', undefined], ['F', '"\\nA = 3\\n"'], ['H', '"\\\\d+"']])('%s is %j', (name, literal) => { expect(lastOf(settings, name)?.literal).toBe(literal); });
  test('what else changes a name is told with its line', () => { expect([...settings.changed]).toEqual([['D', 10], ['E', 12]]); });
  test.each([['a()'], ['a'], ['[1, a]'], ['1 + 1'], ["'%s' % a"], ['1 if a else 2'], ['[x for x in y]'], ['(1'], ['{1: '], ['']])('%s is no literal', (source) => { expect(literalOf(source)).toBeUndefined(); });
  test.each([["'a'", '"a"'], ["[1,2]", '[ 1, 2, ]'], ["{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"], ["'ab'", "'a' 'b'"], ['(1)', '1']])('%s is %s', (one, other) => { expect(literalOf(one)).toBe(literalOf(other)); });
  test.each([['[1, 2]', '(1, 2)'], ["'1'", '1'], ['(1,)', '1'], ["'True'", 'True']])('%s is not %s', (one, other) => { expect(literalOf(one)).not.toBe(literalOf(other)); });
  test.each([["A = 'x\n", 'line 1'], ['A = 1\nB = """x\n', 'line 2']])('%j has no end', (one, message) => { expect(() => parseSettings(one)).toThrow(message); });
});

const values: fc.Arbitrary<PlainValue> = fc.letrec<{ value: PlainValue }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, fc.string({ unit: fc.constantFrom('a', 'é', '\'', '"', '\\', '#', '{', '}', '[', '=', '%', ' ') }), fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(fc.string({ unit: fc.constantFrom('a', 'b', '\'') }), tie('value'), { maxKeys: 3 })),
})).value;

test('any value that is written is read back, wherever it stands', () => {
  fc.assert(fc.property(values, values, (value, other) => {
    const text = assign(assign('import os\nA = f(1)\n', 'A', pythonLiteral(other)), 'B', pythonLiteral(value)), again = assign(text, 'A', pythonLiteral(value));
    expect(lastOf(parseSettings(again), 'A')?.literal).toBe(literalOf(pythonLiteral(value)));
    expect(lastOf(parseSettings(again), 'A')?.literal).toBe(lastOf(parseSettings(again), 'B')?.literal);
    expect(again.startsWith('import os\nA = ')).toBe(true);
  }));
});

test('Python itself reads what is written as it was meant', () => {
  const value: PlainValue = { a: ['é\'"\\n', true, 1, null], b: '#{' };
  const read = (text: string): string => execFileSync('python3', ['-c', READ_SETTINGS], { input: text, encoding: 'utf8' });
  expect(read(assign('', 'A', pythonLiteral(value)))).toBe(read('A = {"a": ["é\'\\"\\\\n", True, 1, None], "b": "#{"}\n'));
  expect(read('A = f(1)\nraise SystemExit(1)\n')).toBe('A -\n');
});
