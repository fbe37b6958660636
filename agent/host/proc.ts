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

/** Field 6 of /proc/PID/stat, the session a process belongs to; 0 when it is gone, or dead and only not yet waited for. */
export function sessionOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? 0 : Number(session);
  } catch {
    return 0;
  }
}

/** One life of the host. A container keeps its kernel's boot id over a restart, its PID 1 begins anew. */
export const bootMark = (): string => `${bootId()}.${String(startTicks(1))}`;

/** Milliseconds of a clock that nobody sets and that goes on over a restart of the agent. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
