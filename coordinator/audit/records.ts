import * as z from 'zod';
import { canonical } from '../../proto/canonical.ts';
import type { Event } from '../../proto/events.ts';
import type { SignedHead } from '../../proto/heads.ts';
import { asTold } from '../../proto/wire.ts';
import type { Finding, ReadFile } from './lines.ts';

/** Something of the record and where it stands: FILE:LINE. */
export type Placed<T> = T & { where: string };

/** What an audit looks at in the coordinator's journal. */
export interface Records {
  begun: Placed<{ n: number; planDigest: string }>[];
  /** Number of the last `ended`, 0 where the run has none. */
  endedAt: number;
  witnesses: Placed<{ host: string; timeMs: number; head: SignedHead }>[];
  /** Persons' words that a gated step may start. */
  approvals: Placed<{ n: number; host: string; step: string }>[];
  /** By host, in the order of the file. */
  events: Map<string, Placed<{ n: number; event: Event }>[]>;
}

const head = z.strictObject({ of: z.string(), n: z.int(), hash: z.string(), certificatePem: z.string(), signature: z.string() });
const timeMs = z.int();
/** A line can hold by its hash and still be what no coordinator writes. */
const LOOKED_AT = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('begun'), planDigest: z.string(), run: z.string() }),
  z.strictObject({ type: z.literal('event'), host: z.string(), event: z.unknown() }),
  z.strictObject({ type: z.literal('witness'), timeMs, host: z.string(), head }),
  z.looseObject({ type: z.literal('approved'), timeMs, host: z.string(), step: z.string(), by: z.string().min(1), subject: z.string().min(1), reason: z.string().min(1) }),
  z.looseObject({ type: z.literal('ended'), exitCode: z.int() }),
]);

/** An event exactly as an agent tells and keeps it, or undefined. */
export function eventOf(at: unknown, run: string): Event | undefined {
  try {
    const event = asTold(at as Event);
    return event.run === run && canonical(event) === canonical(at) ? event : undefined;
  } catch { return undefined; }
}

/** Sorts the coordinator's lines. What is none of the kinds known here stays as it is; the chain proves it all the same. */
export function recordsOf({ file, lines }: ReadFile, run: string): Records & { findings: Finding[] } {
  const records: Records & { findings: Finding[] } = { begun: [], endedAt: 0, witnesses: [], approvals: [], events: new Map(), findings: [] };
  for (const { line, n, at } of lines.values()) {
    const where = `${file}:${String(line)}`, { success, data } = LOOKED_AT.safeParse(at), type = (at as { type?: unknown } | null)?.type;
    const odd = (what: string): void => { records.findings.push({ kind: 'broken', where, what }); };
    if (!success) {
      if (typeof type !== 'string' || LOOKED_AT.options.some((option) => option.shape.type.value === type)) odd('the line holds no record that a coordinator writes');
    } else if (data.type === 'event') {
      const event = eventOf(data.event, run), told = records.events.get(data.host) ?? [];
      records.events.set(data.host, told);
      if (event === undefined) odd(`the line holds no event of run ${run} that an agent tells`);
      else told.push({ where, n, event });
    } else if (data.type === 'witness') records.witnesses.push({ where, ...data });
    else if (data.type === 'approved') records.approvals.push({ where, n, host: data.host, step: data.step });
    else if (data.type === 'ended') records.endedAt = Math.max(records.endedAt, n);
    else if (data.run !== run) odd(`the line begins run ${data.run}, expected ${run}`);
    else records.begun.push({ where, n, planDigest: data.planDigest });
  }
  return records;
}
