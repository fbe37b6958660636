import { isIP } from 'node:net';
import * as z from 'zod';
import { checkSource } from './input/check.ts';
import { parseYaml, type Source } from './input/document.ts';
import { InputError, nearest, oneOf, problem, type Problem } from './input/problem.ts';

const HOST_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const FQDN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/;
const address = z.string().refine((text) => isIP(text) !== 0, { error: 'an IPv4 or IPv6 address' });
const absolutePath = z.string().regex(/^\/[^\0]*$/, { error: 'an absolute path' });
const filePath = z.string().regex(/^[^\0]+$/, { error: 'a path' });
export const NAME = /^[a-z][a-z0-9_-]{0,62}$/;

const hostSchema = z.strictObject({
  role: z.string().regex(NAME, { error: 'a role of the runbook' }).describe('What the runbook calls this host'),
  address: address.describe('Where the coordinator reaches the agent'),
  port: z.int().min(1).max(65535).default(7443).describe('TCP port of the agent'),
  fqdn: z.string().regex(FQDN, { error: 'a full host name in small letters' }).describe('Full name: the new host keeps the name of the old one'),
  backup: absolutePath.optional().describe('Where this host sees the backup of the old host of the same name'),
  interfaces: z.record(z.string().regex(/^[A-Za-z0-9_.-]{1,15}$/, { error: 'the name of an interface' }), z.string().regex(/^[A-Za-z0-9_.-]{1,15}$/, { error: 'the name of an interface' })).default({}).describe('Interfaces of the old host that have another name here: old to new'),
  captured: filePath.optional().describe('facts.json that was captured on the old host, relative to this file'),
});

const siteSchema = z.strictObject({
  tandem: z.literal(1, { error: '1, the version of this format' }).describe('Version of this format'),
  site: z.string().regex(NAME, { error: 'a name of small letters, digits, "-" and "_"' }),
  runbook: filePath.describe('A built-in runbook by its name, or a folder that begins with ./ or /'),
  pki: filePath.default('./pki').describe('Folder with ca.crt, operator.crt and operator.key, relative to this file'),
  coordinator: z.strictObject({ address: address.describe('The coordinator as the hosts see it; every firewall must admit it') }),
  hosts: z.record(z.string().regex(HOST_NAME, { error: 'a host name of small letters, digits and "-"' }), hostSchema),
  variables: z.record(z.string(), z.unknown()).default({}),
  gates: z.array(z.string()).default([]).describe('Rows or step ids before which a person must approve, besides those of the runbook'),
});

export type SiteHost = z.infer<typeof hostSchema> & { name: string };
export interface Site {
  name: string;
  runbook: string;
  pki: string;
  coordinator: { address: string };
  hosts: SiteHost[];
  variables: Record<string, unknown>;
  gates: string[];
  source: Source;
}

/** A site file from its text. Throws InputError with every problem of the file. */
export function parseSite(file: string, text: string): Site {
  const source = parseYaml(file, text);
  const parsed = checkSource(source, siteSchema);
  const hosts = Object.entries(parsed.hosts).map(([name, host]) => ({ ...host, name }));
  const problems = [...twice(source, hosts), ...(hosts.length === 0 ? [problem(source.place(['hosts'], 'value'), 'no hosts', 'at least one host')] : [])];
  if (problems.length > 0) throw new InputError(problems);
  return { name: parsed.site, runbook: parsed.runbook, pki: parsed.pki, coordinator: parsed.coordinator, hosts, variables: parsed.variables, gates: parsed.gates, source };
}

/** Two entries for one machine would be steered as two: same address and port, same full name, same captured facts. */
function twice(source: Source, hosts: SiteHost[]): Problem[] {
  const problems: Problem[] = [];
  const fields = [['address', (h: SiteHost) => `${h.address}:${h.port}`], ['fqdn', (h: SiteHost) => h.fqdn], ['captured', (h: SiteHost) => h.captured]] as const;
  for (const [field, of] of fields) {
    const first = new Map<string, string>();
    for (const host of hosts) {
      const key = of(host);
      if (key === undefined) continue;
      const other = first.get(key);
      if (other !== undefined) problems.push(problem(source.place(['hosts', host.name, field]), `${field} ${key} of host ${other}`, `another ${field} for each host`));
      else first.set(key, host.name);
    }
  }
  return problems;
}

/** Hosts fit the runbook's roles: known names, and as many of each as it needs. */
export function checkRoles(site: Site, roles: Record<string, { min: number; max?: number | undefined }>): Problem[] {
  const names = Object.keys(roles);
  const problems: Problem[] = [];
  for (const host of site.hosts) {
    if (names.includes(host.role)) continue;
    problems.push(problem(site.source.place(['hosts', host.name, 'role']), JSON.stringify(host.role), oneOf(names), nearest(host.role, names)));
  }
  if (problems.length > 0) return problems;
  for (const [role, { min, max }] of Object.entries(roles)) {
    const count = site.hosts.filter((host) => host.role === role).length;
    const wanted = max === undefined ? `at least ${min}` : min === max ? `exactly ${min}` : `${min} to ${max}`;
    if (count < min || (max !== undefined && count > max)) problems.push(problem(site.source.place(['hosts'], 'key'), `${count} hosts of role ${role}`, wanted));
  }
  return problems;
}
