import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openHost } from '../../../agent/host/local.ts';
import { createScrubber } from '../../../agent/host/scrub.ts';

/** The way back of a step that took several attempts: what each of them noted, the first first. */
test.each([
  [['one', 'two', 'three'], ['one', 'two', 'three']], [[undefined, 'two', undefined], ['two']], [[undefined, undefined, undefined], []],
])('notes of attempts %j', async (notes, wanted) => {
  const root = mkdtempSync(join(tmpdir(), 'attempts-'));
  try {
    const folders = notes.map((note, at) => {
      const folder = join(root, `S1@${String(at + 1)}`);
      mkdirSync(folder);
      if (note !== undefined) writeFileSync(join(folder, 'note'), note);
      return folder;
    });
    const [folder = '', ...laterFolders] = folders;
    const host = openHost({ commandId: 'x', folder, laterFolders, secrets: {}, scrubber: createScrubber(), remainingMs: () => Infinity, emit: () => undefined });
    expect(await host.noted('note')).toEqual(wanted);
  } finally {
    rmSync(root, { recursive: true });
  }
});
