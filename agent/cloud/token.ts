import { StepError } from '../../proto/errors.ts';
import type { HttpAnswer, Probe } from '../host/host.ts';
import { faultMessage } from '../parse/api-answer.ts';
import { tokenRequest, type Credentials } from './credentials.ts';

/** A token and where its catalog says that the services are. */
export interface Token { id: string; tenantId: string; catalog: CatalogEntry[] }
export interface CatalogEntry { type: string; name: string; endpoints: { interface: string; region: string; url: string }[] }

interface V2 { access: { token: { id: string; tenant?: { id: string } }; serviceCatalog: { type: string; name: string; endpoints: Record<string, string>[] }[] } }
interface V3 { token: { project?: { id: string }; catalog?: { type: string; name?: string; endpoints: { interface: string; region?: string | null; url: string }[] }[] } }

/** An answer that is no JSON is a fault of the service; the parser's own words could quote what is in it. */
export function json(service: string, answer: HttpAnswer): unknown {
  try {
    return JSON.parse(answer.body);
  } catch {
    throw new StepError('command_failed', `the ${service} service answers HTTP ${String(answer.status)} with a body that is not JSON`);
  }
}

/**
 * A new token. Throws StepError command_failed that tells the identity service's own refusal (401: these credentials are
 * not good) from its being out of order: only the service that issues tokens can say which it is.
 */
export async function issueToken(probe: Probe, by: Credentials, timeoutS: number): Promise<Token> {
  const answer = await probe.http({ ...await tokenRequest(probe, by), timeoutS });
  if (answer.status === 401) throw new StepError('command_failed', `the identity service itself refuses the credentials of ${by.user} in ${by.rcFile} (HTTP 401)`);
  if (answer.status !== (by.version === 2 ? 200 : 201)) {
    throw new StepError('command_failed', `the identity service answers HTTP ${String(answer.status)} to a request for a token: ${faultMessage(answer.body)}`);
  }
  if (by.version === 3) {
    const { token } = json('identity', answer) as V3, id = answer.headers['x-subject-token'];
    if (id === undefined) throw new StepError('command_failed', 'the identity service issues a token without X-Subject-Token');
    const catalog = (token.catalog ?? []).map(({ type, name = '', endpoints }) => ({ type, name, endpoints: endpoints.map((one) => ({ interface: one.interface, region: one.region ?? '', url: one.url })) }));
    return { id, tenantId: token.project?.id ?? '', catalog };
  }
  const { access } = json('identity', answer) as V2;
  const catalog = access.serviceCatalog.map(({ type, name, endpoints }) => ({
    type, name, endpoints: endpoints.flatMap((one) => ['public', 'internal', 'admin'].flatMap((kind) => {
      const url = one[`${kind}URL`];
      return url === undefined ? [] : [{ interface: kind, region: one['region'] ?? '', url }];
    })),
  }));
  return { id: access.token.id, tenantId: access.token.tenant?.id ?? '', catalog };
}

/** Base address of a service, without a slash at its end; for image and network also without a version. Throws StepError command_failed. */
export function endpointOf(token: Token, by: Credentials, type: string, kind: string = by.interface): string {
  const entry = token.catalog.find((one) => one.type === type);
  const found = entry?.endpoints.find((one) => one.interface === kind && (by.region === undefined || one.region === by.region));
  if (found === undefined) {
    throw new StepError('command_failed', `the catalog of ${by.user} has no ${kind} endpoint of type ${type}${by.region === undefined ? '' : ` in region ${by.region}`} (it has ${token.catalog.map((one) => one.type).sort().join(', ') || 'nothing'})`);
  }
  const url = found.url.replace(/\/+$/, '');
  return type === 'image' || type === 'network' ? url.replace(/\/v\d+(?:\.\d+)?$/, '') : url;
}
