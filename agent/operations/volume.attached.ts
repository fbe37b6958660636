import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { attach, detach, keyOf, missing, readRecord, readVolumes, type Attachment } from '../cloud/attachments.ts';
import { openCloud } from '../cloud/session.ts';
import type { Probe } from '../host/host.ts';
import { rcFile, uuid, volumeType } from './cloud-args.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  record: absolutePath.describe('File on this host that volume.detached wrote.'),
  except: z.array(uuid).default([]).describe('Volumes or instances that are gone for good and not missed.'),
  serviceType: volumeType,
  volumeS: z.int().min(1).max(3600).default(120).describe('Seconds for one volume.'),
});
type Args = z.infer<typeof args>;

/** Every attachment on record is back (mission row R9). What the guest calls it may differ: the new target's numbers do (trap 27). */
export const volumeAttached = operation({
  name: 'volume.attached', summary: 'Every attachment that volume.detached kept is back.', args, timeoutS: 6 * 3600, mayKill: true,
  describe: (a) => `every volume in ${a.record} is attached to its instance again`,
  touches: (a) => ({ paths: [a.rcFile, a.record] }),
  async check(probe, a) {
    const { wanted, gone } = await look(probe, a);
    const lacks = new Set(gone.map((one) => one.what));
    return finding({ attached: wanted.map(keyOf).filter((key) => !lacks.has(key)).sort() }, gone);
  },
  async apply(host, a) {
    const { wanted, gone } = await look(host, a), lacks = new Set(gone.map((one) => one.what));
    const problems = await attach(host, await openCloud(host, a.rcFile), a.serviceType, wanted.filter((one) => lacks.has(keyOf(one))), a.volumeS);
    if (problems.length > 0) throw new StepError('command_failed', problems.join(' | '));
  },
  async revert(host, a, found) {
    const before = new Set((found as { attached: string[] }).attached), { wanted, gone } = await look(host, a);
    const lacks = new Set(gone.map((one) => one.what));
    const problems = await detach(host, await openCloud(host, a.rcFile), a.serviceType, wanted.filter((one) => !before.has(keyOf(one)) && !lacks.has(keyOf(one))), a.volumeS, true);
    if (problems.length > 0) throw new StepError('command_failed', problems.join(' | '));
  },
});

async function look(probe: Probe, a: Args): Promise<{ wanted: Attachment[]; gone: Difference[] }> {
  const kept = await readRecord(probe, a.record);
  if (kept === undefined) throw new StepError('precondition_failed', `${a.record} is not there: it is kept by volume.detached`);
  const wanted = kept.filter((one) => !a.except.includes(one.volume) && !a.except.includes(one.server));
  return { wanted, gone: missing(wanted, await readVolumes(await openCloud(probe, a.rcFile), a.serviceType)) };
}
