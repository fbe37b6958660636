/** Rows of `vgs` or `lvs` with --noheadings --separator '|': fields trimmed; empty lines left out. */
export function parseReport(text: string): string[][] {
  return text.split('\n').filter((line) => line.trim() !== '').map((line) => line.split('|').map((field) => field.trim()));
}

/** Whether lv_attr says the volume is active: fifth character `a` (lvs(8) of lvm2 2.02.105). */
export const isActive = (lvAttr: string): boolean => lvAttr[4] === 'a';
