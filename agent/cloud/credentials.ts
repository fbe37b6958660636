import { StepError } from '../../proto/errors.ts';
import type { HttpRequest, Probe } from '../host/host.ts';
import { parseRc } from '../parse/rc.ts';

/** Who asks, and where: an rc file's values without its password. */
export interface Credentials {
  rcFile: string;
  version: 2 | 3;
  /** Without a slash at its end; with its version. */
  authUrl: string;
  user: string;
  project: string;
  userDomain: Domain;
  projectDomain: Domain;
  /** Regions and interfaces of the catalog that are used. */
  region: string | undefined;
  interface: 'public' | 'internal' | 'admin';
}
type Domain = { id: string } | { name: string };

/** Reads an rc file. Throws StepError precondition_failed where it is missing or incomplete. */
export async function readCredentials(probe: Probe, rcFile: string): Promise<Credentials> {
  const text = await probe.readFile(rcFile);
  if (text === undefined) throw new StepError('precondition_failed', `${rcFile} is not there; restore it first`);
  const rc = parseRc(text);
  const value = (...names: string[]): string => {
    for (const name of names) { const found = rc.get(name); if (found !== undefined && found !== '') return found; }
    throw new StepError('precondition_failed', `${rcFile} does not set ${names.join(' or ')}`);
  };
  const domain = (of: string): Domain => {
    const id = rc.get(`OS_${of}_DOMAIN_ID`), name = rc.get(`OS_${of}_DOMAIN_NAME`);
    return id === undefined && name !== undefined ? { name } : { id: id ?? 'default' };
  };
  const url = value('OS_AUTH_URL').replace(/\/+$/, ''), named = /\/v([23])(?:\.\d+)?$/.exec(url)?.[1];
  const version = (named ?? rc.get('OS_IDENTITY_API_VERSION') ?? '2').startsWith('3') ? 3 : 2;
  const kind = /^(public|internal|admin)/.exec(rc.get('OS_ENDPOINT_TYPE') ?? rc.get('OS_INTERFACE') ?? 'public')?.[1];
  return {
    rcFile, version, authUrl: named === undefined ? `${url}/${version === 3 ? 'v3' : 'v2.0'}` : url,
    user: value('OS_USERNAME'), project: value('OS_TENANT_NAME', 'OS_PROJECT_NAME'), userDomain: domain('USER'), projectDomain: domain('PROJECT'),
    region: rc.get('OS_REGION_NAME'), interface: (kind ?? 'public') as Credentials['interface'],
  };
}

/** The request for a token. */
export async function tokenRequest(probe: Probe, by: Credentials): Promise<HttpRequest> {
  const password = await probe.secret(`rc:${by.rcFile}#OS_PASSWORD`);
  const body = by.version === 2
    ? { auth: { passwordCredentials: { username: by.user, password }, tenantName: by.project } }
    : { auth: { identity: { methods: ['password'], password: { user: { name: by.user, domain: by.userDomain, password } } }, scope: { project: { name: by.project, domain: by.projectDomain } } } };
  return { method: 'POST', url: `${by.authUrl}${by.version === 2 ? '' : '/auth'}/tokens`, headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify(body) };
}
