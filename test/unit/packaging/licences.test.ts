import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { carriedLibraries, sourceText } from '../../../packaging/rpm/licences.ts';

/** What the LGPL asks for is said to whoever gets the file; a way that does not work would be no way. */
const root = join(import.meta.dirname, '../../..'), read = (path: string): string => readFileSync(join(root, path), 'utf8');

test('the ways to run with other C libraries are those that the stub knows and the guide describes', () => {
  const text = sourceText(carriedLibraries());
  // unpack.c compares what it unpacks with what is carried: these two only say where, never what.
  for (const no of ['TANDEM_RUNTIME_DIR', '/opt/tandem/lib']) expect(text, no).not.toContain(no);
  expect(read('packaging/onefile/unpack.c')).toContain('compared byte by byte with what is carried');
  expect(text).toContain('TANDEM_LIBC=host');
  expect(read('packaging/onefile/stub.c')).toMatch(/wants_host\(variable\(trusted, "TANDEM_LIBC"\)\)[^]*map_host_loader/);
  expect(read('docs/install.md')).toContain('TANDEM_LIBC=host');
  for (const [, path = ''] of text.matchAll(/\b((?:packaging|scripts)\/[\w/]+)/g)) expect(existsSync(join(root, path)), path).toBe(true);
  expect(read('packaging/onefile/libraries')).toContain('--update');
  expect(read('packaging/systemd/tandem-agent.service')).toContain('EnvironmentFile=-/etc/tandem/agent.env');
});
