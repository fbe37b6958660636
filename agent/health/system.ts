import type { FileSystem } from '../host/probe.ts';
import type { HealthItem } from './health.ts';

/** Runnable tasks for each processor over five minutes; above these the host answers late. */
const LOAD_WARN = 2, LOAD_CRITICAL = 8;
/** Share of memory still available; below these the kernel begins to kill. */
const MEMORY_WARN = 0.1, MEMORY_CRITICAL = 0.03;
/** Share of a file system in use, and bytes that must be left for dumps and journals. */
const DISK_WARN = 0.85, DISK_CRITICAL = 0.95;

const percent = (share: number): string => `${String(Math.round(share * 100))} %`;
const grade = (bad: boolean, worse: boolean): 'ok' | 'warn' | 'critical' => (worse ? 'critical' : bad ? 'warn' : 'ok');

/** /proc/loadavg against the number of processors. */
export function loadItem(loadavg: string, processors: number): HealthItem {
  const [one = 0, five = 0] = loadavg.split(' ').map(Number);
  const each = five / processors;
  return { subsystem: 'load', grade: grade(each > LOAD_WARN, each > LOAD_CRITICAL), reason: `${String(five)} over 5 minutes on ${String(processors)} processors`, values: { load1: one, load5: five, processors } };
}

/** Memory as systeminformation's mem() has it, bytes. */
export function memoryItem({ total, available }: { total: number; available: number }): HealthItem {
  const share = available / total;
  return { subsystem: 'memory', grade: grade(share < MEMORY_WARN, share < MEMORY_CRITICAL), reason: `${percent(share)} of ${String(Math.round(total / 2 ** 20))} MiB available`, values: { totalBytes: total, availableBytes: available } };
}

/** The fullest file system decides, by bytes or by inodes. */
export function disksItem(fileSystems: FileSystem[]): HealthItem {
  const used = ({ sizeBytes, freeBytes, inodes, freeInodes }: FileSystem): number =>
    Math.max(sizeBytes === 0 ? 0 : 1 - freeBytes / sizeBytes, inodes === 0 ? 0 : 1 - freeInodes / inodes);
  const fullest = [...fileSystems].sort((a, b) => used(b) - used(a))[0];
  if (fullest === undefined) return { subsystem: 'disks', grade: 'unknown', reason: 'no file system was found', values: {} };
  const share = used(fullest);
  return {
    subsystem: 'disks', grade: grade(share > DISK_WARN, share > DISK_CRITICAL), reason: `${fullest.mountPoint} is ${percent(share)} full`,
    values: Object.fromEntries(fileSystems.map((each) => [`${each.mountPoint} freeBytes`, each.freeBytes])),
  };
}
