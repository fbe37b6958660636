import { expect, test } from 'vitest';
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
  expect(COMMANDS.filter((form) => /^(sh|bash|env|sudo|su|nsenter|chroot|python|perl|awk)$/.test(form.argv[0])).map((form) => form.argv[0])).toEqual([]);
});
