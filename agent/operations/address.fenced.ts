import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { readAddresses } from '../facts/network.ts';
import type { Probe } from '../host/host.ts';
import { parseArping } from '../parse/arping.ts';
import { hostPart, onNetwork } from '../parse/ip.ts';
import { finding, operation } from './operation.ts';

const address = z.string().regex(/^(?:\d{1,3}\.){3}\d{1,3}$/, 'expected an IPv4 address');
const args = z.strictObject({
  address: address.describe('The address that the old host gave away'),
  oldMacs: z.array(z.string().regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/, 'expected a hardware address in small letters')).default([]).describe('Hardware addresses of the old host: none of them may answer. Left out: nobody but this host may have the address'),
  movedTo: address.optional().describe('Where the old host went on'),
  ports: z.array(z.int().min(1).max(65535)).default([]).describe('TCP ports that take no connection any more: where the old host went on, and at the address while nobody has it'),
});

/**
 * Row P12, from another host than the two: the old host does not answer for its old address any more, and what ran on it
 * is off. Once the new host has the address it answers, and that is right: `oldMacs` tells them apart.
 * Errors: precondition_failed where this host is on no network of the address, since ARP goes no further than that.
 */
export const addressFenced = operation({
  name: 'address.fenced',
  summary: 'The old host has given its address away, and its ports take no connection',
  args, timeoutS: 300, mayKill: true,
  describe: (a) => `The old host does not answer for ${a.address}${a.ports.length === 0 ? '' : `; ports ${a.ports.join(', ')} take no connection${a.movedTo === undefined ? '' : ` at ${a.movedTo}`}`}`,
  async check(probe, a) {
    const own = (await readAddresses(probe)).filter(({ cidr }) => !cidr.includes(':'));
    const device = own.find(({ cidr }) => onNetwork(a.address, cidr))?.device;
    if (device === undefined) throw new StepError('precondition_failed', `this host is on no network of ${a.address}: ask on one that is`);
    const here = own.some(({ cidr }) => hostPart(cidr) === a.address);
    const answered = await whoAnswers(probe, device, a.address);
    const wrong = answered.filter((mac) => a.oldMacs.length === 0 || a.oldMacs.includes(mac));
    const differences: Difference[] = wrong.map((mac) => ({ what: a.address, found: `answered by ${mac} on ${device}`, wanted: here ? 'this host\'s alone' : a.oldMacs.length === 0 ? 'silent' : 'not the old host\'s' }));
    const targets = [...(a.movedTo === undefined ? [] : [a.movedTo]), ...(here || answered.length > wrong.length ? [] : [a.address])];
    for (const target of targets) {
      for (const port of a.ports) if (await probe.connects(target, port, 3)) differences.push({ what: `${target} port ${String(port)}`, found: 'takes a connection', wanted: 'refused' });
    }
    const holder = here ? 'this host' : answered.length === 0 ? 'nobody' : answered.join(', ');
    return finding({ address: a.address, device, holder }, differences);
  },
});

/** Asks three times: one lost packet is no silence. */
async function whoAnswers(probe: Probe, device: string, wanted: string): Promise<string[]> {
  const { stdout, stderr } = await probe.read(['arping', '-c', '3', '-w', '5', '-I', device, wanted], { okCodes: [0, 1] });
  const macs = parseArping(stdout);
  if (macs === undefined) throw new StepError('command_failed', `arping on ${device}: ${(stderr || stdout).trim()}`);
  return macs;
}
