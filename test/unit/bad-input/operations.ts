import * as z from 'zod';
import { operation, type Operation } from '../../../agent/operations/operation.ts';

/** A catalogue of the tests' own, so that messages here do not move with the real operations. */
export const operations: readonly Operation[] = [operation({
  name: 'file.filled', summary: 'A file holds lines.', timeoutS: 60, mayKill: true,
  args: z.strictObject({ path: z.string(), lines: z.array(z.string()), sizeBytes: z.int().default(0) }),
  describe: (a) => `fill ${a.path} with ${a.lines.join(', ')}`,
  check: async () => { throw new Error('planning never looks at a host'); },
  apply: async () => { throw new Error('planning never touches a host'); },
})];
