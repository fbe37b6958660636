import { expect, test } from 'vitest';
import { openRunbook } from '../../../coordinator/runbook.ts';
import { messagesOf } from '../bad-input/plan-fixture.ts';

const place = { file: 'site.yaml', line: 3, column: 10 };
const head = 'tandem: 1\nname: small\ntitle: t\nroles: {plain: {min: 0}}\nphases: [p.yaml]\n';
const phase = 'phase: p\ntitle: t\nstages: [{stage: s, on: all, strategy: serial, steps: [{id: A1, title: t, operation: x}]}]\n';
const builtIn = { 'small/runbook.yaml': head, 'small/p.yaml': phase };

test('a built-in runbook is found by its name, a folder by its path', () => {
  expect(openRunbook('small', place, builtIn, () => undefined).files.map(({ path }) => path)).toEqual(['runbook.yaml', 'p.yaml']);
  expect(openRunbook('./mine', place, {}, (path) => builtIn[`small/${path}` as keyof typeof builtIn]).source.file).toBe('./mine/runbook.yaml');
});

test('an unknown name and an empty folder are told', () => {
  expect(messagesOf(() => openRunbook('smal', place, builtIn, () => undefined))).toEqual(['site.yaml:3:10: found no built-in runbook "smal", expected small, or a folder such as ./smal; did you mean "small"?']);
  expect(messagesOf(() => openRunbook('./mine', place, {}, () => undefined))).toEqual(['./mine/runbook.yaml:1:1: found no file ./mine/runbook.yaml, expected a file of the runbook']);
});
