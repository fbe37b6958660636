import type { Context } from '../context.ts';
import { besideSite } from '../input/files.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { Link } from '../link.ts';
import type { PlanHost } from '../plan-format.ts';
import { readCredentials, type Credentials } from '../pki/folder.ts';
import type { Role } from '../pki/checks.ts';
import type { Site } from '../site.ts';

export const ANY: readonly Role[] = ['operator', 'observer'];
export const OPERATOR: readonly Role[] = ['operator'];

/** This coordinator's own certificate, checked. Throws InputError. */
export const credentials = (context: Context, site: Site, roles: readonly Role[]): Credentials =>
  readCredentials(besideSite(context.siteFile(), site.pki), roles, site.name, Date.now());

/** Does something with a link to each host, and lets go of all of them whatever happens. */
export async function withLinks<T>(hosts: readonly Pick<PlanHost, 'name' | 'address' | 'port'>[], own: Credentials, use: (links: Map<string, Link>) => Promise<T>): Promise<T> {
  const links = new Map(hosts.map(({ name, address, port }) => [name, new Link({ host: name, address, port }, own)]));
  try { return await use(links); } finally { for (const link of links.values()) link.close(); }
}

/** The named hosts of the site, or all where none is named. Throws InputError for a name it does not have. */
export function hostsNamed(context: Context, site: Site, names: readonly string[]): Site['hosts'] {
  const known = site.hosts.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new InputError(unknown.map((name) => problem(context.at(name), `no host "${name}" in ${site.source.file}`, oneOf(known), nearest(name, known))));
  return names.length === 0 ? site.hosts : site.hosts.filter(({ name }) => names.includes(name));
}
