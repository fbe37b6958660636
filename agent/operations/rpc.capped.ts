import * as z from 'zod';
import { operation } from './operation.ts';
import { capFile, lookAtCap, optionName, writeCap, type Cap } from './rpc-cap.ts';

const level = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected a release or a version');
const args = z.strictObject({
  ...capFile,
  key: optionName.describe('Option that caps the interface'),
  level: level.describe('Value that is written: the name of the older release, or its version'),
  accepted: z.array(level).default([]).describe('Values that cap the same and are left as they are'),
  drop: z.record(optionName, z.string().min(1)).default({}).describe('Option to the reason why it must not be capped; it is removed'),
}).refine(({ key, drop }) => !(key in drop), { message: 'the option that is capped cannot be dropped', path: ['drop'] });

const capOf = ({ drop, key, level: value, accepted, ...rest }: z.infer<typeof args>): Cap => ({ ...rest, absent: drop, level: { key, value, accepted } });

/**
 * An interface's RPC version is capped in the section that the service reads (rows C53, N22; errata E1-E5). A literal copy of the
 * printed text is found, named and corrected: sections nobody reads go, so do options whose cap stops their own service. A running
 * service has read it at its start only: service.restarted. Errors: precondition_failed where another file wins or stands in the way.
 */
export const rpcCapped = operation({
  name: 'rpc.capped',
  summary: 'An RPC interface is capped at an older version, where the service reads it',
  args, timeoutS: 60, mayKill: true,
  describe: ({ file, section, key, level: value, drop }) => `In ${file}, cap RPC: [${section}] ${key} = ${value}${Object.keys(drop).length === 0 ? '' : `, no ${Object.keys(drop).join(', ')}`}`,
  touches: ({ file, before, after }) => ({ paths: [file, ...before, ...after] }),
  async check(probe, wanted) { return await lookAtCap(probe, capOf(wanted)); },
  async apply(host, wanted) { await writeCap(host, capOf(wanted)); },
  async revert(host, { file }) { await host.restore(file); },
});
