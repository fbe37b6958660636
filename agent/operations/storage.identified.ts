import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { readPhysicalVolumes, readVolumeGroups } from '../facts/volume-groups.ts';
import { finding, operation } from './operation.ts';

const lvmUuid = z.string().regex(/^[A-Za-z0-9]{6}(-[A-Za-z0-9]{4}){5}-[A-Za-z0-9]{6}$/, 'expected an LVM UUID');
const args = z.strictObject({
  volumeGroups: z.array(z.strictObject({ name: z.string().min(1).describe('Its name'), uuid: lvmUuid.describe('Its UUID') })).default([]).describe('Volume groups that must be here under these names and UUIDs'),
  physicalVolumes: z.array(lvmUuid).default([]).describe('UUIDs of physical volumes that must be here'),
  filesystems: z.array(z.string().regex(/^[A-Za-z0-9-]{4,64}$/, 'expected the UUID of a file system')).default([]).describe('UUIDs of file systems that must be here'),
  disks: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:+-]*$/, 'expected a name of /dev/disk/by-id')).default([]).describe('Disks by their name in /dev/disk/by-id, such as wwn-0x5000c500a1b2c3d4'),
}).refine((a) => Object.values(a).some((list) => list.length > 0), { message: 'one of the lists is needed', path: ['volumeGroups'] });

/** Row P2, after the installation: what lay on the data disks lies there still, told by the UUIDs captured before. Only looks. */
export const storageIdentified = operation({
  name: 'storage.identified',
  summary: 'The data disks hold what they held before the installation',
  args, timeoutS: 120, mayKill: true,
  describe: (a) => `This host has ${[...a.volumeGroups.map(({ name }) => `volume group ${name}`), ...count(a.physicalVolumes, 'physical volume'), ...count(a.filesystems, 'file system'), ...count(a.disks, 'disk')].join(', ')} of the old host`,
  async check(probe, a) {
    const differences: Difference[] = [];
    const missing = (what: string, found = 'not on this host'): void => { differences.push({ what, found, wanted: 'as on the old host' }); };
    const groups = a.volumeGroups.length === 0 ? [] : await readVolumeGroups(probe);
    for (const { name, uuid } of a.volumeGroups) {
      const named = groups.filter((one) => one.name === name);
      if (!named.some((one) => one.uuid === uuid)) missing(`volume group ${name} (${uuid})`, named[0] === undefined ? undefined : `another one of that name (${named.map((one) => one.uuid).join(', ')})`);
      else if (groups.some((one) => one.uuid === uuid && one.partial)) missing(`volume group ${name}`, 'without all its disks');
    }
    const volumes = a.physicalVolumes.length === 0 ? [] : await readPhysicalVolumes(probe);
    for (const uuid of a.physicalVolumes.filter((one) => !volumes.includes(one))) missing(`physical volume ${uuid}`);
    const filesystems = a.filesystems.length === 0 ? [] : await probe.list('/dev/disk/by-uuid');
    for (const uuid of a.filesystems.filter((one) => !filesystems.includes(one))) missing(`file system ${uuid}`);
    const disks = a.disks.length === 0 ? [] : await probe.list('/dev/disk/by-id');
    for (const id of a.disks.filter((one) => !disks.includes(one))) missing(`disk ${id}`);
    return finding({ missing: differences.map(({ what }) => what) }, differences);
  },
});

const count = (list: string[], what: string): string[] => (list.length === 0 ? [] : [`${String(list.length)} ${what}${list.length === 1 ? '' : 's'}`]);
