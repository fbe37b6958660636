import * as z from 'zod';
import { clearCanaries, findCanaries, flyCanary } from '../cloud/canary.ts';
import { openCloud } from '../cloud/session.ts';
import { hostName, rcFile } from './cloud-args.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  host: hostName.describe('Compute host by the name that the compute service knows.'),
  zone: z.string().min(1).default('nova').describe('Availability zone of that host.'),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/).describe('Name of the canary, another one for each step and host: a deleted instance of this name that ran on the host is what the next look goes by.'),
  image: z.string().min(1).describe('Image, by id or name.'),
  flavor: z.string().min(1).describe('Flavour, by id or name.'),
  network: z.string().min(1).optional().describe('Network, by id or name; needed where the tenant has several.'),
  reachPort: z.int().min(1).max(65535).optional().describe('Port that must answer at the canary\'s address, where this host has a way there.'),
  stuckMeans: z.string().min(1).optional().describe('What is said of a boot that never leaves BUILD, e.g. which setting to look at.'),
  bootS: z.int().min(10).max(3600).default(180).describe('Seconds for the boot, and again for the console and for the deletion.'),
});

/**
 * An instance is booted on this host, found running there, its console read, and it is deleted (mission rows C62, N26). Services
 * that are up do not prove that a boot gets through: one that is refused on the way stays in BUILD for ever, without a fault.
 */
export const computeCanary = operation({
  name: 'compute.canary', summary: 'An instance boots on a compute host, answers on its console and is deleted.', args, timeoutS: 4 * 3600, mayKill: true,
  describe: (a) => `an instance ${a.name} boots on ${a.host} within ${a.bootS} s, gives its console, and is deleted`,
  touches: (a) => ({ paths: [a.rcFile] }),
  async check(probe, a) {
    const { proven, left } = await findCanaries(await openCloud(probe, a.rcFile), a);
    // Nothing to go back to: what a canary changes is gone when it ends.
    return finding(null, [
      ...proven ? [] : [{ what: `canary ${a.name} on ${a.host}`, found: 'none has flown', wanted: 'booted, proven and deleted' }],
      ...left.map((one) => ({ what: `canary ${one.name}`, found: `left behind (${one.id}, ${one.status})`, wanted: 'deleted' })),
    ]);
  },
  async apply(host, a) {
    const cloud = await openCloud(host, a.rcFile);
    await clearCanaries(host, cloud, a);
    if (!(await findCanaries(cloud, a)).proven) await flyCanary(host, cloud, a);
  },
  async revert(host, a) { await clearCanaries(host, await openCloud(host, a.rcFile), a); },
});
