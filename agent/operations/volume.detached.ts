import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { attach, attachmentsOf, detach, isOn, keepRecord, keyOf, missing, readRecord, readVolumes } from '../cloud/attachments.ts';
import { openCloud } from '../cloud/session.ts';
import { rcFile, serviceHost, volumeType } from './cloud-args.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  hosts: z.array(serviceHost).min(1).describe('Hosts of the volume service whose volumes are meant, as HOST or HOST@BACKEND: those whose targets do not outlive the move.'),
  record: absolutePath.describe('File on this host that keeps every attachment, for volume.attached.'),
  fromRunning: z.boolean().default(false).describe('Whether volumes may be taken from instances that are not shut off: their guests must have unmounted them.'),
  serviceType: volumeType,
  volumeS: z.int().min(1).max(3600).default(120).describe('Seconds for one volume.'),
});

/**
 * No volume of these hosts is in use, and who had them is on record (mission row P14). Root disks cannot be detached: they stand in
 * the way, and are named.
 */
export const volumeDetached = operation({
  name: 'volume.detached', summary: 'No volume of these hosts is attached; the attachments are kept in a file.', args, timeoutS: 6 * 3600, mayKill: true,
  describe: (a) => `no volume of ${a.hosts.join(', ')} is attached, and ${a.record} keeps who had them`,
  touches: (a) => ({ paths: [a.rcFile, a.record] }),
  async check(probe, a) {
    const volumes = (await readVolumes(await openCloud(probe, a.rcFile), a.serviceType)).filter((one) => isOn(one, a.hosts));
    const attached = attachmentsOf(volumes), busy = volumes.filter((one) => one.attachments.length === 0 && ['in-use', 'attaching', 'detaching'].includes(one.status));
    const kept = await readRecord(probe, a.record);
    return finding({ attached: attached.map(keyOf).sort() }, [
      ...attached.map((one) => ({ what: keyOf(one), found: 'attached', wanted: 'detached' })),
      ...busy.map((one) => ({ what: `volume ${one.id}`, found: `${one.status} without an instance`, wanted: 'available' })),
      ...kept === undefined ? [{ what: a.record, found: 'missing', wanted: 'a record of the attachments' }] : [],
    ]);
  },
  async apply(host, a) {
    const cloud = await openCloud(host, a.rcFile);
    const all = attachmentsOf((await readVolumes(cloud, a.serviceType)).filter((one) => isOn(one, a.hosts)));
    await keepRecord(host, a.record, all);
    const problems = await detach(host, cloud, a.serviceType, all, a.volumeS, a.fromRunning);
    if (problems.length > 0) throw new StepError('command_failed', problems.join(' | '));
  },
  async revert(host, a, found) {
    const cloud = await openCloud(host, a.rcFile), before = new Set((found as { attached: string[] }).attached);
    const gone = new Set(missing(await readRecord(host, a.record) ?? [], await readVolumes(cloud, a.serviceType)).map((one) => one.what));
    const back = (await readRecord(host, a.record) ?? []).filter((one) => before.has(keyOf(one)) && gone.has(keyOf(one)));
    const problems = await attach(host, cloud, a.serviceType, back, a.volumeS);
    if (problems.length > 0) throw new StepError('command_failed', problems.join(' | '));
  },
});
