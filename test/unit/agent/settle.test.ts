import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { openHost, type LocalHost } from '../../../agent/host/local.ts';
import { createScrubber } from '../../../agent/host/scrub.ts';
import { Unsettled } from '../../../agent/host/settle.ts';
import { finding, operation, type Operation } from '../../../agent/operations/operation.ts';
import { RunLog } from '../../../agent/runlog.ts';
import { workWith } from '../../../agent/worker.ts';
import { StepError } from '../../../proto/errors.ts';
import type { EventKind } from '../../../proto/events.ts';

/** Paths of what was synced, in order, seen where the product asks the kernel. */
let folder: string, synced: string[], told: EventKind[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-settle-'));
  [synced, told] = [[], []];
});
afterEach(() => { vi.restoreAllMocks(); rmSync(folder, { recursive: true }); });

async function watchSyncs(): Promise<void> {
  // The prototype's method is taken to be called on each handle, never unbound.
  const probe = await fs.open(folder), prototype = Object.getPrototypeOf(probe) as fs.FileHandle, real = prototype.sync; // eslint-disable-line @typescript-eslint/unbound-method
  await probe.close();
  vi.spyOn(prototype, 'sync').mockImplementation(async function sync(this: fs.FileHandle) {
    synced.push(await fs.readlink(`/proc/self/fd/${String(this.fd)}`));
    await real.call(this);
  });
}
const open = (): LocalHost => openHost({ commandId: 'c', folder: join(folder, 'step'), secrets: {}, scrubber: createScrubber(), remainingMs: () => 60_000, emit: (event) => told.push(event) });
const at = (name: string): string => join(folder, name);

describe('what a step changed is on disk before its result', () => {
  beforeEach(async () => {
    writeFileSync(at('file'), 'x');
    mkdirSync(at('sub'));
    await watchSyncs();
  });
  test.each<[string, (host: LocalHost) => Promise<unknown>, string[]]>([
    ['a mode', (host) => host.setOwnership(at('file'), { mode: 0o600 }), ['file']],
    ['a name that is gone', (host) => host.remove(at('file')), ['']],
    ['a name that moved', (host) => host.move(at('file'), at('sub/file')), ['sub', '']],
    ['a second name', (host) => host.link(at('file'), at('sub/again')), ['file', 'sub']],
    ['a folder, and those above it', (host) => host.makeDirectory(at('a/b')), ['a/b', 'a', '']],
    ['a copy', (host) => host.copy(at('file'), at('sub/copy')), ['sub/copy', 'sub']],
    ['new content', (host) => host.writeFile(at('new'), 'y'), ['']],
    ['what is put back', async (host) => { await host.save(at('file')); rmSync(at('file')); synced.length = 0; await host.restore(at('file')); }, ['file.tandem-restore', '']],
  ])('%s', async (_what, change, paths) => {
    const host = open();
    await change(host);
    await host.settle();
    for (const path of paths) expect(synced, path).toContain(join(folder, path));
    synced.length = 0;
    await host.settle();
    expect(synced, 'once is enough').toEqual([]);
  });

  test('what is kept for the way back is on disk before the change, its folders too', async () => {
    mkdirSync(at('sub/deep'));
    writeFileSync(at('sub/deep/file'), 'x');
    await open().save(at('sub'));
    expect(synced).toEqual(expect.arrayContaining([folder, at('step'), at('step/saved')]));
    expect(synced.filter((path) => path.endsWith('.part/deep') || path.endsWith('.part/deep/file'))).toHaveLength(2);
  });

  test.each<[string, (host: LocalHost) => Promise<unknown>]>([['what is kept', (host) => host.save(at('file'))], ['what is noted', (host) => host.stepFolder()]])('%s and does not come to disk within a minute is no ground for a change', async (_what, keep) => {
    const handle = await fs.open(folder), never = new Promise<void>(() => undefined);
    const asked = vi.spyOn(Object.getPrototypeOf(handle) as fs.FileHandle, 'sync').mockImplementation(async function sync(this: fs.FileHandle) { if (!(await fs.readlink(`/proc/self/fd/${String(this.fd)}`)).includes('.part')) await never; });
    await handle.close();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const kept = keep(open()).catch((error: unknown) => error);
      await vi.waitFor(() => { expect(asked).toHaveBeenCalled(); });
      await vi.waitFor(() => { expect(vi.getTimerCount()).toBe(1); });
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await kept).toMatchObject({ code: 'command_failed', message: expect.stringContaining('a file system does not answer') as string });
    } finally { vi.useRealTimers(); }
  });

  test('a link, a path that is gone and a folder that keeps nothing are no reason to fail', async () => {
    const host = open();
    symlinkSync('nowhere', at('link'));
    await host.setOwnership(at('link'), { uid: process.getuid?.() ?? 0 });
    await host.setOwnership(at('file'), { mode: 0o600 });
    rmSync(at('file'));
    await host.settle();
    expect(synced).toEqual([folder]);
  });

  test('a disk that fails is a reason: the step is told as failed', async () => {
    const host = open();
    await host.remove(at('file'));
    const handle = await fs.open(folder);
    vi.spyOn(Object.getPrototypeOf(handle) as fs.FileHandle, 'sync').mockRejectedValue(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    await handle.close();
    await expect(host.settle()).rejects.toThrow(/cannot be put on disk/);
  });
});

describe('what a command changed', () => {
  test('all is put on disk, once; where little was changed by the agent itself, just that', async () => {
    let all = 0;
    const syncAll = (): Promise<void> => { all += 1; return Promise.resolve(); };
    const unsettled = new Unsettled();
    expect(unsettled.isEmpty).toBe(true);
    unsettled.note(folder);
    expect(await unsettled.settle(syncAll)).toBe(true);
    expect(all).toBe(0);
    unsettled.noteAll();
    expect(unsettled.isEmpty).toBe(false);
    await unsettled.settle(syncAll);
    expect(all).toBe(1);
    for (let n = 0; n < 1000; n += 1) unsettled.note(at(String(n)));
    await unsettled.settle(syncAll);
    expect([all, unsettled.isEmpty]).toEqual([2, true]);
  });

  test('a file system that does not answer holds no result back for ever', async () => {
    vi.useFakeTimers();
    try {
      const unsettled = new Unsettled();
      unsettled.noteAll();
      const settled = unsettled.settle(() => new Promise(() => undefined));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await settled).toBe(false);
      expect(unsettled.isEmpty, 'it is still to be done').toBe(false);
    } finally { vi.useRealTimers(); }
  });
});

test('the worker settles before it has a result, also of a step that failed after a change', async () => {
  await watchSyncs();
  const worker = (breaks: boolean): ReturnType<typeof workWith> => workWith((): Operation => operation({
    name: 'mode.set', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({}),
    check: () => Promise.resolve(finding({ mode: statSync(at('file')).mode }, (statSync(at('file')).mode & 0o777) === 0o600 ? [] : [{ what: 'mode', found: 'other', wanted: '0600' }])),
    async apply(host) {
      await host.setOwnership(at('file'), { mode: 0o600 });
      if (breaks) throw new StepError('command_failed', 'it broke');
    },
  }));
  const log = new RunLog(folder, 'r1');
  const work = async (breaks: boolean): Promise<unknown> => {
    writeFileSync(at('file'), 'x');
    chmodSync(at('file'), 0o644);
    synced.length = 0;
    return await worker(breaks)({ log, folder: at('step'), laterFolders: [], scrubber: createScrubber(), emit: (event) => told.push(event), behind: () => [], confirmation: () => Promise.resolve(true),
      command: { id: 'c', run: 'r1', planDigest: 'd', step: 'A1', batch: 'b', attempt: 1, operation: 'mode.set', args: {}, timeoutS: 5, mode: 'apply', fence: 1, secrets: {} } });
  };
  expect(await work(false)).toMatchObject({ result: 'changed' });
  expect(synced).toEqual([at('file')]);
  await expect(work(true)).rejects.toThrow('it broke');
  expect(synced).toEqual([at('file')]);
  log.close();
  expect(existsSync(at('file')) && readFileSync(at('file'), 'utf8')).toBe('x');
});
