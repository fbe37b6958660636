import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { bounded } from '../facts/backup.ts';
import { readRunningLio, readSavedLio, SAVED } from '../facts/lio.ts';
import { digest, forgotten, unsaved } from '../facts/lio-compare.ts';
import type { Probe } from '../host/host.ts';
import type { Lio } from '../parse/saveconfig.ts';
import { backstoreId, scsiName } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';

const args = z.strictObject({
  forget: z.array(z.union([scsiName, backstoreId])).default([]).describe('Targets (IQN) and backstores (PLUGIN/NAME) that are saved, do not run, and may be forgotten.'),
});

const EMPTY: Lio = { backstores: [], targets: [], discovery: [] };

/**
 * Trap 28: cinder-volume does not save the targets it makes, so the next start of `target` loses them. Running and saved
 * are compared by meaning, both from files. Saving what is left after a failed restore would make the loss permanent:
 * apply refuses with precondition_failed, naming what would be forgotten. CHAP logins are compared and never shown.
 */
export const lioSaved = operation({
  name: 'lio.saved', summary: 'The LIO targets that run are those that the next start loads.', args, timeoutS: 600, mayKill: true,
  describe: (a) => `save the running LIO targets to ${SAVED}${a.forget.length === 0 ? '' : `, forgetting ${a.forget.join(', ')}`}`,
  check: look,
  async apply(host, a) {
    const loss = wouldForget(await readSavedLio(host), await readRunningLio(host), a.forget);
    if (loss !== undefined) throw new StepError('precondition_failed', loss);
    await host.save(SAVED);
    await host.act(['targetcli', 'saveconfig']);
  },
  async revert(host) { await host.restore(SAVED); },
});

/** `found` is of the saved file only: what runs is not this operation's to put back. */
async function look(probe: Probe, a: z.infer<typeof args>): Promise<Finding> {
  const saved = await readSavedLio(probe), running = await readRunningLio(probe);
  const none = saved === undefined && running.backstores.length === 0 && running.targets.length === 0;
  return finding({ saved: digest(saved) }, bounded(unsaved(saved ?? EMPTY, running)), none ? 'no target runs, none is saved' : wouldForget(saved, running, a.forget));
}

function wouldForget(saved: Lio | undefined, running: Lio, allowed: readonly string[]): string | undefined {
  const lost = saved === undefined ? [] : forgotten(saved, running, allowed);
  return lost.length === 0 ? undefined : `saved, but not running: ${lost.join(', ')}. Saving now would forget them: have them restored (restart the unit target), or name them in forget`;
}
