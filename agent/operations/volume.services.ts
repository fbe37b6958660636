import * as z from 'zod';
import { seen } from '../cloud/answering.ts';
import { answeredAtS } from '../cloud/heartbeat.ts';
import { judgeServices, type ServiceRow } from '../cloud/services.ts';
import { openCloud } from '../cloud/session.ts';
import { cinderServices } from '../cloud/tables.ts';
import { ASSERTION_TIMEOUT_S, deadlineS, rcFile, serviceHost, volumeType } from './cloud-args.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  services: z.array(z.strictObject({
    binary: z.string().min(1).describe('Binary, e.g. cinder-volume.'),
    host: serviceHost.describe('Host by the name that the service reports; HOST@BACKEND where there are several backends.'),
    status: z.enum(['enabled', 'disabled']).default('enabled').describe('Whether it takes work.'),
  })).min(1).describe('Services that must be up.'),
  serviceType: volumeType,
  maxAgeS: z.int().min(10).max(600).default(60).describe('Seconds since its last report after which a service is not believed, whatever its state says.'),
  deadlineS: deadlineS(180),
});

/** Services of the volume service are up (mission row C35): a dead one is shown up for a minute, so its last report must be young. */
export const volumeServices = operation({
  name: 'volume.services', summary: 'Services of the volume service are up and have reported of late.', args, timeoutS: ASSERTION_TIMEOUT_S, mayKill: true,
  describe: (a) => `${a.services.map((one) => `${one.binary} on ${one.host} (${one.status})`).join(', ')} up, last report at most ${a.maxAgeS} s old, within ${a.deadlineS} s`,
  deadlineS: (a) => a.deadlineS,
  touches: (a) => ({ paths: [a.rcFile] }),
  check: (probe, a) => seen(async () => {
    const cloud = await openCloud(probe, a.rcFile);
    const answer = await cloud.ask(a.serviceType, '/os-services');
    const { services } = cloud.read<{ services: ServiceRow[] }>(a.serviceType, '/os-services', answer);
    return finding({ services: services.length, table: cinderServices(services) }, judgeServices(services, a.services, answeredAtS(answer), a.maxAgeS));
  }),
});
