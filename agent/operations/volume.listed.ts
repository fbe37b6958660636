import * as z from 'zod';
import { seen } from '../cloud/answering.ts';
import { compareStates } from '../cloud/compare.ts';
import { openCloud } from '../cloud/session.ts';
import { cinderVolumes } from '../cloud/tables.ts';
import { select } from '../facts/database.ts';
import { ASSERTION_TIMEOUT_S, deadlineS, rcFile, uuid, volumeType } from './cloud-args.ts';
import { defaultsFile, identifier } from './database-args.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  schema: identifier.describe('Database of the volume service: its rows are the volumes that the API must give.'),
  defaultsFile,
  serviceType: volumeType,
  notIn: z.array(z.string().min(1)).default([]).describe('States that no volume may have, e.g. one that a failed export leaves it in (trap 29).'),
  except: z.array(uuid).default([]).describe('Volumes that notIn does not mean: they were so before.'),
  deadlineS: deadlineS(60),
});

/** The volume service lists the volumes of every tenant as the restored rows say, ids and states (mission row C36, erratum E21). */
export const volumeListed = operation({
  name: 'volume.listed', summary: 'The volume service lists every tenant\'s volumes, ids and states as in its database.', args, timeoutS: ASSERTION_TIMEOUT_S, mayKill: true,
  describe: (a) => `the volumes of all tenants equal the rows of schema ${a.schema}${a.notIn.length === 0 ? '' : `, none is ${a.notIn.join(' or ')}`}`,
  deadlineS: (a) => a.deadlineS,
  touches: (a) => ({ paths: [a.rcFile, a.defaultsFile] }),
  check: (probe, a) => seen(async () => {
    const cloud = await openCloud(probe, a.rcFile);
    const volumes = await cloud.list<{ id: string; status: string }>(a.serviceType, '/volumes/detail?all_tenants=1', 'volumes');
    const rows = await select(probe, a.defaultsFile, `SELECT id, status FROM \`${a.schema}\`.\`volumes\` WHERE deleted = 0`);
    const found = new Map(volumes.map((one) => [one.id, one.status]));
    const wanted = new Map(rows.map(([id, status]) => [id ?? '', status ?? 'null']));
    const bad = volumes.filter((one) => a.notIn.includes(one.status) && !a.except.includes(one.id)).map((one) => ({ what: `volume ${one.id}`, found: one.status, wanted: `not ${a.notIn.join(' or ')}` }));
    return finding({ volumes: volumes.length, table: cinderVolumes(volumes) }, [...compareStates('volume', found, wanted), ...bad]);
  }),
});
