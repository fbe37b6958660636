import * as z from 'zod';
import { seen } from '../cloud/answering.ts';
import { answeredAtS } from '../cloud/heartbeat.ts';
import { judgeOthers, judgeServices, type ServiceRow } from '../cloud/services.ts';
import { openCloud } from '../cloud/session.ts';
import { novaServices } from '../cloud/tables.ts';
import { ASSERTION_TIMEOUT_S, deadlineS, rcFile, serviceHost } from './cloud-args.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  services: z.array(z.strictObject({
    binary: z.string().min(1).describe('Binary, e.g. nova-compute.'),
    host: serviceHost.describe('Host by the name that the service reports.'),
    status: z.enum(['enabled', 'disabled', 'any']).default('enabled').describe('Whether it takes work; any: not asked.'),
  })).min(1).describe('Services that must be up.'),
  onlyThese: z.array(z.string().min(1)).default([]).describe('Binaries of which no service may be known but those in `services`, be it disabled or down.'),
  maxAgeS: z.int().min(10).max(600).default(60).describe('Seconds since its last report after which a service is not believed, whatever its state says.'),
  deadlineS: deadlineS(180),
});

/** Services of the compute service are up and take work as wanted (mission rows C57, N25, U1). Green rows are no proof that calls get through: see metadata.answered and compute.canary. */
export const computeServices = operation({
  name: 'compute.services', summary: 'Services of the compute service are up, enabled or disabled as wanted, and have reported of late.', args, timeoutS: ASSERTION_TIMEOUT_S, mayKill: true,
  describe: (a) => `${a.services.map((one) => `${one.binary} on ${one.host} (${one.status})`).join(', ')} up, last report at most ${a.maxAgeS} s old, ${a.onlyThese.length === 0 ? '' : `no other ${a.onlyThese.join(', ')} known, `}within ${a.deadlineS} s`,
  deadlineS: (a) => a.deadlineS,
  touches: (a) => ({ paths: [a.rcFile] }),
  check: (probe, a) => seen(async () => {
    const cloud = await openCloud(probe, a.rcFile);
    const answer = await cloud.ask('compute', '/os-services');
    const { services } = cloud.read<{ services: ServiceRow[] }>('compute', '/os-services', answer);
    return finding({ services: services.length, table: novaServices(services) }, [...judgeServices(services, a.services, answeredAtS(answer), a.maxAgeS), ...judgeOthers(services, a.services, a.onlyThese)]);
  }),
});
