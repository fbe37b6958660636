import fc from 'fast-check';
import { expect, test } from 'vitest';
import { innodbErrorsSinceStart, isAtLeast, parsePrintedDefaults, parseRows, parseSizeBytes, plainVersion, readOptionGroup } from '../../../agent/parse/mysql.ts';

/** As mysql(1) escapes cells in batch mode without --raw. */
const escape = (cell: string | null): string => (cell === null ? 'NULL' : cell.replace(/[\\\n\t\0]/g, (one) => ({ '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\0': '\\0' })[one] ?? one));

test('rows come back as they went in', () => {
  const cell = fc.option(fc.string().filter((text) => text !== 'NULL'));
  fc.assert(fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 })), (rows) => {
    expect(parseRows(rows.map((row) => `${row.map(escape).join('\t')}\n`).join(''))).toEqual(rows);
  }));
});

// my_print_defaults mysqld mysqld_safe, the lab's own with RHEL's /etc/my.cnf
test('printed defaults: the last one wins, dash and underscore are one', () => {
  const found = parsePrintedDefaults('--datadir=/var/lib/mysql\n--symbolic-links=0\n--innodb-log-file-size=5M\n--skip-networking\n--innodb_log_file_size=8388608\n');
  expect(Object.fromEntries(found)).toEqual({ datadir: '/var/lib/mysql', symbolic_links: '0', innodb_log_file_size: '8388608', skip_networking: '' });
});

test('an option file: groups, quotes, comments, includes', () => {
  const text = '[client]\npassword="a b"\n[mysqld]\n# innodb-log-file-size=1M\nmax-connections = 1024 # many\nbind-address=\'0.0.0.0\'\nskip-name-resolve\n!includedir /etc/my.cnf.d\n[mysqld_safe]\nlog-error=/var/log/mysqld.log\n';
  expect(Object.fromEntries(readOptionGroup(text, 'mysqld'))).toEqual({ max_connections: '1024', bind_address: '0.0.0.0', skip_name_resolve: '' });
  expect(readOptionGroup(text, 'client').get('password')).toBe('a b');
});

test('sizes and versions', () => {
  expect(['8M', '5242880', '1g', '5 M', ''].map(parseSizeBytes)).toEqual([8388608, 5242880, 1073741824, undefined, undefined]);
  expect(['5.5.40-MariaDB-log', '10.11.19-MariaDB-0+deb12u1', '5.1.73\n', 'none'].map(plainVersion)).toEqual(['5.5.40', '10.11.19', '5.1.73', undefined]);
  expect([isAtLeast('10.11.19', '10.6.0'), isAtLeast('5.5.40', '10.6.0'), isAtLeast('5.5.40', '5.5.40'), isAtLeast('10.5', '10.5.1')]).toEqual([true, false, true, false]);
});

// RHEL 7: forms of MariaDB 5.5's log; the redo log's message as InnoDB 5.5 prints it (storage/innobase/srv/srv0start.c)
test('InnoDB errors count from the last start on, others do not count', () => {
  const before = '141118 11:00:00 mysqld_safe Starting mysqld daemon with databases from /var/lib/mysql\nInnoDB: Error: log file ./ib_logfile0 is of different size 0 5242880 bytes\n141118 11:00:01 mysqld_safe mysqld from pid file /var/run/mariadb/mariadb.pid ended\n';
  const now = "141118 12:00:00 mysqld_safe Starting mysqld daemon with databases from /var/lib/mysql\n141118 12:00:01 InnoDB: 5.5.40-MariaDB-36.1 started; log sequence number 1597945\n141118 12:00:01 [ERROR] Missing system table mysql.proxies_priv; please run mysql_upgrade to create it\n";
  expect(innodbErrorsSinceStart(before)).toHaveLength(1);
  expect(innodbErrorsSinceStart(before + now)).toEqual([]);
  expect(innodbErrorsSinceStart(`${before}${now}2026-11-24 11:25:05 0 [ERROR] InnoDB: Missing MLOG_CHECKPOINT\n`)).toHaveLength(1);
});
