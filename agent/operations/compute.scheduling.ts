import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { refusal } from '../cloud/acts.ts';
import { findService, type ServiceRow } from '../cloud/services.ts';
import { openCloud } from '../cloud/session.ts';
import type { Host, Probe } from '../host/host.ts';
import { hostName, rcFile } from './cloud-args.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  host: hostName.describe('Compute host by the name that the compute service knows.'),
  binary: z.string().min(1).default('nova-compute').describe('Binary of its service.'),
  enabled: z.boolean().describe('Whether the scheduler may place instances there.'),
  reason: z.string().regex(/^[\x20-\x7e]{1,255}$/, 'expected 1 to 255 plain letters').optional().describe('Why it is disabled, for those who look at the list of services; of no use with enabled=true.'),
});
type Args = z.infer<typeof args>;
interface Setting { status: string; reason: string | null }

/** A compute host takes new instances, or does not (mission rows N0, N26). */
export const computeScheduling = operation({
  name: 'compute.scheduling', summary: 'A compute host is enabled for the scheduler, or disabled with a reason.', args, timeoutS: 300, mayKill: true,
  describe: (a) => (a.enabled ? `the scheduler may place instances on ${a.host}` : `the scheduler places nothing on ${a.host} (${a.reason ?? ''})`),
  touches: (a) => ({ paths: [a.rcFile] }),
  async check(probe, a) {
    const now = await read(probe, a), wanted = wantedOf(a);
    const same = now.status === wanted.status && (a.enabled || now.reason === wanted.reason);
    return finding({ ...now }, same ? [] : [{ what: `${a.binary} on ${a.host}`, found: text(now), wanted: text(wanted) }]);
  },
  async apply(host, a) { await set(host, a, wantedOf(a)); },
  async revert(host, a, found) { await set(host, a, found as unknown as Setting); },
});

const wantedOf = (a: Args): Setting => (a.enabled ? { status: 'enabled', reason: null } : { status: 'disabled', reason: a.reason ?? null });
const text = ({ status, reason }: Setting): string => `${status}${reason === null ? '' : ` (${reason})`}`;

async function read(probe: Probe, a: Args): Promise<Setting> {
  const cloud = await openCloud(probe, a.rcFile);
  const { services } = await cloud.get<{ services: ServiceRow[] }>('compute', `/os-services?binary=${encodeURIComponent(a.binary)}`);
  const row = findService(services, a);
  if (row === undefined) throw new StepError('precondition_failed', `the compute service knows no ${a.binary} on ${a.host} (it knows ${services.map((one) => one.host).sort().join(', ') || 'none'})`);
  return { status: row.status, reason: row.disabled_reason ?? null };
}

async function set(host: Host, a: Args, { status, reason }: Setting): Promise<void> {
  const cloud = await openCloud(host, a.rcFile);
  const verb = status === 'enabled' ? 'enable' : reason === null ? 'disable' : 'disable-log-reason'; // an empty reason is refused
  const answer = await cloud.act(host, 'compute', 'PUT', `/os-services/${verb}`, { host: a.host, binary: a.binary, ...(verb === 'disable-log-reason' ? { disabled_reason: reason } : {}) });
  if (answer.status !== 200) throw refusal('compute', `${verb} of ${a.binary} on ${a.host}`, answer);
}
