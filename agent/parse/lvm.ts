/** Rows of `vgs` or `lvs` with --noheadings --separator '|': fields trimmed; empty lines left out. */
export function parseReport(text: string): string[][] {
  return text.split('\n').filter((line) => line.trim() !== '').map((line) => line.split('|').map((field) => field.trim()));
}

/** What lv_attr says (lvs(8) of lvm2 2.02.105): `active`, if only as a snapshot that is full (I) or failed to merge (m); `open`, in use; `skipped` by vgchange -ay, as thin snapshots are; a `pool` (thin t, cache C) serves volumes and has no device of its own name. */
export const volumeState = (lvAttr: string): { active: boolean; open: boolean; skipped: boolean; pool: boolean } =>
  ({ pool: 'tC'.includes(lvAttr[0] ?? '-'), active: 'aIm'.includes(lvAttr[4] ?? '-'), open: lvAttr[5] === 'o', skipped: lvAttr[9] === 'k' });

/** What vg_attr says (vgs(8) of lvm2 2.02.105): third character x, fourth p. */
export const groupState = (vgAttr: string): { exported: boolean; partial: boolean } => ({ exported: vgAttr[2] === 'x', partial: vgAttr[3] === 'p' });

/** UUIDs of physical volumes that LVM says it misses; the sentence around them changed from release to release. */
export const missingDisks = (stderr: string): string[] =>
  [...new Set([...stderr.matchAll(/\b\w{6}(?:-\w{4}){5}-\w{6}\b/g)].map(([uuid]) => uuid))];

/** The device-mapper name of a volume: VG-LV with the hyphens in each doubled (lvm(8), "device-mapper names"). */
export const mapperName = (vg: string, lv: string): string => `${vg.replaceAll('-', '--')}-${lv.replaceAll('-', '--')}`;
