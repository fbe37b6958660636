import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { readListeners, takes } from '../facts/listeners.ts';
import { parseListeningProcesses } from '../parse/listeners.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  address: z.string().regex(/^[0-9a-f:][0-9a-f.:]*$/, 'expected an IP address').optional().describe('Address to connect to; without it any listener counts and 127.0.0.1 is tried.'),
  port: z.int().min(1).max(65535).describe('TCP port.'),
  deadlineS: z.int().min(0).max(3600).default(60).describe('Seconds to wait for it.'),
  process: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/).optional().describe('Name of the process that must hold the port, as ss shows it.'),
});

/** A listener in the kernel's table and a connection accepted; optionally, by the right program. */
export const portListening = operation({
  name: 'port.listening', summary: 'Something listens on a TCP port and accepts a connection.', args, timeoutS: 3660, mayKill: true,
  describe: (a) => `${a.process ?? 'something'} listens on ${a.address ?? 'any address'} port ${a.port}, within ${a.deadlineS} s`,
  deadlineS: (a) => a.deadlineS,
  async check(probe, a) {
    const what = `port ${a.port}${a.address === undefined ? '' : ` on ${a.address}`}`;
    const listeners = (await readListeners(probe)).filter((one) => one.port === a.port);
    if (!takes(listeners, a.address, a.port)) {
      return finding({ listening: false }, [{ what, found: listeners.length === 0 ? 'without a listener' : `only on ${listeners.map((one) => one.address).join(', ')}`, wanted: 'listening' }]);
    }
    const differences: Difference[] = [];
    const only = listeners.length === 1 && !['0.0.0.0', '::'].includes(listeners[0]?.address ?? '') ? listeners[0]?.address : undefined;
    if (!await probe.connects(a.address ?? only ?? '127.0.0.1', a.port, 5)) differences.push({ what, found: 'no connection accepted within 5 s', wanted: 'a connection' });
    if (a.process !== undefined) {
      const holders = parseListeningProcesses((await probe.read(['ss', '-lntp'])).stdout).get(a.port) ?? [];
      if (!holders.includes(a.process)) differences.push({ what: `holder of port ${a.port}`, found: holders.join(', ') || 'unknown', wanted: a.process });
    }
    return finding({ listening: true }, differences);
  },
});
