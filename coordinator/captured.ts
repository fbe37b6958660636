import * as z from 'zod';
import { checkSource } from './input/check.ts';
import { parseYaml } from './input/document.ts';
import { InputError, problem } from './input/problem.ts';
import type { SiteHost } from './site.ts';

/** What every capture says of itself; the rest is for the runbook to name. */
const factsSchema = z.looseObject({ format: z.literal(1), host: z.looseObject({ fqdn: z.string() }) });

/**
 * The facts captured on the old host of this name. JSON is YAML 1.2, so the same parser gives positions.
 * Throws InputError when they are no facts, or another host's.
 */
export function parseCaptured(file: string, text: string, host: SiteHost): Record<string, unknown> {
  const source = parseYaml(file, text);
  const facts = checkSource(source, factsSchema);
  if (facts.host.fqdn === host.fqdn) return facts;
  throw new InputError([problem(source.place(['host', 'fqdn']), `facts of ${facts.host.fqdn}`, `facts of ${host.fqdn}, the old host of ${host.name}`)]);
}
