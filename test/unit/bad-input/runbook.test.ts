import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { messagesOf, planOf } from './plan-fixture.ts';

/** Each folder of test/fixtures/bad-input/runbook differs from base/ by one mistake; what is printed, to the letter. */
const CASES: Record<string, string[]> = {
  'arrives': [
    'runbook/phase.yaml:14:9: found `arrives` at step A2, expected a step with `human`, what a person does, and an operation that looks whether it is done',
    'runbook/phase.yaml:14:9: found `arrives` at step A2, before which controller has A1, expected the first step of its host',
  ],
  'argument-type': ['runbook/phase.yaml:17:75: found "ten", expected a number'],
  'bad-id': ['runbook/phase.yaml:12:13: found "2nd step", expected a row id such as C2 or C16.user'],
  'broken-edge': ['runbook/runbook.yaml:13:9: found edge A2 -> A1 broken: A1@controller comes before A2@controller, expected A2 before A1'],
  'cel-field': ['runbook/phase.yaml:15:20: found unknown name "wokers" in `when`, expected one of region, workers, token (host controller); did you mean "workers"?'],
  'cel-overload': ['runbook/phase.yaml:15:16: found an expression that fails (no such overload: string > int) in `when`, expected a CEL expression that can be decided with these facts (host controller)'],
  'cel-root': ['runbook/phase.yaml:15:36: found unknown name "hots" in `when`, expected one of vars, host, captured, coordinator, addresses, hosts, release (host controller); did you mean "hosts"?'],
  'cel-syntax': ['runbook/phase.yaml:15:29: found an expression that fails (Unexpected token: EOF) in `when`, expected a CEL expression that can be decided with these facts (host controller)'],
  'cel-type': ['runbook/phase.yaml:15:15: found an expression that gives 2 in `when`, expected true or false (host controller)'],
  'cycle': ['runbook/phase.yaml:11:16: found a cycle: A1 needs A2 needs A1, expected steps that need only earlier steps'],
  'default-type': ['runbook/runbook.yaml:6:37: found "two", expected a number'],
  'each-not-list': ['runbook/phase.yaml:16:15: found an expression that gives "one" in `each`, expected a list (host controller)'],
  'edge-form': ['runbook/runbook.yaml:13:9: found a list, expected a pair of row ids such as [C2, C3]'],
  'enum-values': ['runbook/runbook.yaml:5:12: found type enum without values, expected "values" for type enum only'],
  'list-in-text': ['runbook/phase.yaml:17:50: found ${release.packages}, which is a list, expected a single value inside a longer text (host controller)'],
  'many': [
    'runbook/phase.yaml:10:20: found unknown operation "file.fileld", expected file.filled; did you mean "file.filled"?',
    'runbook/phase.yaml:15:20: found unknown name "wokers" in `when`, expected one of region, workers, token (host controller); did you mean "workers"?',
  ],
  'max-failures': ['runbook/phase.yaml:7:18: found "ten", expected a number of hosts, or a percentage such as "10%"'],
  'missing-argument': ['runbook/phase.yaml:17:9: found no "path", expected a string'],
  'missing-phase': ['runbook/runbook.yaml:12:22: found no file runbook/other.yaml, expected a file of the runbook'],
  'needs-later': ['runbook/phase.yaml:11:17: found A2, which does not come before A1, expected a step that stands earlier on the same host'],
  'needs-unknown': ['runbook/phase.yaml:16:17: found unknown step "A3", expected one of A1, A2'],
  'nested-colon': ['runbook/phase.yaml:13:16: found "A", expected one value after "key:" (quote a value that holds ": ")'],
  'no-steps': ['runbook/phase.yaml:7:12: found an empty list, expected at least 1 element'],
  'open-reference': ['runbook/phase.yaml:17:46: found "${" without "}", expected a reference such as ${host.address} (host controller)'],
  'outside': ['runbook/runbook.yaml:12:10: found "../phase.yaml", expected the path of a .yaml file inside the runbook folder'],
  'same-id': ['runbook/phase.yaml:12:13: found step A1 a second time (first at runbook/phase.yaml:8), expected each step id only once'],
  'strategy': ['runbook/phase.yaml:6:15: found "canary", expected one of parallel, serial'],
  'timeout': ['runbook/phase.yaml:16:19: found 0, expected at least 1'],
  'unknown-argument': ['runbook/phase.yaml:17:64: found unknown key "sizeByte", expected one of path, lines, sizeBytes; did you mean "sizeBytes"?'],
  'unknown-name': ['runbook/phase.yaml:17:48: found unknown name "regoin" in vars, expected one of region, workers, token (host controller); did you mean "region"?'],
  'unknown-operation': ['runbook/phase.yaml:10:20: found unknown operation "file.fileld", expected file.filled; did you mean "file.filled"?'],
  'unknown-root': ['runbook/phase.yaml:17:41: found unknown name "relase", expected one of vars, host, captured, coordinator, addresses, hosts, release (host controller); did you mean "release"?'],
  'unknown-step-key': ['runbook/phase.yaml:16:9: found unknown key "need", expected one of id, title, operation, with, let, each, when, why, needs, human, arrives, gate, ... (16 in all); did you mean "needs"?'],
  'unknown-target': ['runbook/phase.yaml:5:9: found "controler", expected one of all, controller, compute; did you mean "controller"?'],
  'unknown-type': ['runbook/runbook.yaml:6:19: found "interger", expected one of boolean, string, integer, enum, path, secret, list; did you mean "integer"?'],
};

test('every fixture has its message', () => {
  const folders = readdirSync(join(import.meta.dirname, '../../fixtures/bad-input/runbook'));
  expect(folders.filter((name) => name !== 'base').sort()).toEqual(Object.keys(CASES).sort());
});

test.each(Object.entries(CASES))('runbook: %s', (name, messages) => {
  expect(messagesOf(() => planOf('good', name))).toEqual(messages);
});
