import { expect, test } from 'vitest';
import { parseHostKeys, withAuthorized, withHostKeys } from '../../../agent/parse/known-hosts.ts';

test('trap 37: keys of a reinstalled host take the place of the old ones, other hosts and hashed names stay', () => {
  const old = '# by hand\na,10.0.0.1 ssh-rsa OLD\nb ssh-rsa B\n|1|x=|y= ssh-rsa H\n@cert-authority *.example ssh-rsa C\na ssh-dss OLDER\n';
  const keys = parseHostKeys('# a:22 SSH-2.0-OpenSSH_6.4\na ssh-rsa NEW\na ecdsa-sha2-nistp256 E\n');
  const now = withHostKeys(old, keys);
  expect(now).toBe('# by hand\n10.0.0.1 ssh-rsa OLD\nb ssh-rsa B\n|1|x=|y= ssh-rsa H\n@cert-authority *.example ssh-rsa C\na ecdsa-sha2-nistp256 E\na ssh-rsa NEW\n');
  expect(withHostKeys(now, keys), 'once is enough').toBe(now);
  expect(withHostKeys('', keys)).toBe('a ecdsa-sha2-nistp256 E\na ssh-rsa NEW\n');
});

test('a public key is authorised once, whatever its comment and options', () => {
  expect(withAuthorized('', 'ssh-rsa K me@host\n')).toBe('ssh-rsa K me@host\n');
  expect(withAuthorized('from="10.*" ssh-rsa K other\n', 'ssh-rsa K')).toBe('from="10.*" ssh-rsa K other\n');
  expect(withAuthorized('#ssh-rsa K x\nssh-rsa KK', 'ssh-rsa K')).toBe('#ssh-rsa K x\nssh-rsa KK\nssh-rsa K\n');
});
