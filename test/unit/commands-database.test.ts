import { expect, test } from 'vitest';
import { admit } from '../../agent/host/guard.ts';
import { BROKER_SET } from '../../agent/parse/broker.ts';

const mysql = (sql: string): string[] => ['mysql', '--defaults-file=/root/.my.cnf', '--batch', '--skip-column-names', '-e', sql];

test.each([
  'DELETE FROM keystone.user;', 'SELECT 1; DROP DATABASE keystone;', "SELECT 1 INTO OUTFILE '/tmp/x';", "SELECT 1 into dumpfile '/tmp/x';",
  'SELECT 1; \\! touch /tmp/x', 'SELECT 1;\nsystem touch /tmp/x', 'SELECT 1 INTO @a;', 'CHECKSUM TABLE `a`.`b`; DROP TABLE `a`.`b`;',
])('no statement that writes passes as a look: %j', (sql) => {
  expect(() => { admit(mysql(sql), 'read'); }).toThrow(/refused/);
  expect(() => { admit(mysql(sql), 'act'); }).toThrow(/refused/);
});

test('looks pass, several in one process', () => {
  expect(() => { admit(mysql("SELECT 'server', VERSION(); SELECT 'x', COUNT(*) FROM `keystone`.`user`;"), 'read'); }).not.toThrow();
  expect(() => { admit(mysql('CHECKSUM TABLE `keystone`.`user`, `keystone`.`group`;'), 'read'); }).not.toThrow();
});

test('only scratch schemas are made and dropped', () => {
  const drop = (name: string): string[] => ['mysql', '--defaults-file=/root/.my.cnf', '-e', `DROP DATABASE IF EXISTS \`${name}\`;`];
  expect(() => { admit(drop('tandem_drill_keystone'), 'act'); }).not.toThrow();
  expect(() => { admit(drop('keystone'), 'act'); }).toThrow(/refused/);
  expect(() => { admit(drop('tandem_drill_keystone'), 'read'); }).toThrow(/read-only/);
});

test('the expression for the broker survives the shell that RHEL puts around rabbitmqctl', () => {
  expect(BROKER_SET).not.toMatch(/["'$`\\!\n]/);
  expect(() => { admit(['rabbitmqctl', '-q', 'eval', `${BROKER_SET} init:stop().`], 'act'); }).toThrow(/refused/);
});
