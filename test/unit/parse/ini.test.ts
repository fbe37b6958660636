import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editIni, effective, parseIni, readIniValue } from '../../../agent/parse/ini.ts';

const nova = readFileSync(join(import.meta.dirname, '../../fixtures/parse/ini/nova.conf'), 'utf8');
const value = (text: string, section: string, key: string): string | undefined => effective(parseIni(text), section, key);

describe('reading as oslo.config 1.4.0 does', () => {
  test.each([
    ['DEFAULT', 'rpc_backend', 'nova.openstack.common.rpc.impl_kombu'],
    ['DEFAULT', 'rabbit_userid', 'openstack'],
    ['DEFAULT', 'rabbit_password', 'PLANTED-rabbit'],
    ['DEFAULT', 'notify_on_state_change', ''],
    ['DEFAULT', 'instance_usage_audit', 'True'],
    ['DEFAULT', 'multi_value', 'one,\ntwo\nthree'],
    ['database', 'connection', 'mysql://nova:PLANTED-second@127.0.0.1/nova'],
    ['database', 'max_retries', '5'],
    ['DATABASE', 'max_retries', '5'],
    // E1: another group; and nothing is inherited from DEFAULT
    ['upgrade_levels', 'compute', undefined],
    ['upgrade-levels', 'compute', '3.23.1'],
    ['database', 'compute', undefined],
    ['default', 'compute', undefined],
    ['DEFAULT', 'COMPUTE', undefined],
  ])('[%s] %s is %j', (section, key, wanted) => { expect(value(nova, section, key)).toBe(wanted); });
  test.each([
    ['key = 1', 'line 1: key stands before any section'],
    ['[a]\nnonsense', 'line 2: neither'],
    ['[a]\n= 1', 'line 2: a value without a name'],
    ['[a\nb = 1', 'line 1: not a section'],
    ['[]', 'line 1: not a section'],
    ['[a]\n\n   b', 'line 3: a continuation'],
    ['[a]\nb = 1\n# note\n  2', 'line 4: a continuation'],
  ])('%j is refused', (text, message) => { expect(() => parseIni(text)).toThrow(message); });
  test('of a my.cnf only what is asked for is read', () => {
    expect(readIniValue('!includedir /etc/my.cnf.d\nskip-networking\n[client]\nuser=root\nquick\npassword=\'PLANTED x\'\n', 'client', 'password')).toBe('PLANTED x');
  });
});

describe('editing', () => {
  const changed = (before: string, after: string): string[] => {
    const old = before.split('\n'), now = after.split('\n');
    return [...old.filter((line) => !now.includes(line)).map((line) => `- ${line}`), ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`)];
  };
  test('replaces in place and touches no other line', () => {
    expect(changed(nova, editIni(nova, 'DEFAULT', 'rabbit_userid', 'other'))).toEqual(['- rabbit_userid = openstack', '+ rabbit_userid = other']);
  });
  test('replaces all lines of a value', () => {
    expect(changed(nova, editIni(nova, 'DEFAULT', 'multi_value', 'x'))).toEqual(['- multi_value = one,', '-     two', '- \tthree', '+ multi_value = x']);
  });
  test('leaves one assignment of several', () => {
    const text = editIni(nova, 'database', 'connection', 'x');
    expect(parseIni(text).values.filter(({ key }) => key === 'connection')).toHaveLength(1);
  });
  test('a new option stands under the last one of its section', () => {
    expect(editIni('[a]\nx = 1\n\n# of b\n[b]\n', 'a', 'y', '2')).toBe('[a]\nx = 1\ny = 2\n\n# of b\n[b]\n');
    expect(editIni('[a]', 'a', 'y', '2')).toBe('[a]\ny = 2\n');
  });
  test('a new section stands at the end', () => {
    expect(editIni('[a]\nx = 1\n\n', 'upgrade_levels', 'compute', 'icehouse')).toBe('[a]\nx = 1\n\n[upgrade_levels]\ncompute = icehouse\n');
    expect(editIni('', 'a', 'x', '1')).toBe('[a]\nx = 1\n');
  });
  test('absent means every assignment in the group', () => {
    expect(value(editIni(nova, 'database', 'connection', null), 'database', 'connection')).toBeUndefined();
    expect(editIni(nova, 'database', 'no_such', null)).toBe(nova);
  });
  test.each(['two\n\nlines', 'line\n  indented', 'line\n '])('%j cannot stand in such a file', (text) => { expect(() => editIni('[a]\n', 'a', 'x', text)).toThrow(/read back|nothing to continue/); });

  const text = fc.array(fc.constantFrom('[a]', '[b]', '[A]', '# note', '', 'x = 1', 'y: two', 'x = 3', '   more', 'z = "q"')).map((lines) => `[a]\n${lines.join('\n')}\n`)
    .filter((candidate) => { try { parseIni(candidate); return true; } catch { return false; } });
  const word = fc.stringMatching(/^[ -~]{0,20}$/);
  test('property: what is set is read back, and every other value is as before', () => {
    fc.assert(fc.property(text, fc.constantFrom('a', 'b', 'new'), fc.constantFrom('x', 'y', 'n'), fc.option(word), (before, section, key, wanted) => {
      const after = editIni(before, section, key, wanted);
      expect(value(after, section, key)).toBe(wanted ?? undefined);
      expect(editIni(after, section, key, wanted)).toBe(after);
      const others = (all: string): unknown[] => parseIni(all).values.filter((one) => one.section.toLowerCase() !== section || one.key !== key).map((one) => [one.section, one.key, one.value]);
      expect(others(after)).toEqual(others(before));
      expect(after.split('\n').filter((line) => line.startsWith('#'))).toEqual(before.split('\n').filter((line) => line.startsWith('#')));
    }));
  });
});
