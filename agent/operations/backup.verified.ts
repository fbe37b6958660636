import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { bounded, damage, isRestored, readManifest } from '../facts/backup.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

/**
 * A backup that can be relied on: every file read again from the medium and compared with the manifest (row P13).
 * Errors: precondition_failed for a manifest that is missing, cut short, altered or of another host.
 */
export const backupVerified = operation({
  name: 'backup.verified',
  summary: 'Every file of a backup, read again, is as its manifest says',
  args: z.strictObject({
    backup: absolutePath.describe('Folder of one source host on the backup medium, with manifest.tsv in it'),
    host: z.string().min(1).describe('Full name of the source host'),
  }),
  timeoutS: 6 * 3600, mayKill: true,
  describe: ({ backup, host }) => `Read the backup of ${host} in ${backup} again and compare it with its manifest`,
  touches: ({ backup }) => ({ paths: [backup] }),
  async check(probe, { backup, host }) {
    const { entries, captured, mode } = await readManifest(probe, backup, host);
    const differences: Difference[] = [];
    for (const entry of entries.filter(isRestored)) {
      const broken = await damage(probe, backup, entry);
      if (broken !== undefined) differences.push(broken);
    }
    return finding({ host, captured, mode, entries: entries.length, damaged: differences.length }, bounded(differences));
  },
});
