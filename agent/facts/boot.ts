import type { Probe } from '../host/host.ts';

/** One life of the host: the kernel's boot id, and when its PID 1 began, since a container keeps its kernel's id over a restart. */
export async function readBootMark(probe: Probe): Promise<string> {
  const id = (await probe.readFile('/proc/sys/kernel/random/boot_id') ?? '').trim(), stat = await probe.readFile('/proc/1/stat') ?? '';
  return `${id}.${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`; // field 22 of proc(5), clock ticks from the kernel's boot
}
