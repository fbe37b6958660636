import type { Probe } from '../host/host.ts';
import { parseProcNetTcp, type Listener } from '../parse/listeners.ts';

/** Sockets that listen on TCP, v4 and v6, from /proc: no process. */
export async function readListeners(probe: Probe): Promise<Listener[]> {
  const texts = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => probe.readFile(path)));
  return texts.flatMap((text) => parseProcNetTcp(text ?? ''));
}

/** Whether one of them takes connections to this address (any, where none is named). */
export function takes(listeners: Listener[], address: string | undefined, port: number): boolean {
  return listeners.some((one) => one.port === port && (address === undefined || [address, '0.0.0.0', '::'].includes(one.address)));
}
