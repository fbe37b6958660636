import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StepError } from '../../../proto/errors.ts';
import { copyOne, own, readText, readUnlinked, replaceFile } from '../../../agent/host/files.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
const mode = (name: string): number => lstatSync(at(name)).mode & 0o7777;
beforeEach(() => { folder = realpathSync(mkdtempSync(join(tmpdir(), 'files-'))); writeFileSync(at('victim'), 'x'); chmodSync(at('victim'), 0o600); });
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

test('a secret is not read through a link in its own place; behind one further up its real path is judged before a word is read', async () => {
  const judged: string[] = [], refuse = (path: string): never => { judged.push(path); throw new StepError('refused_by_policy', 'no'); };
  mkdirSync(at('inner'));
  writeFileSync(at('inner/pw'), 'secret');
  symlinkSync(at('inner/pw'), at('link'));
  symlinkSync(at('inner'), at('way'));
  await expect(readUnlinked(at('link'), 1024, () => undefined)).rejects.toMatchObject({ code: 'precondition_failed', message: `${at('link')} is a link; a secret is not read through one: name the file itself` });
  await expect(readUnlinked(at('way/pw'), 1024, refuse)).rejects.toMatchObject({ code: 'refused_by_policy' });
  expect(judged).toEqual([at('inner/pw')]);
  expect(await readUnlinked(at('way/pw'), 1024, () => undefined)).toBe('secret');
  expect(await readUnlinked(at('inner/pw'), 1024, refuse), 'by its own name').toBe('secret');
  expect(await readUnlinked(`${folder}//inner/pw`, 1024, refuse), 'a double slash is no link').toBe('secret');
  expect(await readUnlinked(at('inner/none'), 1024, refuse)).toBeUndefined();
  await expect(readUnlinked(at('inner'), 1024, refuse)).rejects.toMatchObject({ code: 'precondition_failed' });
});

test('a secret that is replaced while it is read is no link', async () => {
  writeFileSync(at('pw'), 'one');
  const found = new Set<string | undefined>();
  const replace = (): void => { writeFileSync(at('pw.new'), 'one'); renameSync(at('pw.new'), at('pw')); };
  for (let n = 0; n < 50; n += 1) { const read = readUnlinked(at('pw'), 1024, (path) => { throw new Error(path); }); replace(); found.add(await read); }
  expect([...found]).toEqual(['one']);
});
