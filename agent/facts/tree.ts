import type { FileStat, Probe } from '../host/host.ts';

/** A path and all below it, folders before what is in them; links are not followed, other file systems not entered. */
export async function* walkTree(probe: Probe, root: string): AsyncGenerator<{ path: string; stat: FileStat }> {
  const top = await probe.stat(root);
  if (top === undefined) return;
  const open: { path: string; stat: FileStat }[] = [{ path: root, stat: top }];
  for (let here = open.pop(); here !== undefined; here = open.pop()) {
    yield here;
    if (here.stat.type !== 'directory') continue;
    for (const name of (await probe.list(here.path)).reverse()) {
      const path = `${here.path === '/' ? '' : here.path}/${name}`, stat = await probe.stat(path);
      if (stat !== undefined && stat.device === top.device) open.push({ path, stat });
    }
  }
}

export const octal = (mode: number): string => `0${mode.toString(8).padStart(3, '0')}`;
