import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { select } from '../facts/database.ts';
import type { HttpAnswer, HttpRequest, Probe } from '../host/host.ts';
import { parseRc } from '../parse/rc.ts';
import { defaultsFile, identifier } from './database-args.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile: absolutePath.describe('File with `export OS_USERNAME=`, OS_TENANT_NAME, OS_PASSWORD and OS_AUTH_URL (v2.0).'),
  services: z.array(z.strictObject({ type: z.string().describe('Type, e.g. identity.'), name: z.string().describe('Name, e.g. keystone.') })).default([])
    .describe('Services that the catalog must hold, beside what the database says.'),
  schema: identifier.optional().describe('Database whose restored services and endpoints the API must give back, all of them and no other.'),
  defaultsFile,
  deadlineS: z.number().int().min(0).max(600).default(30).describe('Seconds within which the service must answer so.'),
});
type Args = z.infer<typeof args>;
interface Access { token: { id: string }; serviceCatalog: { type: string; name: string; endpoints: { adminURL?: string }[] }[] }

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
  async check(probe, a) {
    try {
      return await look(probe, a);
    } catch (error) {
      if (!(error instanceof StepError) || error.code !== 'command_failed') throw error;
      return finding(null, [{ what: 'identity service', found: error.message, wanted: 'an answer' }]);
    }
  },
});

async function look(probe: Probe, a: Args): Promise<ReturnType<typeof finding>> {
  const text = await probe.readFile(a.rcFile);
  if (text === undefined) throw new StepError('precondition_failed', `${a.rcFile} is not there; restore it first`);
  const rc = parseRc(text);
  const value = (name: string): string => rc.get(name) ?? (() => { throw new StepError('precondition_failed', `${a.rcFile} does not set ${name}`); })();
  const url = value('OS_AUTH_URL').replace(/\/+$/, '');
  const credentials = { username: value('OS_USERNAME'), password: await probe.secret(`rc:${a.rcFile}#OS_PASSWORD`) };
  const asked = await ask(probe, { method: 'POST', url: `${url}/tokens`, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth: { passwordCredentials: credentials, tenantName: value('OS_TENANT_NAME') } }) });
  if (asked.status !== 200) return finding(null, [{ what: `token for ${credentials.username}`, found: `HTTP ${String(asked.status)}`, wanted: '200' }]);
  const { access } = json(asked) as { access: Access };
  const admin = (access.serviceCatalog.find((one) => one.type === 'identity')?.endpoints[0]?.adminURL ?? url).replace(/\/+$/, '');
  const get = async (path: string): Promise<HttpAnswer> => await ask(probe, { method: 'GET', url: `${admin}${path}`, headers: { 'x-auth-token': access.token.id } });
  const [services, endpoints] = [await get('/OS-KSADM/services'), await get('/endpoints')];
  if (services.status !== 200 || endpoints.status !== 200) {
    return finding(null, [{ what: `services and endpoints for ${credentials.username} at ${admin}`, found: `HTTP ${String(services.status)} and ${String(endpoints.status)}`, wanted: '200 and 200: an administrator' }]);
  }
  const given = (json(services) as { 'OS-KSADM:services': { id: string; type: string; name: string }[] })['OS-KSADM:services'];
  const nameOf = new Map(given.map((one) => [one.id, `${one.type} ${one.name}`]));
  const urls = (json(endpoints) as { endpoints: Record<string, string>[] }).endpoints
    .flatMap((one) => ['public', 'internal', 'admin'].flatMap((kind) => (one[`${kind}url`] === undefined ? [] : [`${one['service_id'] ?? ''} ${kind} ${one[`${kind}url`] ?? ''}`])));
  const differences = compare('service', [...nameOf.values()], a.services.map((one) => `${one.type} ${one.name}`), false);
  if (a.schema !== undefined) {
    const rows = await select(probe, a.defaultsFile, `SELECT 'service', id, type FROM \`${a.schema}\`.\`service\``, `SELECT 'endpoint', service_id, interface, url FROM \`${a.schema}\`.\`endpoint\``);
    differences.push(...compare('service', given.map((one) => `${one.id} ${one.type}`), rows.filter((row) => row[0] === 'service').map((row) => row.slice(1).join(' ')), true));
    differences.push(...compare('endpoint', urls, rows.filter((row) => row[0] === 'endpoint').map((row) => row.slice(1).join(' ')), true));
  }
  return finding({ services: given.length, endpoints: urls.length }, differences);
}

/** An answer that is no JSON is a fault of the service; the parser's own words could quote what is in it. */
function json(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(answer.body);
  } catch {
    throw new StepError('command_failed', `HTTP ${String(answer.status)} with a body that is not JSON`);
  }
}

const ask = async (probe: Probe, request: HttpRequest): Promise<HttpAnswer> => await probe.http({ ...request, timeoutS: 15 });

/** What the API lacks of the expected, and, where the lists must be equal, what it has beside. */
function compare(what: string, found: string[], wanted: string[], equal: boolean): Difference[] {
  const lacks = wanted.filter((one) => !found.includes(one)).map((one) => ({ what: `${what} ${one}`, found: 'not in the catalog', wanted: 'present' }));
  const beside = equal ? found.filter((one) => !wanted.includes(one)).map((one) => ({ what: `${what} ${one}`, found: 'in the catalog', wanted: 'not in the database' })) : [];
  return [...lacks, ...beside];
}
