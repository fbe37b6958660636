import * as z from 'zod';
import { seen } from '../cloud/answering.ts';
import { notEmpty } from '../cloud/emptied.ts';
import { openCloud } from '../cloud/session.ts';
import { readHost } from '../cloud/servers.ts';
import { ASSERTION_TIMEOUT_S, deadlineS, hostName, rcFile } from './cloud-args.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({ rcFile, host: hostName.describe('Compute host by the name that the compute service knows.'), deadlineS: deadlineS(60) });

/** A compute host has no instance and no migration that is not over (mission rows N1, N5b): an unconfirmed one still has its disk there. */
export const computeEmptied = operation({
  name: 'compute.emptied', summary: 'A compute host has no instances and no open migrations.', args, timeoutS: ASSERTION_TIMEOUT_S, mayKill: true,
  describe: (a) => `0 instances and 0 open migrations on ${a.host}`,
  deadlineS: (a) => a.deadlineS,
  touches: (a) => ({ paths: [a.rcFile] }),
  check: (probe, a) => seen(async () => {
    const { servers, migrations } = await readHost(await openCloud(probe, a.rcFile), a.host);
    return finding({ instances: servers.length, migrations: migrations.length }, notEmpty(a.host, servers, migrations));
  }),
});
