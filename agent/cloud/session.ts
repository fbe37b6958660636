import { StepError } from '../../proto/errors.ts';
import type { ActMethod, Host, HttpAnswer, HttpDigest, Probe } from '../host/host.ts';
import { faultMessage, nextPage } from '../parse/api-answer.ts';
import { readCredentials, type Credentials } from './credentials.ts';
import { endpointOf, issueToken, json, type Token } from './token.ts';

export interface IdentityService { id: string; type: string; name: string }

/** The cloud as an administrator sees it, through its REST APIs. Each call has a deadline of its own and names the service in its errors. */
export interface Cloud {
  user: string;
  tenantId: string;
  /** 2: v2.0. */
  identityVersion: 2 | 3;
  /** The services that the identity service knows: only an administrator gets them. */
  services: IdentityService[];
  /** Any answer; throws StepError command_failed for none, and for a 401 with its cause. */
  ask(type: string, path: string): Promise<HttpAnswer>;
  /** The JSON of an answer 200; any other is a StepError command_failed. */
  read<T>(type: string, path: string, answer: HttpAnswer): T;
  get<T>(type: string, path: string): Promise<T>;
  /** All pages of a list. Where a service does not link its pages, it is asked after the last one until nothing new comes. */
  list<T extends { id: string }>(type: string, path: string, key: string): Promise<T[]>;
  /** Reads a body and keeps none of it. */
  digest(type: string, path: string, times: { timeoutS: number; stallS: number }): Promise<HttpDigest>;
  /** Changes something. Any answer; throws as `ask`. */
  act(host: Host, type: string, method: ActMethod, path: string, body?: unknown): Promise<HttpAnswer>;
}

/** A token is asked for once a step and credentials, also by an assertion that looks every second. */
const opened = new WeakMap<Probe, Map<string, Cloud>>();

/** Services whose last page is known by having no link to a next one. */
const LINKS_OR_GIVES_ALL = ['compute', 'network'];

/** Seconds for one look: a service that cannot reach the identity service answers after 3.5 s, one without its broker never. */
const LOOK_S = 20;
/** Seconds for one act: some answer only after the RPC timeout (60 s), with the reason for which they failed. */
const ACT_S = 90;

/**
 * Opens the cloud with the credentials of an rc file and proves that they are an administrator's: to others the services give
 * empty or cut lists, with status 200. Throws StepError precondition_failed for the file, command_failed for the rest.
 */
export async function openCloud(probe: Probe, rcFile: string): Promise<Cloud> {
  const kept = opened.get(probe)?.get(rcFile);
  if (kept !== undefined) return kept;
  const by = await readCredentials(probe, rcFile);
  const cloud = await prove(probe, by, await issueToken(probe, by, LOOK_S));
  opened.set(probe, (opened.get(probe) ?? new Map<string, Cloud>()).set(rcFile, cloud));
  return cloud;
}

type Call = (url: string, headers: Record<string, string>) => Promise<HttpAnswer>;

async function prove(probe: Probe, by: Credentials, first: Token): Promise<Cloud> {
  let token = first;
  const base = (type: string): string => (type === 'identity' ? identityUrl(token, by) : endpointOf(token, by, type));

  /** A 401 is no proof of bad credentials: the services give it too when they cannot ask the identity service. So that one is asked. */
  async function call<A extends { status: number }>(type: string, path: string, send: (url: string, headers: Record<string, string>) => Promise<A>): Promise<A> {
    const once = (): Promise<A> => send(`${base(type)}${path}`, { accept: 'application/json', 'x-auth-token': token.id });
    const answer = await once();
    if (answer.status !== 401) return answer;
    try {
      token = await issueToken(probe, by, LOOK_S);
    } catch (error) {
      if (!(error instanceof StepError) || error.code !== 'command_failed') throw error;
      throw new StepError('command_failed', `the ${type} service answers 401, and the reason is not its own: ${error.message}`);
    }
    const again = await once(); // whatever it is, a request that was refused so was not begun
    if (again.status !== 401) return again;
    throw new StepError('command_failed', `the ${type} service answers 401 to a token that the identity service has just issued: it does not reach that service, or has bad credentials of its own`);
  }

  const look: Call = (url, headers) => probe.http({ method: 'GET', url, headers, timeoutS: LOOK_S });
  const cloud: Cloud = {
    user: by.user, tenantId: token.tenantId, identityVersion: by.version, services: [],
    ask: (type, path) => call(type, path, look),
    get: async <T>(type: string, path: string): Promise<T> => cloud.read<T>(type, path, await cloud.ask(type, path)),
    read<T>(type: string, path: string, answer: HttpAnswer): T {
      if (answer.status !== 200) throw new StepError('command_failed', `the ${type} service answers HTTP ${String(answer.status)} to GET ${path}: ${faultMessage(answer.body)}`);
      return json(type, answer) as T;
    },
    async list<T extends { id: string }>(type: string, path: string, key: string): Promise<T[]> {
      const all = new Map<string, T>();
      for (let at = path; ;) {
        const page = await cloud.get<Record<string, unknown>>(type, at);
        const fresh = (page[key] as T[] | undefined ?? []).filter((one) => !all.has(one.id));
        for (const one of fresh) all.set(one.id, one);
        const last = fresh.at(-1);
        const next = nextPage(page, key);
        if (last === undefined || (next === undefined && LINKS_OR_GIVES_ALL.includes(type))) return [...all.values()];
        const marker = new URL(next ?? '', 'http://next/').searchParams.get('marker') ?? last.id;
        at = `${path}${path.includes('?') ? '&' : '?'}marker=${encodeURIComponent(marker)}`;
      }
    },
    digest: (type, path, times) => call(type, path, (url, { accept: _any, ...headers }) => probe.digest({ url, headers, ...times })),
    act: (host, type, method, path, body) => call(type, path, (url, headers) => host.send({
      method, url, timeoutS: ACT_S, headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })),
  };
  const asked = by.version === 2 ? '/OS-KSADM/services' : '/services';
  const answer = await cloud.ask('identity', asked);
  if (answer.status !== 200) {
    throw new StepError('command_failed', `${by.user} is no administrator (HTTP ${String(answer.status)} to GET ${asked} of the identity service: ${faultMessage(answer.body)}), and would be given lists with something left out`);
  }
  const given = json('identity', answer) as Record<string, IdentityService[]>;
  cloud.services.push(...given[by.version === 2 ? 'OS-KSADM:services' : 'services'] ?? []);
  return cloud;
}

/** v2.0 has its administrator's half at another address; v3 is where the token comes from, whatever the catalog says. */
function identityUrl(token: Token, by: Credentials): string {
  if (by.version === 3) return by.authUrl;
  try {
    return endpointOf(token, by, 'identity', 'admin');
  } catch (error) {
    if (error instanceof StepError) return by.authUrl; // a catalog without it is what identity.catalog reports
    throw error;
  }
}
