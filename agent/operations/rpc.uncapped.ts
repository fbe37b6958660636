import * as z from 'zod';
import { operation } from './operation.ts';
import { capFile, lookAtCap, optionName, writeCap, type Cap } from './rpc-cap.ts';

const args = z.strictObject({
  ...capFile,
  keys: z.array(optionName).min(1).describe('Options whose caps end; other options of the section are kept'),
});

const capOf = ({ keys, ...rest }: z.infer<typeof args>): Cap => ({ ...rest, absent: Object.fromEntries(keys.map((key) => [key, 'every service is of the new release'])) });

/**
 * No cap is left of the given options, nor a section that is taken for theirs (row U1). That every service is of the new release is proven
 * before, by other steps. A running service has read it at its start only: service.restarted. Errors: precondition_failed where another file has one.
 */
export const rpcUncapped = operation({
  name: 'rpc.uncapped',
  summary: 'RPC interfaces are not capped any more',
  args, timeoutS: 60, mayKill: true,
  describe: ({ file, section, keys }) => `In ${file}, lift the caps of RPC: [${section}] without ${keys.join(', ')}`,
  touches: ({ file, before, after }) => ({ paths: [file, ...before, ...after] }),
  async check(probe, wanted) { return await lookAtCap(probe, capOf(wanted)); },
  async apply(host, wanted) { await writeCap(host, capOf(wanted)); },
  async revert(host, { file }) { await host.restore(file); },
});
