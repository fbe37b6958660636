import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { reportJson } from '../../../coordinator/report/json.ts';
import { reportJunit } from '../../../coordinator/report/junit.ts';
import { reportOf } from '../../../coordinator/report/model.ts';
import { reportJsonSchema, type RunReport } from '../../../coordinator/report/schema.ts';
import { reportText } from '../../../coordinator/report/text.ts';
import { accepted, begun, differs, ended, event, finished, plan } from './recorded-run.ts';

/** One of everything: changed, unchanged, failed, skipped by the plan and by the run, unknown. */
const report: RunReport = reportOf('r1', plan, [
  begun, differs('ctl', 'C2'), finished('ctl', 'C2', 'changed'), differs('ctl', 'C23'),
  finished('ctl', 'C23', 'failed', { code: 'command_failed', reason: 'mysql_upgrade ended with 1', failure: { argv: ['mysql_upgrade', '--force', 'a b'], exitCode: 1, signal: '', stderrTail: 'one\n\u001b[31mtwo <&]]>\n' } }),
  accepted('cmp', 'C2'), ended(3, 'ctl failed, cmp unreachable'),
]);

test('text', async () => {
  await expect(`${stripVTControlCharacters(reportText(report))}\n`).toMatchFileSnapshot('../../fixtures/report/report.txt');
});

test('JSON is the report itself', () => {
  expect(JSON.parse(reportJson(report))).toEqual(report);
});

test('JUnit XML: a case for each step, failures as failures, what nobody can tell as an error', async () => {
  const xml = reportJunit(report);
  await expect(xml).toMatchFileSnapshot('../../fixtures/report/report.xml');
  expect(xml).toContain('tests="5" failures="1" errors="1" skipped="2"');
  expect(xml).not.toContain('\u001b');
});

test('a dry run that cannot tell yet has no error in JUnit', () => {
  const dry = reportOf('r1', plan, [{ ...begun, mode: 'check' } as typeof begun, finished('ctl', 'C24', 'unknown', { reason: 'does not hold now' }), ended(0)]);
  expect(reportJunit(dry)).toContain('errors="0"');
  expect(stripVTControlCharacters(reportText(dry))).toContain("C24   can't tell");
});

test('what an assertion of the cloud was shown is in JSON and JUnit, beside its verdict', () => {
  const table = ['+----+', '| Id |', '+----+'];
  const told = reportOf('r1', plan, [begun, event('ctl', 'C23', { kind: 'checked', satisfied: true, found: { services: 1, table }, reason: '', differences: [] }), finished('ctl', 'C23', 'unchanged'), ended(0)]);
  expect(told.hosts.flatMap(({ steps }) => steps).map(({ id, evidence }) => [id, evidence])).toContainEqual(['C23', table]);
  expect(told.hosts.flatMap(({ steps }) => steps).filter(({ evidence }) => evidence.length > 0)).toHaveLength(1);
  expect(JSON.parse(reportJson(told))).toEqual(told);
  expect(reportJunit(told)).toContain(table.join('\n'));
});

test('docs/report.schema.json is what the code says (else run: vitest -u)', async () => {
  await expect(reportJsonSchema()).toMatchFileSnapshot('../../../docs/report.schema.json');
});
