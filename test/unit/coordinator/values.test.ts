import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node } from 'yaml';
import { parseYaml } from '../../../coordinator/input/document.ts';
import { fill } from '../../../coordinator/values.ts';

const roots = { vars: { n: 3, on: true, names: ['a', 'b'], none: null, deep: { x: { y: 1 } } }, host: { address: '10.0.0.1' } };
const filled = (yaml: string) => {
  const source = parseYaml('f.yaml', `v: ${yaml}\n`);
  return fill(source.node(['v']) as Node, source, roots);
};

test.each([
  ['"${vars.n}"', 3],
  ['${vars.on}', true],
  ['${vars.none}', null],
  ['${vars.deep}', { x: { y: 1 } }],
  ['${vars.names.1}', 'b'],
  ['http://${host.address}:${vars.n}/', 'http://10.0.0.1:3/'],
  ['[x, "${vars.names}", y]', ['x', 'a', 'b', 'y']],
  ['[[1, 2], "${vars.n}"]', [[1, 2], 3]],
  ['{a: "${vars.names}", b: {c: "${vars.n}"}}', { a: ['a', 'b'], b: { c: 3 } }],
  ['"costs $5 {or} more"', 'costs $5 {or} more'],
])('%s', (yaml, value) => {
  expect(filled(yaml)).toEqual({ value, problems: [], unknown: [] });
});

test.each([
  ['"${vars.m}"', 'f.yaml:1:7: found unknown name "m" in vars, expected one of n, on, names, none, deep'],
  ['x${host.adress}y', 'f.yaml:1:7: found unknown name "adress" in host, expected address; did you mean "address"?'],
  ['a ${vars.names}', 'f.yaml:1:8: found ${vars.names}, which is a list, expected a single value inside a longer text'],
  ['"${vars.n.x}"', 'f.yaml:1:7: found "x" in vars.n, which is 3, expected a map there'],
  ['"${ vars.n }"', 'f.yaml:1:7: found "${ vars.n }", expected a dotted path such as ${host.address}'],
  ['"${vars.__proto__}"', 'f.yaml:1:7: found unknown name "__proto__" in vars, expected one of n, on, names, none, deep'],
  ['"${constructor}"', 'f.yaml:1:7: found unknown name "constructor", expected one of vars, host'],
])('%s is refused', (yaml, message) => {
  expect(filled(yaml).problems.map((problem) => problem.message)).toEqual([message]);
});

test('text without a reference stays as it is', () => {
  fc.assert(fc.property(fc.string(), (text) => {
    fc.pre(!text.includes('${'));
    expect(filled(JSON.stringify(text)).value).toBe(text);
  }));
});
