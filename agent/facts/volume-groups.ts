import type { Probe } from '../host/host.ts';
import { groupState, mapperName, missingDisks, parseReport, volumeState } from '../parse/lvm.ts';
import { parseMountinfo } from '../parse/mountinfo.ts';
import { readRunningLio } from './lio.ts';

/** `missing`: UUIDs of the disks that partial groups lack, as far as LVM tells. */
export interface VolumeGroup { name: string; uuid: string; exported: boolean; partial: boolean; missing: string[] }
export interface Volume { active: boolean; open: boolean; skipped: boolean; pool: boolean }

/** All volume groups: two of one name show as two. */
export async function readVolumeGroups(probe: Probe): Promise<VolumeGroup[]> {
  const { stdout, stderr } = await probe.read(['vgs', '--noheadings', '--separator', '|', '-o', 'vg_name,vg_uuid,vg_attr']);
  const rows = parseReport(stdout), disks = missingDisks(stderr).filter((uuid) => !rows.some((row) => row[1] === uuid));
  return rows.map(([name = '', uuid = '', attr = '']) => {
    const state = groupState(attr);
    return { name, uuid, ...state, missing: state.partial ? disks : [] };
  });
}

/** UUIDs of the physical volumes whose disks are here; LVM lists those it only misses too, as an unknown device. */
export async function readPhysicalVolumes(probe: Probe): Promise<string[]> {
  const rows = parseReport((await probe.read(['pvs', '--noheadings', '--separator', '|', '-o', 'pv_name,pv_uuid'])).stdout);
  return rows.filter(([name = '']) => name.startsWith('/dev/')).map(([, uuid = '']) => uuid);
}

/** Logical volumes of one group by name. */
export async function readVolumes(probe: Probe, vg: string): Promise<Map<string, Volume>> {
  const rows = parseReport((await probe.read(['lvs', '--noheadings', '--separator', '|', '-o', 'lv_name,lv_attr', vg])).stdout);
  return new Map(rows.map(([name = '', attr = '']) => [name, volumeState(attr)]));
}

/** What holds an open volume, in words: mounts and LIO backstores; `in use` where it is neither. Files only. */
export async function holdersOf(probe: Probe, vg: string, lv: string): Promise<string> {
  const devices = [`/dev/${vg}/${lv}`, `/dev/mapper/${mapperName(vg, lv)}`];
  const mounts = parseMountinfo(await probe.readFile('/proc/self/mountinfo') ?? '').filter((each) => devices.includes(each.source));
  const served = (await readRunningLio(probe)).backstores.filter((each) => devices.includes(each.device));
  return [...mounts.map((each) => `mounted at ${each.at}`), ...served.map((each) => `served by LIO as ${each.plugin}/${each.name}`)].join(', ') || 'in use';
}
