import { chmodSync, lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyOne, own, readText, replaceFile } from '../../../agent/host/files.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
const mode = (name: string): number => lstatSync(at(name)).mode & 0o7777;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'files-')); writeFileSync(at('victim'), 'x'); chmodSync(at('victim'), 0o600); });
afterEach(() => { rmSync(folder, { recursive: true }); });

test('a link is not followed: neither mode nor times nor content of what it points to change', async () => {
  symlinkSync(at('victim'), at('link'));
  const before = lstatSync(at('victim')).mtimeMs;
  await own(at('link'), { mode: 0o666, uid: process.getuid?.() ?? 0 });
  await copyOne(at('link'), at('copy'));
  await expect(replaceFile(at('link'), 'y')).rejects.toMatchObject({ code: 'precondition_failed' });
  expect([mode('victim').toString(8), readFileSync(at('victim'), 'utf8'), lstatSync(at('victim')).mtimeMs]).toEqual(['600', 'x', before]);
  expect(lstatSync(at('copy')).isSymbolicLink()).toBe(true);
});

test('a file is replaced with its mode kept, or the one given', async () => {
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  chmodSync(at('victim'), 0o640);
  await replaceFile(at('victim'), 'y', ids);
  await replaceFile(at('new'), 'z', { ...ids, mode: 0o4755 });
  expect([mode('victim').toString(8), mode('new').toString(8), readFileSync(at('victim'), 'utf8')]).toEqual(['640', '4755', 'y']);
});

test('what is no regular file is not read to its end: a device may have none', async () => {
  await expect(readText('/dev/zero', 1024)).rejects.toMatchObject({ code: 'precondition_failed' });
  await expect(readText(folder, 1024)).rejects.toMatchObject({ code: 'precondition_failed' });
  expect(await readText('/proc/self/comm', 1024)).toMatch(/\n$/);
  expect(await readText(at('nothing'), 1024)).toBeUndefined();
});
