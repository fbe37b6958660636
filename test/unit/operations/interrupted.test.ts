import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { expect, test } from 'vitest';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import { perform } from '../../../agent/perform.ts';
import type { EventKind, Json } from '../../../proto/events.ts';
import { recordedHost, recordingSchema, type Entry, type RecordedHost } from '../recorded-host.ts';

const WRITES = ['writeFile', 'copy', 'link', 'setOwnership', 'makeDirectory', 'move', 'remove', 'save'] as const;
class Killed extends Error {}

/** Lets `count` writes happen, then dies at the next one, before or after its effect. */
function dying(host: RecordedHost, count: number, when: 'before' | 'after'): RecordedHost {
  let left = count;
  const wrapped = Object.create(host) as RecordedHost;
  const writes = host as unknown as Record<string, (...args: unknown[]) => Promise<void>>;
  for (const name of WRITES) {
    Object.assign(wrapped, { [name]: async (...args: unknown[]) => {
      const last = left-- === 0;
      if (last && when === 'before') throw new Killed();
      await writes[name]?.(...args);
      if (last) throw new Killed();
    } });
  }
  return wrapped;
}

const outside = (files: Map<string, Entry>): Record<string, unknown> => Object.fromEntries([...files].filter(([path]) => !path.startsWith('/var/lib/tandem/')).sort()
  .map(([path, { type, content, mode, uid, gid, linkTarget }]) => [path, { type, content, mode: type === 'symlink' ? 0 : mode, uid, gid, linkTarget }]));

test.each([
  ['backup.restored', 'changed-from-nothing'], ['backup.restored', 'changed-merges'], ['backup.restored', 'once-changed'],
  ['file.copied', 'changed'], ['file.copied', 'changed-mode-only'], ['file.owned', 'changed'], ['file.owned', 'changed-group-not-root'], ['ini.set', 'changed'], ['config.migrated', 'changed'], ['config.migrated', 'changed-every-lvm-backend'], ['rpc.capped', 'changed-printed-text'], ['rpc.uncapped', 'changed'],
])('%s, %s: killed at any write, begun again, ends as without the kill, and goes back to where it was', async (name, transcript) => {
  const one = parse(readFileSync(join(import.meta.dirname, '../../fixtures/transcripts', name, `${transcript}.yaml`), 'utf8')) as Record<string, unknown>;
  const recording = (): RecordedHost => recordedHost(recordingSchema.parse(Object.fromEntries(Object.entries(one).filter(([key]) => key in recordingSchema.shape))));
  const operation = findOperation(name);
  if (operation === undefined) throw new Error(`no ${name}`);
  const work = { operation, args: operation.args.parse(one['args']), mode: 'apply' as const, earlier: undefined, revertTo: undefined };
  const straight = recording(), before = outside(straight.files);
  straight.mayWrite = true;
  await perform(work, straight, () => undefined);
  const wanted = outside(straight.files);
  let kills = 0;
  for (const when of ['before', 'after'] as const) {
    for (let count = 0; ; count++) {
      const host = recording();
      host.mayWrite = true;
      let found: Json | undefined;
      const note = (event: EventKind): void => { if (event.kind === 'checked') found ??= event.found; };
      try {
        await perform(work, dying(host, count, when), note);
        break; // fewer writes than that
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        kills++;
      }
      expect(await perform({ ...work, earlier: { found: found ?? null } }, host, () => undefined)).toMatchObject({ result: 'changed' });
      expect(outside(host.files), `killed ${when} write ${String(count)}`).toEqual(wanted);
      expect(await perform({ ...work, mode: 'revert', revertTo: found }, host, () => undefined)).toMatchObject({ result: 'reverted' });
      expect(outside(host.files), `killed ${when} write ${String(count)}, then reverted`).toEqual(before);
    }
  }
  expect(kills).toBeGreaterThan(2);
});
