import * as z from 'zod';
import { evaluate } from './expression.ts';
import { checkSource } from './input/check.ts';
import type { Source } from './input/document.ts';
import { InputError, nearest, oneOf, type Place, problem, type Problem } from './input/problem.ts';
import type { SiteHost } from './site.ts';
import { type Roots, scalarStart } from './values.ts';

const inhibitorSchema = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, { error: 'a name of small letters, digits and "-"' }),
  on: z.string().default('all').describe('The role whose hosts it is about'),
  when: z.string().min(1).describe('CEL expression over the facts captured on the old host: true holds the plan back'),
  says: z.string().min(1).max(400).describe('What is wrong, what it would do, and what to do about it'),
  waive: z.boolean().default(true).describe('false: nobody may go on all the same'),
});
const inhibitorsSchema = z.strictObject({ inhibitors: z.array(inhibitorSchema).min(1) });

export type Inhibitor = z.infer<typeof inhibitorSchema> & { source: Source; path: (string | number)[] };
/** A person's word that an inhibitor may be passed over, as `--waive ID --by NAME --reason TEXT` gives it. */
export interface Waiver { id: string; by: string; reason: string }
/** An inhibitor that holds on a host and was waived; part of the plan, and so of what its digest stands for. */
export interface Waived extends Waiver { host: string; says: string }
export interface Held { id: string; host: string; says: string; mayWaive: boolean }

/** The plan is held back (exit code 4): the facts show what would go wrong, and nobody has waived it. */
export class Inhibited extends Error {
  readonly held: readonly Held[];
  constructor(held: readonly Held[]) {
    super(held.map(({ id, host, says, mayWaive }) => `${host}: ${says} [${id}${mayWaive ? '' : ', cannot be waived'}]`).join('\n'));
    this.name = 'Inhibited';
    this.held = held;
  }
}

/** The inhibitors of a runbook's file. Throws InputError for what is none, or one id twice. */
export function readInhibitors(source: Source): Inhibitor[] {
  const list = checkSource(source, inhibitorsSchema).inhibitors.map((one, at) => ({ ...one, source, path: ['inhibitors', at] }));
  const twice = list.filter(({ id }, at) => list.findIndex((one) => one.id === id) !== at);
  if (twice.length > 0) throw new InputError(twice.map(({ id, path }) => problem(source.place([...path, 'id']), `inhibitor "${id}" a second time`, 'each id only once')));
  return list;
}

/**
 * What the captured facts hold against this plan, and what of it a person waived. Hosts without captured facts are asked
 * nothing. Throws Inhibited; gives problems for an expression that cannot be decided and for a waiver of what is not there.
 */
export function passInhibitors(inhibitors: readonly Inhibitor[], hosts: readonly SiteHost[], rootsOf: (host: SiteHost) => Roots, waivers: readonly Waiver[], place: Place): { waived: Waived[]; problems: Problem[] } {
  const problems: Problem[] = [], held: Held[] = [], waived: Waived[] = [], ids = inhibitors.map(({ id }) => id);
  for (const { id } of waivers) if (!ids.includes(id)) problems.push(problem(place, `a waiver of "${id}"`, oneOf(ids), nearest(id, ids)));
  for (const { id, on, when, says, waive, source, path } of inhibitors) {
    for (const host of hosts.filter(({ role, captured }) => captured !== undefined && (on === 'all' || on === role))) {
      const decided = evaluate(when, rootsOf(host), 'boolean');
      if ('fault' in decided) {
        const node = source.node([...path, 'when']);
        const at = node === undefined ? source.place([...path, 'when']) : source.at(scalarStart(node, source) + decided.fault.offset);
        problems.push(problem(at, `${decided.fault.found} in \`when\``, `${decided.fault.expected} (host ${host.name}; facts of an older capture? capture them again)`, decided.fault.nearest));
      } else if (decided.value === true) {
        const waiver = waive ? waivers.find((one) => one.id === id) : undefined;
        if (waiver === undefined) held.push({ id, host: host.name, says, mayWaive: waive });
        else waived.push({ ...waiver, host: host.name, says });
      }
    }
  }
  if (problems.length === 0 && held.length > 0) throw new Inhibited(held);
  return { waived, problems };
}
