export interface Listener { address: string; port: number }

/** Four bytes as /proc prints them: one 32-bit number in host order (little-endian on x86_64). */
const bytesOf = (hex: string): number[] => [6, 4, 2, 0].map((at) => parseInt(hex.slice(at, at + 2), 16));

function addressOf(hex: string): string {
  if (hex.length === 8) return bytesOf(hex).join('.');
  const bytes = [0, 8, 16, 24].flatMap((at) => bytesOf(hex.slice(at, at + 8)));
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, at) => (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16)).join(':');
  // As RFC 5952 shortens the only two that matter here.
  return groups === '0:0:0:0:0:0:0:0' ? '::' : groups === '0:0:0:0:0:0:0:1' ? '::1' : groups;
}

/** Sockets in state LISTEN (0A) of /proc/net/tcp or /proc/net/tcp6 (kernel Documentation/networking/proc_net_tcp.txt). */
export function parseProcNetTcp(text: string): Listener[] {
  return text.split('\n').slice(1).map((line) => line.trim().split(/\s+/)).filter((fields) => fields[3] === '0A').map((fields) => {
    const [address = '', port = ''] = (fields[1] ?? '').split(':');
    return { address: addressOf(address), port: parseInt(port, 16) };
  });
}

/** Port -> names of the processes that listen there, of `ss -lntp`: iproute 3.10 prints ("name",pid,fd), later ones ("name",pid=1,fd=3). */
export function parseListeningProcesses(text: string): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const port = Number(/:(\d+)$/.exec(fields[3] ?? '')?.[1] ?? Number.NaN);
    if (fields[0] !== 'LISTEN' || Number.isNaN(port)) continue;
    const names = [...line.matchAll(/\("([^"]+)",/g)].map((match) => match[1] ?? '');
    found.set(port, [...new Set([...found.get(port) ?? [], ...names])]);
  }
  return found;
}
