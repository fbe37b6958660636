import { X509Certificate } from 'node:crypto';
import type { Context } from '../context.ts';
import { besideSite } from '../input/files.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { Link } from '../link.ts';
import type { PlanHost } from '../plan-format.ts';
import { readCredentials, type Credentials } from '../pki/folder.ts';
import { day, type Role } from '../pki/checks.ts';
import { daysLeft, WARN_DAYS } from '../pki/ledger.ts';
import type { Site } from '../site.ts';

export const ANY: readonly Role[] = ['operator', 'observer'];
export const OPERATOR: readonly Role[] = ['operator'];

/** This coordinator's own certificate, checked; one that ends soon is told. Throws InputError. */
export function credentials(context: Context, site: Site, roles: readonly Role[]): Credentials {
  const own = readCredentials(besideSite(context.siteFile(), site.pki), roles, site.name, Date.now()), days = daysLeft(own.notAfterMs, Date.now());
  const remedy = new X509Certificate(own.ca).validToDate.getTime() > own.notAfterMs ? `another: tandem pki issue ${own.holder.name} --role ${own.holder.role}`
    : 'the authority of the site ends with it: a new one is needed (move the pki folder away, tandem pki init), and all are enrolled anew';
  if (days < WARN_DAYS) context.tell(`Note: ${own.file} expires on ${day(new Date(own.notAfterMs))}, in ${String(days)} days; ${remedy}`);
  return own;
}

/** Reads who was revoked. Throws InputError where this coordinator's own certificate was. */
export async function checkInForce({ revocations, serial, file, holder }: Credentials): Promise<void> {
  await revocations.read();
  const since = revocations.revoked(serial);
  if (since !== undefined) throw new InputError([problem({ file, line: 1, column: 1 }, `a certificate that was revoked on ${day(since)}`, `one in force (tandem pki issue ${holder.name} --role ${holder.role} makes another)`)]);
}

/** Does something with a link to each host, and lets go of all of them whatever happens. */
export async function withLinks<T>(hosts: readonly Pick<PlanHost, 'name' | 'address' | 'port'>[], own: Credentials, use: (links: Map<string, Link>) => Promise<T>): Promise<T> {
  await checkInForce(own);
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
