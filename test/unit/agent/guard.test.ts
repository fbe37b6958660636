import { expect, test } from 'vitest';
import { READ_SETTINGS } from '../../../agent/parse/python-settings.ts';
import { COMMANDS } from '../../../agent/host/commands.ts';
import { admit } from '../../../agent/host/guard.ts';

const RPM_QUERY = ['rpm', '-q', '--qf', '%{NAME}\n', 'openvswitch'];

test('a form of the table passes, for its purpose', () => {
  expect(() => { admit(['yum', '-y', 'install', 'openvswitch'], 'act'); }).not.toThrow();
  expect(() => { admit(['yum', '-y', 'install', 'openvswitch'], 'read'); }).toThrow('the table does not list it as read-only');
});

test.each([
  ['a command that is not in the table', ['curl', 'http://x'], 'the command is not in the table'],
  ['an option that is not', ['rpm', '-q', '--nodigest', 'x'], 'no form in the table has these arguments'],
  ['a value that is an option in disguise', ['yum', '-y', 'install', '-services'], 'no form in the table has these arguments'],
  ['a value that only contains a good one', ['yum', '-y', 'install', 'good;rm -rf /'], 'no form in the table has these arguments'],
  ['a NUL byte', ['yum', '-y', 'install', 'a\0b'], 'holds a NUL byte'],
  ['too few arguments', ['yum', '-y', 'install'], 'no form in the table has these arguments'],
  ['a second line', ['yum', '-y', 'install', 'a\n-b'], 'no form in the table has these arguments'],
])('%s is refused', (_name, argv, why) => {
  expect(() => { admit(argv, 'act'); }).toThrow(why);
});

test('every form says which RHEL 7.0 package has it and where that is written', () => {
  expect(COMMANDS.filter((form) => form.rhel7.trim() === '' || form.source.trim() === '').map((form) => form.argv.join(' '))).toEqual([]);
  expect(() => { admit(RPM_QUERY, 'read'); }).not.toThrow();
});

test('no form starts a shell or takes a whole command as one argument', () => {
  const free = COMMANDS.filter((form) => /^(sh|bash|env|sudo|su|nsenter|chroot|python|perl|awk)$/.test(form.argv[0]));
  // Python runs a program of the table's own, which runs nothing of what it reads, and one command of a site's manage.py.
  expect(free.map(({ argv, reads }) => [argv, reads])).toEqual([[['python', '-c', READ_SETTINGS], true], [['python', /\/[^\0]*\/manage\.py/, 'compress', '--force'], false]]);
});
