import { createHmac } from 'node:crypto';
import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { seen } from '../cloud/answering.ts';
import { openCloud } from '../cloud/session.ts';
import { fixedAddress, type Server } from '../cloud/servers.ts';
import { faultMessage } from '../parse/api-answer.ts';
import { ASSERTION_TIMEOUT_S, deadlineS, rcFile, uuid } from './cloud-args.ts';
import { finding, operation } from './operation.ts';
import { secretFiles, secretRef } from './secret.ts';

const args = z.strictObject({
  rcFile,
  url: z.url({ protocol: /^https?$/ }).refine((url) => !url.includes('@'), 'no user and password in a URL').describe('Address of the metadata service, e.g. http://controller.example.test:8775.'),
  secretRef: secretRef.describe('The secret that the metadata proxy signs with, e.g. ini:/etc/neutron/metadata_agent.ini#DEFAULT.metadata_proxy_shared_secret.'),
  instance: uuid.optional().describe('Instance to ask for; default: the first one that is ACTIVE and has an address.'),
  deadlineS: deadlineS(60),
});

/**
 * The metadata service answers for an instance, asked as the network's proxy asks it (mission row C57). It is the only one that
 * sees a wrong cap on the conductor's calls: then it answers 500 while every service is up.
 */
export const metadataAnswered = operation({
  name: 'metadata.answered', summary: 'The metadata service answers for an existing instance.', args, timeoutS: ASSERTION_TIMEOUT_S, mayKill: true,
  describe: (a) => `${a.url} gives the metadata of ${a.instance === undefined ? 'an instance' : `instance ${a.instance}`}`,
  deadlineS: (a) => a.deadlineS,
  touches: (a) => ({ paths: [a.rcFile, ...secretFiles(a.secretRef)] }),
  check: (probe, a) => seen(async () => {
    const cloud = await openCloud(probe, a.rcFile);
    const all = await cloud.list<Server>('compute', '/servers/detail?all_tenants=1', 'servers');
    const server = all.find((one) => fixedAddress(one) !== undefined && (a.instance === undefined ? one.status === 'ACTIVE' : one.id === a.instance));
    const address = server === undefined ? undefined : fixedAddress(server);
    if (server === undefined || address === undefined) {
      return finding(null, [{ what: 'instance to ask for', found: a.instance === undefined ? `none of ${String(all.length)} is ACTIVE and has an address` : 'not there, or without an address', wanted: 'one' }]);
    }
    const signature = createHmac('sha256', await probe.secret(a.secretRef)).update(server.id).digest('hex');
    const headers = { 'x-instance-id': server.id, 'x-tenant-id': server.tenant_id, 'x-instance-id-signature': signature, 'x-forwarded-for': address };
    const answer = await probe.http({ method: 'GET', url: `${a.url.replace(/\/+$/, '')}/latest/meta-data/`, headers, timeoutS: 30 }).catch((error: unknown) => {
      if (error instanceof StepError && error.code === 'command_failed') throw new StepError('command_failed', `the metadata service gives no answer: ${error.message}`);
      throw error;
    });
    const why: Record<number, string> = { 500: ': its calls to the conductor may be capped, or the database does not answer', 403: ': the secret is another one than the service\'s', 404: ': it does not know the instance' };
    if (answer.status !== 200) return finding(null, [{ what: `metadata of ${server.name} (${server.id})`, found: `HTTP ${answer.status}${why[answer.status] ?? ''} (${faultMessage(answer.body)})`, wanted: '200' }]);
    const names = answer.body.split('\n');
    return finding({ instance: server.id }, names.includes('instance-id') ? [] : [{ what: `metadata of ${server.name} (${server.id})`, found: JSON.stringify(answer.body.slice(0, 80)), wanted: 'a list of names with instance-id in it' }]);
  }),
});
