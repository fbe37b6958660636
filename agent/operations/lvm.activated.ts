import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference, Json } from '../../proto/events.ts';
import { holdersOf, readVolumeGroups, readVolumes, type Volume } from '../facts/volume-groups.ts';
import type { Probe } from '../host/host.ts';
import { finding, operation, type Finding } from './operation.ts';

const lvmName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/, 'expected an LVM name');
const args = z.strictObject({
  vg: lvmName.describe('The one volume group to activate.'),
  uuid: z.string().regex(/^[A-Za-z0-9]{6}(-[A-Za-z0-9]{4}){5}-[A-Za-z0-9]{6}$/, 'expected an LVM UUID').describe('Its UUID on the old host.'),
  lvs: z.array(lvmName).default([]).describe('Logical volumes that must be there and active; more may be.'),
});
type Args = z.infer<typeof args>;

/**
 * Row C6. Only the named group: a bare `vgchange -ay` would also activate groups that lie inside guests' volumes. Refused
 * with precondition_failed: a group of that name with another UUID, two of one name, one that is exported or misses a disk;
 * on the way back, volumes in use. Volumes that LVM itself skips (thin snapshots) only have to be there. Proven by the
 * device nodes.
 */
export const lvmActivated = operation({
  name: 'lvm.activated', summary: 'A volume group of the old host is active here.', args, timeoutS: 300, mayKill: true,
  describe: (a) => `activate volume group ${a.vg} (${a.uuid})${a.lvs.length === 0 ? '' : ` with ${a.lvs.join(', ')}`}`,
  async check(probe, a) { return judge(a, await look(probe, a)); },
  async apply(host, a) {
    const volumes = await look(host, a);
    if (volumes === undefined) throw new StepError('precondition_failed', `volume group ${a.vg} is not on this host: are its disks connected?`);
    const missing = a.lvs.filter((name) => !volumes.has(name));
    if (missing.length > 0) throw new StepError('precondition_failed', `volume group ${a.vg} has no ${missing.join(', ')}; it has ${[...volumes.keys()].join(', ') || 'none'}`);
    await host.act(['vgchange', '-ay', a.vg]);
  },
  async verify(probe, a) {
    const volumes = await look(probe, a), wrong: Difference[] = [];
    for (const [name, { active, pool }] of volumes ?? []) {
      if (active && !pool && await probe.stat(`/dev/${a.vg}/${name}`) === undefined) wrong.push({ what: `/dev/${a.vg}/${name}`, found: 'not there', wanted: 'a device' });
    }
    return judge(a, volumes, wrong);
  },
  async revert(host, a, found: Json) {
    const { lvs: before } = found as { lvs: Record<string, boolean> };
    const now = await look(host, a) ?? new Map<string, Volume>();
    const off = [...now].filter(([name, { active }]) => active && before[name] === false), held: string[] = [];
    for (const [name, { open }] of off) if (open) held.push(`${name} is ${await holdersOf(host, a.vg, name)}`);
    if (held.length > 0) throw new StepError('precondition_failed', `volume group ${a.vg} cannot be deactivated: ${held.join('; ')}`);
    if (off.length === now.size && off.length > 0) await host.act(['vgchange', '-an', a.vg]);
    else if (off.length > 0) await host.act(['lvchange', '-an', ...off.map(([name]) => `${a.vg}/${name}`)]);
  },
});

/** Volumes of the group meant; undefined where there is none of that name. Refuses what vgchange would take for it, or fail on. */
async function look(probe: Probe, a: Args): Promise<Map<string, Volume> | undefined> {
  const refuse = (why: string): StepError => new StepError('precondition_failed', why);
  const same = (await readVolumeGroups(probe)).filter((one) => one.name === a.vg);
  const [group] = same;
  if (group === undefined) return undefined;
  if (same.length > 1) throw refuse(`${same.length} volume groups are called ${a.vg} (${same.map((one) => one.uuid).join(', ')}), the old host's has ${a.uuid}: disconnect the others or rename them with vgrename UUID NAME`);
  if (group.uuid !== a.uuid) throw refuse(`a volume group ${a.vg} with UUID ${group.uuid} is here; the old host's has ${a.uuid}`);
  if (group.exported) throw refuse(`volume group ${a.vg} is exported: once no other host uses it, vgimport ${a.vg}`);
  if (group.partial) throw refuse(`volume group ${a.vg} misses a disk${group.missing.length === 0 ? '' : ` (physical volume ${group.missing.join(', ')})`}: connect it`);
  return await readVolumes(probe, a.vg);
}

function judge(a: Args, volumes: Map<string, Volume> | undefined, wrong: Difference[] = []): Finding {
  const lvs = Object.fromEntries([...volumes ?? []].map(([name, { active }]) => [name, active]));
  return finding({ vg: a.vg, present: volumes !== undefined, lvs }, [...differences(a, volumes), ...wrong]);
}

function differences(a: Args, volumes: Map<string, Volume> | undefined): Difference[] {
  if (volumes === undefined) return [{ what: `volume group ${a.vg}`, found: 'not there', wanted: 'active' }];
  const wrong: Difference[] = [];
  for (const name of new Set([...a.lvs, ...volumes.keys()])) {
    const volume = volumes.get(name);
    if (volume === undefined || !(volume.active || volume.skipped)) wrong.push({ what: `${a.vg}/${name}`, found: volume === undefined ? 'not there' : 'inactive', wanted: 'active' });
  }
  return wrong;
}
