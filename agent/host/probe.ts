import { statfs } from 'node:fs/promises';
import type { Probe } from './host.ts';
import { openHost } from './local.ts';
import { monotonicMs } from './proc.ts';
import { createScrubber } from './scrub.ts';

export interface FileSystem { mountPoint: string; type: string; sizeBytes: number; freeBytes: number; inodes: number; freeInodes: number }

/** A look at the machine outside any step: nothing is journaled, no secret is known, every process has ten seconds. */
export function openProbe(): Probe {
  const untilMs = monotonicMs() + 10_000;
  return openHost({ commandId: 'look', folder: '/nonexistent', secrets: {}, scrubber: createScrubber(), remainingMs: () => untilMs - monotonicMs(), emit: () => undefined });
}

/** File systems that hold data, by mount point; each device once. One that does not answer is left out. */
export async function readFileSystems(probe: Probe): Promise<FileSystem[]> {
  const mounts = (await probe.readFile('/proc/mounts') ?? '').split('\n').map((line) => line.split(' '));
  const kept = new Map<string, [string, string]>();
  for (const [device = '', mountPoint = '', type = '', options = ''] of mounts) {
    const holdsData = device.startsWith('/dev/') || ['overlay', 'xfs', 'ext4', 'ext3', 'nfs', 'nfs4', 'btrfs'].includes(type);
    if (holdsData && !options.split(',').includes('ro') && !kept.has(device)) kept.set(device, [mountPoint, type]);
  }
  const read = await Promise.all([...kept.values()].map(async ([mountPoint, type]): Promise<FileSystem | undefined> => {
    try {
      const s = await statfs(mountPoint);
      return { mountPoint, type, sizeBytes: s.bsize * s.blocks, freeBytes: s.bsize * s.bavail, inodes: s.files, freeInodes: s.ffree };
    } catch {
      return undefined; // hidden under another mount, or gone since /proc/mounts was read
    }
  }));
  return read.filter((each) => each !== undefined);
}
