import { readFileSync } from 'node:fs';

/** Field 22 of /proc/PID/stat, clock ticks from boot to start; 0 when the process is gone. */
export function startTicks(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return 0; // gone: the caller's identity check then fails, as it should
  }
}

export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
