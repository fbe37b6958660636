import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { drain, isOwnersResize, readNodes, readWork } from '../cloud/drain.ts';
import { judge, noteOf, say } from '../cloud/drain-verdict.ts';
import { notEmpty } from '../cloud/emptied.ts';
import { named } from '../cloud/servers.ts';
import { findService, type ServiceRow } from '../cloud/services.ts';
import { openCloud } from '../cloud/session.ts';
import { hostName, rcFile } from './cloud-args.ts';
import { finding, operation } from './operation.ts';

const policy = z.enum(['move', 'stop', 'leave']).default('leave');
const args = z.strictObject({
  rcFile,
  host: hostName.describe('Compute host to be emptied, by the name that the compute service knows. It must be disabled before (compute.scheduling).'),
  targets: z.array(hostName).default([]).describe('Hosts that are preferred, best first. The scheduler chooses for cold migrations.'),
  elsewhere: z.boolean().default(true).describe('Whether other hosts may take instances too; a cold migration that lands elsewhere is taken back where not.'),
  live: z.enum(['none', 'shared', 'block']).describe('Live migration: not in use, with shared storage, or with block migration.'),
  noLiveFrom: z.array(hostName).default([]).describe('Hosts from which a live migration hangs for as long as calls are capped: emptied by cold migration only.'),
  policy: z.strictObject({
    paused: policy.describe('PAUSED: moved and paused again, shut down and moved, or left to a person.'),
    suspended: policy.describe('SUSPENDED: likewise.'),
    error: policy.describe('ERROR: likewise; moving it means to reset its state.'),
    resized: z.enum(['confirm', 'leave']).default('leave').describe('A resize that its owner has not confirmed.'),
  }).prefault({}).describe('What is done with instances that no migration takes.'),
  concurrency: z.int().min(1).max(20).default(2).describe('Instances under way at a time.'),
  errorBudget: z.int().min(0).max(1000).default(2).describe('Moves that may fail before no other is begun.'),
  tries: z.int().min(1).max(10).default(2).describe('Tries for one instance.'),
  instanceS: z.int().min(10).max(86_400).default(3600).describe('Seconds for one move.'),
  noticeS: z.int().min(4).max(600).default(30).describe('Seconds in which an accepted move must show, or it did nothing.'),
  deadlineS: z.int().min(60).max(604_800).default(86_400).describe('Seconds for all; what is under way then is finished, and no other begun.'),
});

/**
 * Every instance of a compute host is moved elsewhere (mission rows N1 to N4): live where that can be, else cold, tested and confirmed;
 * what no migration takes by the policy for its state. What stays is named with the reason and its cure, and fails the step.
 */
export const computeDrained = operation({
  name: 'compute.drained', summary: 'Every instance of a compute host is moved elsewhere; no open migration is left.', args, timeoutS: 8 * 86_400, mayKill: true,
  describe: (a) => `every instance of ${a.host} is moved elsewhere${a.targets.length === 0 ? '' : `, best to ${a.targets.join(', ')}`}, ${a.concurrency} at a time, ${a.live === 'none' ? 'cold' : 'live where possible'}`,
  touches: (a) => ({ paths: [a.rcFile] }),
  async check(probe, a) {
    const cloud = await openCloud(probe, a.rcFile);
    const { servers, migrations, notPutBack } = await readWork(cloud, a.host);
    const nodes = servers.length === 0 ? [] : await readNodes(cloud);
    const plans = new Map(servers.map((one) => [named(one), say(judge(one, a, nodes, isOwnersResize(migrations, one.id)))]));
    const here = notEmpty(a.host, servers, migrations).map((one) => ({ ...one, wanted: plans.get(one.what.replace(/^instance /, '')) ?? one.wanted }));
    const there = notPutBack.map((one) => ({ what: `instance ${named(one)}`, found: `${one.status}, moved`, wanted: `${noteOf(one, a.host) ?? ''} again, as before` }));
    return finding({ instances: servers.length, migrations: migrations.length }, [...here, ...there]);
  },
  async apply(host, a) {
    const cloud = await openCloud(host, a.rcFile);
    const { services } = await cloud.get<{ services: ServiceRow[] }>('compute', '/os-services?binary=nova-compute');
    const row = findService(services, { binary: 'nova-compute', host: a.host });
    if (row?.status !== 'disabled') throw new StepError('precondition_failed', `${a.host} is ${row?.status ?? 'unknown to the compute service'}: it must be disabled first (compute.scheduling), or the scheduler goes on placing instances there`);
    // What was moved before and is only to be put back into its state needs nothing of this host.
    if (row.state !== 'up' && (await readWork(cloud, a.host)).servers.length > 0) throw new StepError('precondition_failed', `nova-compute on ${a.host} is ${row.state}, last report ${row.updated_at ?? 'never'}: nothing that is there can be moved; start it, or see to its instances by hand`);
    const problems = await drain({ host, cloud, rules: a, limits: a, nodes: await readNodes(cloud), load: new Map() });
    if (problems.length > 0) throw new StepError('command_failed', `${a.host} is not empty; ${problems.join(' | ')}`);
  },
});
