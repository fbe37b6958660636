import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { readListeners, takes } from '../facts/listeners.ts';
import { readRunningLio, readSavedLio } from '../facts/lio.ts';
import type { Probe } from '../host/host.ts';
import type { Listener } from '../parse/listeners.ts';
import type { Lio, Tpg } from '../parse/saveconfig.ts';
import { backstoreId, scsiName } from './fields.ts';
import { finding, operation } from './operation.ts';

const portal = z.string().regex(/^[0-9A-Fa-f.:]+:\d+$/, 'expected ADDRESS:PORT');
const args = z.strictObject({
  targets: z.array(z.strictObject({
    iqn: scsiName.describe('Name of the target.'),
    luns: z.record(z.string().regex(/^\d+$/, 'expected the number of a LUN'), backstoreId).default({}).describe('LUN -> backstore (PLUGIN/NAME) behind it; it may have more.'),
    portals: z.array(portal).default([]).describe('ADDRESS:PORT that it must be served at. Empty: any, one at least.'),
    initiators: z.array(scsiName).default([]).describe('Initiators that must be let in.'),
  })).min(1).describe('Targets that must be there; more may be.'),
  deadlineS: z.int().min(0).max(600).default(0).describe('Seconds to wait for it.'),
});
type Args = z.infer<typeof args>;
type Wanted = Args['targets'][number];

/**
 * Targets run, are saved for the next start, and their portals listen (rows C5, P14; trap 28). Files only: configfs, the
 * saved file and the kernel's list of sockets.
 */
export const lioAsserted = operation({
  name: 'lio.asserted', summary: 'LIO targets run, are saved, and are served at their portals.', args, timeoutS: 660, mayKill: true,
  describe: (a) => `LIO serves ${a.targets.map((each) => each.iqn).join(', ')}, now and after the next start`,
  deadlineS: (a) => a.deadlineS,
  async check(probe, a) {
    const running = await readRunningLio(probe), saved = await readSavedLio(probe), listeners = await readListeners(probe);
    const wrong: Difference[] = [];
    for (const wanted of a.targets) wrong.push(...missing(wanted, running, 'running'), ...missing(wanted, saved, 'saved'), ...await deaf(probe, wanted, running, listeners));
    return finding({ targets: a.targets.length, wrong: wrong.length }, wrong);
  },
});

const groups = (lio: Lio | undefined, iqn: string): Tpg[] | undefined => lio?.targets.find((each) => each.fabric === 'iscsi' && each.wwn === iqn)?.tpgs;

/** What of a target is not as wanted in one of the two configurations. */
function missing({ iqn, luns, portals, initiators }: Wanted, lio: Lio | undefined, where: string): Difference[] {
  const tpgs = groups(lio, iqn)?.filter((each) => each.enabled);
  if (tpgs === undefined) return [{ what: `target ${iqn}`, found: `not ${where}`, wanted: where }];
  if (tpgs.length === 0) return [{ what: `target ${iqn}, as ${where}`, found: 'disabled', wanted: 'enabled' }];
  const wrong: Difference[] = [];
  for (const [number, wanted] of Object.entries(luns)) {
    const found = tpgs.flatMap((each) => each.luns[number] ?? []);
    if (!found.includes(wanted)) wrong.push({ what: `lun ${number} of ${iqn}, as ${where}`, found: found.join(', ') || 'not there', wanted });
  }
  for (const each of portals) if (!tpgs.some((tpg) => tpg.portals.includes(each))) wrong.push({ what: `portal ${each} of ${iqn}`, found: `not ${where}`, wanted: where });
  for (const each of initiators) if (!tpgs.some((tpg) => tpg.acls.some((acl) => acl.initiator === each))) wrong.push({ what: `initiator ${each} of ${iqn}`, found: `not let in, as ${where}`, wanted: 'let in' });
  return wrong;
}

/** Portals of the running target at which nothing listens. */
async function deaf(probe: Probe, { iqn }: Wanted, running: Lio, listeners: Listener[]): Promise<Difference[]> {
  const tpgs = groups(running, iqn)?.filter((each) => each.enabled);
  if (tpgs === undefined || tpgs.length === 0) return [];
  const served = tpgs.flatMap((each) => each.portals);
  if (served.length === 0) return [{ what: `portals of ${iqn}`, found: 'none', wanted: 'one at least' }];
  const wrong: Difference[] = [];
  for (const each of served) {
    const address = each.slice(0, each.lastIndexOf(':')), port = Number(each.slice(each.lastIndexOf(':') + 1));
    // The table spells an IPv6 address in full; where that does not match, a connection tells.
    if (!takes(listeners, address, port) && !(address.includes(':') && await probe.connects(address, port, 2))) wrong.push({ what: `portal ${each} of ${iqn}`, found: 'nothing listens', wanted: 'listening' });
  }
  return wrong;
}
