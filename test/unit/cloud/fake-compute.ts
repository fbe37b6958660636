import type { ActMethod, Host, HttpAnswer, HttpRequest } from '../../../agent/host/host.ts';
import { admitLook } from '../../../agent/host/network.ts';
import { recordedHost, recordingSchema } from '../recorded-host.ts';

export interface FakeServer {
  id: string; name: string; status: string; host: string | null; task: string | null; power: number;
  metadata: Record<string, string>; launched: boolean; deleted: boolean; tenant?: string; fault?: { code: number; message: string };
  /** What it was before a cold migration. */
  before?: string;
}
interface FakeMigration { id: number; instance_uuid: string; status: string; source_compute: string; dest_compute: string; old_instance_type_id: number; new_instance_type_id: number }
interface FakeNode { host: string; version: number; status: string; state: string; reason: string | null }

const POWER: Record<string, number> = { ACTIVE: 1, SHUTOFF: 4, PAUSED: 3, SUSPENDED: 7, ERROR: 0, VERIFY_RESIZE: 1 };
const VM: Record<string, string> = { ACTIVE: 'active', SHUTOFF: 'stopped', PAUSED: 'paused', SUSPENDED: 'suspended', ERROR: 'error', VERIFY_RESIZE: 'resized', BUILD: 'building' };

/**
 * A STAND-IN for the compute service, of states and rules as they were seen on the real one: what is refused with which status and
 * message, what is accepted and does nothing, what a failed live migration leaves behind. Time is the test's own.
 */
export class FakeCompute {
  servers: FakeServer[] = [];
  migrations: FakeMigration[] = [];
  nodes: FakeNode[] = [];
  /** `VERB what`, in order. */
  done: string[] = [];
  delayMs = 3000;
  /** Where the scheduler puts cold migrations and boots without a host; undefined: no valid host. */
  scheduler: string | undefined;
  /** The later release answers 400 to a cold migration without a valid host, the older one 202. */
  refusesNoHost = false;
  /** By instance name. `left`: 400 and task_state migrating stays; `hangs`: 202 and it stays; `nothing`: 202 and rolled back; `older`: 400 of a nova without the fix of LP 1402813. */
  liveFails = new Map<string, 'left' | 'hangs' | 'nothing' | 'refused' | 'older'>();
  /** Hosts whose calls are not understood: a boot stays in BUILD, a console is 500. */
  deaf = new Set<string>();
  /** So many at a time, at the most. */
  mostUnderWay = 0;
  /** Called with what was done, so that a test can kill the drain there. */
  onAct: (what: string) => void = () => undefined;
  /** Instances that are off after a cold migration, whatever they were. */
  diesInMove = new Set<string>();
  /** Instances whose look is answered with 500. */
  unseen = new Set<string>();
  private next = 1;

  add(name: string, status: string, host: string, over: Partial<FakeServer> = {}): FakeServer {
    const server = { id: `00000000-0000-4000-8000-${String(this.servers.length + 1).padStart(12, '0')}`, name, status, host, task: null, power: POWER[status] ?? 0, metadata: {}, launched: true, deleted: false, ...over };
    this.servers.push(server);
    return server;
  }

  node(host: string, version = 1_005_003, over: Partial<FakeNode> = {}): void { this.nodes.push({ host, version, status: 'enabled', state: 'up', reason: null, ...over }); }

  host(): Host {
    const base = recordedHost(recordingSchema.parse({ files: { '/root/rc': 'export OS_USERNAME=admin\nexport OS_TENANT_NAME=admin\nexport OS_PASSWORD=x\nexport OS_AUTH_URL=http://c:5000/v2.0\n' }, secrets: { 'rc:/root/rc#OS_PASSWORD': 'x' } }));
    return { ...base, progress: (text) => { this.done.push(`# ${text}`); }, http: async (request) => { admitLook(request); return this.get(request); }, send: async (request) => this.act(request) };
  }

  private get({ url }: HttpRequest): HttpAnswer {
    const { pathname: path, searchParams: query } = new URL(url);
    if (path === '/v2.0/tokens') return json({ access: { token: { id: 't', tenant: { id: 'T' } }, serviceCatalog: [['identity', 'http://c:5000/v2.0'], ['compute', 'http://c:8774/v2/T'], ['image', 'http://c:9292'], ['network', 'http://c:9696']].map(([type, at]) => ({ type, name: type, endpoints: [{ publicURL: at, adminURL: at }] })) } });
    if (path === '/v2.0/OS-KSADM/services') return json({ 'OS-KSADM:services': [] });
    if (path === '/v2/images') return json({ images: [{ id: 'image-1', name: 'cirros' }] });
    if (path === '/v2.0/networks') return json({ networks: [{ id: 'net-1', name: 'private' }, { id: 'net-2', name: 'twice' }, { id: 'net-3', name: 'twice' }] });
    const rest = path.replace('/v2/T', '');
    if (rest === '/flavors/detail') return json({ flavors: [{ id: 'flavor-1', name: 'm1.tiny' }] });
    if (rest === '/os-services') return json({ services: this.nodes.map((one) => ({ binary: 'nova-compute', host: one.host, status: one.status, state: one.state, updated_at: null, disabled_reason: one.reason })) });
    if (rest === '/os-hypervisors/detail') return json({ hypervisors: this.nodes.map((one) => ({ hypervisor_version: one.version, service: { host: one.host } })) });
    if (rest === '/os-migrations') return json({ migrations: this.migrations });
    if (rest === '/servers/detail') {
      const wanted = this.servers.filter((one) => one.deleted === query.has('deleted') && (query.get('host') ?? one.host) === one.host && one.name.includes(query.get('name') ?? ''));
      return json({ servers: query.has('marker') ? [] : wanted.map(shown) });
    }
    const server = this.servers.find((one) => rest === `/servers/${one.id}` && !one.deleted);
    if (server !== undefined && this.unseen.has(server.name)) return fault(500, 'computeFault', 'The server has either erred or is incapable of performing the requested operation.');
    return server === undefined ? fault(404, 'itemNotFound', 'The resource could not be found.') : json({ server: shown(server) });
  }

  private act({ method, url, body }: HttpRequest<ActMethod>): HttpAnswer {
    const rest = new URL(url).pathname.replace('/v2/T', ''), given = JSON.parse(body ?? '{}') as Record<string, unknown>;
    const service = /^\/os-services\/(.*)$/.exec(rest)?.[1];
    if (service !== undefined) {
      const node = this.nodes.find((one) => one.host === given['host'])!;
      node.status = service === 'enable' ? 'enabled' : 'disabled';
      node.reason = (given['disabled_reason'] as string | undefined) ?? null;
      return json({ service: given });
    }
    if (method === 'POST' && rest === '/servers') return this.boot(given['server'] as { name: string; availability_zone: string });
    const server = this.servers.find((one) => rest.startsWith(`/servers/${one.id}`) && !one.deleted);
    if (server === undefined) return fault(404, 'itemNotFound', 'Instance could not be found');
    const what = method === 'POST' && rest.endsWith('/action') ? Object.keys(given)[0]! : `${method} ${rest.slice(`/servers/${server.id}`.length)}`;
    this.done.push(`${what} ${server.name}`);
    this.onAct(`${what} ${server.name}`);
    return this.action(server, what, given);
  }

  private boot({ name, availability_zone: zone }: { name: string; availability_zone: string }): HttpAnswer {
    const host = zone.split(':')[1] ?? '', server = this.add(name, 'BUILD', host, { host: null, task: 'scheduling', launched: false, power: 0 });
    this.done.push(`boot ${name} on ${host}`);
    this.onAct(`boot ${name}`);
    if (this.deaf.has(host)) return { ...json({ server: { id: server.id } }), status: 202 };
    this.later(server, () => {
      if (this.nodes.some((one) => one.host === host)) Object.assign(server, { status: 'ACTIVE', host, power: 1, launched: true });
      else Object.assign(server, { status: 'ERROR', fault: { code: 500, message: 'No valid host was found. ' } });
    });
    return { ...json({ server: { id: server.id } }), status: 202 };
  }

  private later(server: FakeServer, then: () => void): void {
    this.mostUnderWay = Math.max(this.mostUnderWay, this.servers.filter((one) => one.task !== null).length);
    setTimeout(() => { server.task = null; then(); }, this.delayMs);
  }

  private action(server: FakeServer, what: string, given: Record<string, unknown>): HttpAnswer {
    const accepted = { status: 202, headers: {}, body: '' };
    const conflict = (): HttpAnswer => fault(409, 'conflictingRequest', `Cannot '${what}' while instance is in vm_state ${VM[server.status] ?? ''}`);
    const turn = (from: string[], to: string, task: string): HttpAnswer => {
      if (!from.includes(server.status) || server.task !== null) return conflict();
      server.task = task;
      this.later(server, () => { server.status = to; server.power = POWER[to] ?? 0; });
      return accepted;
    };
    switch (what) {
      case 'pause': return turn(['ACTIVE'], 'PAUSED', 'pausing');
      case 'unpause': return turn(['PAUSED'], 'ACTIVE', 'unpausing');
      case 'suspend': return turn(['ACTIVE'], 'SUSPENDED', 'suspending');
      case 'resume': return turn(['SUSPENDED'], 'ACTIVE', 'resuming');
      case 'os-stop': return turn(['ACTIVE', 'ERROR'], 'SHUTOFF', 'powering-off');
      case 'os-resetState':
        server.status = (given[what] as { state: string }).state === 'error' ? 'ERROR' : 'ACTIVE';
        server.power = server.status === 'ACTIVE' ? 1 : server.power;
        return accepted;
      case 'os-getConsoleOutput': return this.deaf.has(server.host ?? '') ? fault(500, 'computeFault', 'The server has either erred or is incapable of performing the requested operation.') : json({ output: 'LAST LINE' });
      case 'os-migrateLive': return this.live(server, (given[what] as { host: string }).host, conflict);
      case 'migrate': return this.cold(server, conflict);
      case 'confirmResize': case 'revertResize': return this.endResize(server, what, conflict);
      case 'DELETE ': server.task = 'deleting'; this.later(server, () => { server.deleted = true; server.status = 'DELETED'; }); return { ...accepted, status: 204 };
      case 'PUT ': server.name = (given['server'] as { name: string }).name; return json({ server: shown(server) });
      case 'POST /metadata':
        if (!['ACTIVE', 'PAUSED', 'SUSPENDED', 'SHUTOFF'].includes(server.status)) return conflict();
        Object.assign(server.metadata, given['metadata']);
        return json({ metadata: server.metadata });
      case 'DELETE /metadata/tandem_drain':
        if (!['ACTIVE', 'PAUSED', 'SUSPENDED', 'SHUTOFF'].includes(server.status)) return conflict();
        delete server.metadata['tandem_drain'];
        return { ...accepted, status: 204 };
      default: return fault(400, 'badRequest', `There is no such action: ${what}`);
    }
  }

  private live(server: FakeServer, target: string, conflict: () => HttpAnswer): HttpAnswer {
    if (server.status !== 'ACTIVE' || server.task !== null) return conflict();
    const [from, to] = [server.host, target].map((host) => this.nodes.find((one) => one.host === host));
    if (to?.state !== 'up') return fault(400, 'badRequest', `Compute service of ${target} is unavailable at this time.`);
    if (from !== undefined && to.version < from.version) return fault(400, 'badRequest', 'The instance requires a newer hypervisor version than has been provided.');
    const fails = this.liveFails.get(server.name);
    if (fails === 'refused') return fault(400, 'badRequest', `${target} is not on shared storage: Live migration can not be used without shared storage.`);
    if (fails === 'older') return fault(400, 'badRequest', `Host ${server.host ?? ''} is running an old version of Nova, live migrations involving that version may cause data loss. Upgrade Nova on ${server.host ?? ''} and try again.`);
    server.task = 'migrating';
    if (fails === 'left') return fault(400, 'badRequest', `Migration of instance ${server.id} to host ${target} failed`);
    if (fails !== 'hangs') this.later(server, () => { if (fails === undefined) server.host = target; });
    return { status: 202, headers: {}, body: '' };
  }

  private cold(server: FakeServer, conflict: () => HttpAnswer): HttpAnswer {
    if (!['ACTIVE', 'SHUTOFF'].includes(server.status) || server.task !== null) return conflict();
    const to = this.scheduler, from = server.host ?? '';
    if (to === undefined) return this.refusesNoHost ? fault(400, 'badRequest', 'No valid host was found. No valid host found for cold migrate') : { status: 202, headers: {}, body: '' };
    server.task = 'resize_prep';
    server.before = server.status;
    this.later(server, () => {
      Object.assign(server, { host: to, status: 'VERIFY_RESIZE', power: this.diesInMove.has(server.name) ? 4 : POWER[server.before ?? ''] ?? 0 });
      this.migrations.push({ id: this.next++, instance_uuid: server.id, status: 'finished', source_compute: from, dest_compute: to, old_instance_type_id: 6, new_instance_type_id: 6 });
    });
    return { status: 202, headers: {}, body: '' };
  }

  private endResize(server: FakeServer, what: string, conflict: () => HttpAnswer): HttpAnswer {
    const migration = this.migrations.findLast((one) => one.instance_uuid === server.id && one.status === 'finished');
    if (server.status !== 'VERIFY_RESIZE' || server.task !== null) return conflict();
    if (migration === undefined) return fault(400, 'badRequest', 'Instance has not been resized.');
    server.task = what === 'confirmResize' ? null : 'resize_reverting';
    migration.status = what === 'confirmResize' ? 'confirming' : 'reverting';
    const end = (): void => {
      migration.status = what === 'confirmResize' ? 'confirmed' : 'reverted';
      if (what === 'revertResize') server.host = migration.source_compute;
      server.status = server.before ?? 'ACTIVE';
    };
    this.later(server, end);
    return { status: what === 'confirmResize' ? 204 : 202, headers: {}, body: '' };
  }
}

const json = (value: unknown): HttpAnswer => ({ status: 200, headers: {}, body: JSON.stringify(value) });
const fault = (status: number, kind: string, message: string): HttpAnswer => ({ status, headers: {}, body: JSON.stringify({ [kind]: { message, code: status } }) });
const shown = (one: FakeServer): object => ({
  id: one.id, name: one.name, status: one.task === 'resize_prep' ? 'RESIZE' : one.task === 'migrating' ? 'MIGRATING' : one.status, tenant_id: one.tenant ?? 'T', metadata: one.metadata, ...(one.fault === undefined ? {} : { fault: one.fault }),
  addresses: { private: [{ addr: '10.5.0.2', version: 4, 'OS-EXT-IPS:type': 'fixed' }] },
  'OS-EXT-SRV-ATTR:host': one.host, 'OS-EXT-STS:task_state': one.task, 'OS-EXT-STS:vm_state': VM[one.status] ?? '', 'OS-EXT-STS:power_state': one.power, 'OS-SRV-USG:launched_at': one.launched ? '2026-11-23T07:00:08.000000' : null,
});
