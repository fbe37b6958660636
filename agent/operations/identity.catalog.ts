import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { seen } from '../cloud/answering.ts';
import { openCloud } from '../cloud/session.ts';
import { keystoneEndpoints } from '../cloud/tables.ts';
import { select } from '../facts/database.ts';
import type { Probe } from '../host/host.ts';
import { defaultsFile, identifier } from './database-args.ts';
import { absolutePath } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';

const args = z.strictObject({
  rcFile: absolutePath.describe('File with `export OS_USERNAME=`, OS_TENANT_NAME, OS_PASSWORD and OS_AUTH_URL, of the identity API v2.0 or v3.'),
  services: z.array(z.strictObject({ type: z.string().describe('Type, e.g. identity.'), name: z.string().describe('Name, e.g. keystone.') })).default([])
    .describe('Services that the catalog must hold, beside what the database says.'),
  schema: identifier.optional().describe('Database whose restored services and endpoints the API must give back, all of them and no other.'),
  defaultsFile,
  deadlineS: z.number().int().min(0).max(600).default(30).describe('Seconds within which the service must answer so.'),
});
type Args = z.infer<typeof args>;
/** The identity service issues a token and gives the restored catalog back (mission row C29). The credentials are first proven to be an administrator's: others get empty or cut lists. */
export const identityCatalog = operation({
  name: 'identity.catalog',
  summary: 'The identity service issues a token to an administrator and its catalog is the expected one.',
  args,
  timeoutS: 660,
  mayKill: true,
  describe: (a) => `the identity service issues a token for the credentials in ${a.rcFile}, and its catalog equals ${a.schema === undefined ? 'the list of services' : `the rows of schema ${a.schema}`}`,
  deadlineS: (a) => a.deadlineS,
  touches: ({ rcFile, defaultsFile }) => ({ paths: [rcFile, defaultsFile] }),
  check: (probe, a) => seen(() => look(probe, a)),
});

async function look(probe: Probe, a: Args): Promise<Finding> {
  const cloud = await openCloud(probe, a.rcFile);
  const { endpoints } = await cloud.get<{ endpoints: Record<string, string>[] }>('identity', '/endpoints');
  const kinds = ['public', 'internal', 'admin'];
  const urls = cloud.identityVersion === 3
    ? endpoints.map((one) => `${one['service_id'] ?? ''} ${one['interface'] ?? ''} ${one['url'] ?? ''}`)
    : endpoints.flatMap((one) => kinds.flatMap((kind) => (one[`${kind}url`] === undefined ? [] : [`${one['service_id'] ?? ''} ${kind} ${one[`${kind}url`] ?? ''}`])));
  const differences = compare('service', cloud.services.map((one) => `${one.type} ${one.name}`), a.services.map((one) => `${one.type} ${one.name}`), false);
  if (a.schema !== undefined) {
    const rows = await select(probe, a.defaultsFile, `SELECT 'service', id, type FROM \`${a.schema}\`.\`service\``, `SELECT 'endpoint', service_id, interface, url FROM \`${a.schema}\`.\`endpoint\``);
    differences.push(...compare('service', cloud.services.map((one) => `${one.id} ${one.type}`), rows.filter((row) => row[0] === 'service').map((row) => row.slice(1).join(' ')), true));
    differences.push(...compare('endpoint', urls, rows.filter((row) => row[0] === 'endpoint').map((row) => row.slice(1).join(' ')), true));
  }
  return finding({ services: cloud.services.length, endpoints: urls.length, table: keystoneEndpoints(endpoints) }, differences);
}

/** What the API lacks of the expected, and, where the lists must be equal, what it has beside. */
function compare(what: string, found: string[], wanted: string[], equal: boolean): Difference[] {
  const lacks = wanted.filter((one) => !found.includes(one)).map((one) => ({ what: `${what} ${one}`, found: 'not in the catalog', wanted: 'present' }));
  const beside = equal ? found.filter((one) => !wanted.includes(one)).map((one) => ({ what: `${what} ${one}`, found: 'in the catalog', wanted: 'not in the database' })) : [];
  return [...lacks, ...beside];
}
