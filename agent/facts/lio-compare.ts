import { createHash } from 'node:crypto';
import type { Difference, Json } from '../../proto/events.ts';
import type { Lio, Login } from '../parse/saveconfig.ts';

/** A configuration as flat facts: what it is -> how it is. Logins stand apart, they are secret. */
interface Facts { things: Map<string, string>; attributes: Map<string, string>; logins: Map<string, Login> }

const id = (backstore: { plugin: string; name: string }): string => `${backstore.plugin}/${backstore.name}`;

function facts({ backstores, targets, discovery }: Lio): Facts {
  const things = new Map<string, string>(), attributes = new Map<string, string>(), logins = new Map<string, Login>([['discovery', discovery]]);
  const attribute = (of: string, all: Record<string, string>): void => { for (const [name, value] of Object.entries(all)) attributes.set(`attribute ${name} of ${of}`, value); };
  for (const each of backstores) {
    things.set(`backstore ${id(each)}`, [each.device, each.serial === '' ? '' : `serial ${each.serial}`].filter(Boolean).join(', ') || 'there');
    attribute(`backstore ${id(each)}`, each.attributes);
  }
  for (const target of targets) {
    things.set(`target ${target.wwn}`, target.fabric);
    for (const tpg of target.tpgs) {
      const at = `${target.wwn} tpg${tpg.tag}`;
      things.set(at, tpg.enabled ? 'enabled' : 'disabled');
      for (const [number, backstore] of Object.entries(tpg.luns)) things.set(`${at} lun ${number}`, backstore);
      for (const portal of tpg.portals) things.set(`${at} portal ${portal}`, 'there');
      for (const acl of tpg.acls) {
        things.set(`${at} initiator ${acl.initiator}`, 'let in');
        for (const [number, { lun, readOnly }] of Object.entries(acl.mapped)) things.set(`${at} initiator ${acl.initiator} sees lun ${number}`, `lun ${lun}${readOnly ? ', read-only' : ''}`);
        logins.set(`initiator ${acl.initiator} at ${at}`, acl.login);
      }
      attribute(at, tpg.attributes);
      logins.set(at, tpg.login);
    }
  }
  return { things, attributes, logins };
}

/** Where the saved configuration is not the running one. An attribute counts where both know it; of a login only that it differs is told. */
export function unsaved(saved: Lio, running: Lio): Difference[] {
  const was = facts(saved), is = facts(running), differences: Difference[] = [];
  for (const what of [...new Set([...was.things.keys(), ...is.things.keys()])].sort()) {
    const found = was.things.get(what) ?? 'not saved', wanted = is.things.get(what) ?? 'not running';
    if (found !== wanted) differences.push({ what, found, wanted });
  }
  for (const [what, wanted] of is.attributes) {
    const found = was.attributes.get(what);
    if (found !== undefined && found !== wanted) differences.push({ what, found, wanted });
  }
  for (const what of new Set([...was.logins.keys(), ...is.logins.keys()])) {
    const before = was.logins.get(what) ?? [], now = is.logins.get(what) ?? [];
    if (JSON.stringify(before) !== JSON.stringify(now)) differences.push({ what: `login of ${what}`, found: before.length === 0 ? 'none saved' : 'another one saved', wanted: now.length === 0 ? 'none' : 'the one that runs' });
  }
  return differences;
}

/** What saving the running configuration would forget for good: backstores, targets and their luns, but for those named in `allowed`. */
export function forgotten(saved: Lio, running: Lio, allowed: readonly string[]): string[] {
  const lost: string[] = [], stores = new Set(running.backstores.map(id));
  for (const each of saved.backstores) if (!stores.has(id(each)) && !allowed.includes(id(each))) lost.push(`backstore ${id(each)}`);
  for (const target of saved.targets) {
    if (allowed.includes(target.wwn)) continue;
    const now = running.targets.find((each) => each.fabric === target.fabric && each.wwn === target.wwn);
    if (now === undefined) { lost.push(`target ${target.wwn}`); continue; }
    for (const tpg of target.tpgs) {
      const luns = now.tpgs.find((each) => each.tag === tpg.tag)?.luns ?? {};
      for (const [number, backstore] of Object.entries(tpg.luns)) if (luns[number] === undefined && !allowed.includes(backstore)) lost.push(`lun ${number} (${backstore}) of ${target.wwn}`);
    }
  }
  return lost;
}

/** A configuration in a few words: counts, and a hash of all but its logins. */
export function digest(lio: Lio | undefined): Json {
  if (lio === undefined) return null;
  const { things, attributes } = facts(lio);
  return { backstores: lio.backstores.length, targets: lio.targets.length, sha256: createHash('sha256').update(JSON.stringify([[...things].sort(), [...attributes].sort()])).digest('hex') };
}
