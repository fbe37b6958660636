import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { bounded, damage, isRestored, readManifest } from '../facts/backup.ts';
import { octal } from '../facts/tree.ts';
import { pathGlob as matcher } from '../parse/path-glob.ts';
import { absolutePath, pathGlob } from './fields.ts';
import { finding, operation } from './operation.ts';

/**
 * A backup that can be relied on: every file read again from the medium and compared with the manifest (rows P3 to P9, P13).
 * Errors: precondition_failed for a manifest that is missing, cut short, altered or of another host.
 */
export const backupVerified = operation({
  name: 'backup.verified',
  summary: 'Every file of a backup, read again, is as its manifest says',
  args: z.strictObject({
    backup: absolutePath.describe('Folder of one source host on the backup medium, with manifest.tsv in it'),
    host: z.string().min(1).describe('Full name of the source host'),
    paths: z.array(pathGlob).default([]).describe('What this step is about: each must be in the manifest, and only these (with all below) are read again; all when left out'),
    secret: z.array(pathGlob).default([]).describe('What of it must be root\'s alone: mode 0600'),
    cold: z.boolean().default(false).describe('Taken while nothing wrote to it: a copy of running services is not enough'),
  }),
  timeoutS: 6 * 3600, mayKill: true,
  describe: ({ backup, host, paths, cold }) => `Read ${paths.length === 0 ? 'the' : `${paths.join(', ')} of the`}${cold ? ' cold' : ''} backup of ${host} in ${backup} again and compare it with its manifest`,
  touches: ({ backup }) => ({ paths: [backup] }),
  async check(probe, { backup, host, paths, secret, cold }) {
    const { entries, captured, mode } = await readManifest(probe, backup, host);
    const differences: Difference[] = [], wanted = paths.map(matcher), hidden = secret.map(matcher);
    if (cold && mode !== 'cold') differences.push({ what: `${backup}/manifest.tsv`, found: 'of a copy made while services ran (hot)', wanted: 'cold' });
    for (const [at, path] of paths.entries()) if (!entries.some((entry) => wanted[at]?.(entry.path))) differences.push({ what: path, found: 'not in the manifest', wanted: 'in the backup' });
    const asked = entries.filter(({ path }) => paths.length === 0 || wanted.some((is) => is(path)));
    for (const entry of asked.filter(({ type, path }) => type === 'f' && hidden.some((is) => is(path)))) {
      if (entry.mode !== 0o600 || entry.uid !== 0) differences.push({ what: entry.path, found: `${octal(entry.mode)} of ${entry.owner ?? String(entry.uid)} on the old host`, wanted: '0600 of root' });
    }
    for (const entry of asked.filter(isRestored)) {
      const broken = await damage(probe, backup, entry);
      if (broken !== undefined) differences.push(broken);
    }
    return finding({ host, captured, mode, entries: asked.length, damaged: differences.length }, bounded(differences));
  },
});
