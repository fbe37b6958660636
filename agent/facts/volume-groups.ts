import type { Probe } from '../host/host.ts';
import { isActive, parseReport } from '../parse/lvm.ts';

/** All volume groups as [name, UUID]: two of one name show as two. */
export async function readVolumeGroups(probe: Probe): Promise<{ name: string; uuid: string }[]> {
  const rows = parseReport((await probe.read(['vgs', '--noheadings', '--separator', '|', '-o', 'vg_name,vg_uuid'])).stdout);
  return rows.map(([name = '', uuid = '']) => ({ name, uuid }));
}

/** Logical volume -> active, of one volume group. */
export async function readVolumes(probe: Probe, vg: string): Promise<Record<string, boolean>> {
  const rows = parseReport((await probe.read(['lvs', '--noheadings', '--separator', '|', '-o', 'lv_name,lv_attr', vg])).stdout);
  return Object.fromEntries(rows.map(([name = '', attr = '']) => [name, isActive(attr)]));
}
