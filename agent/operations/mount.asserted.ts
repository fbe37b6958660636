import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { octal } from '../facts/tree.ts';
import { mountsUnder, parseMountinfo } from '../parse/mountinfo.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  path: absolutePath.describe('A folder that must lie on a mount, not on the root file system'),
  types: z.array(z.string().regex(/^[a-z][a-z0-9._-]*$/, 'expected a file system type')).default([]).describe('Types one of which it must have; any when left out'),
  own: z.boolean().default(false).describe('The path itself must be where it is mounted'),
  witness: absolutePath.optional().describe('A file on it that root of another host wrote with mode 0600: must still be that, and readable'),
});

/**
 * Rows P1, P2b, P3: what is said to be on another disk or system is; unmounted, data would land on the disk that is wiped.
 * `witness` tells a medium that squashes root (trap 3): there its owner is lost, or this host cannot read it. Only looks.
 */
export const mountAsserted = operation({
  name: 'mount.asserted',
  summary: 'A folder lies on a mount of its own, where root\'s files stay root\'s',
  args, timeoutS: 60, mayKill: true,
  describe: ({ path, types, witness }) => `${path} lies on a mount${types.length === 0 ? '' : ` of type ${types.join(' or ')}`}${witness === undefined ? '' : `, where ${witness} is still root's alone`}`,
  touches: ({ path, witness }) => ({ paths: [path, ...witness === undefined ? [] : [witness]] }),
  async check(probe, { path, types, own, witness }) {
    if ((await probe.stat(path))?.type !== 'directory') throw new StepError('precondition_failed', `${path} is no folder on this host: is it mounted?`);
    const [mount] = mountsUnder(parseMountinfo(await probe.readFile('/proc/self/mountinfo') ?? ''), path);
    const at = mount?.at ?? '/', type = mount?.type ?? '', differences: Difference[] = [];
    if (at === '/') differences.push({ what: path, found: 'on the root file system', wanted: 'on a mount' });
    else if (own && at !== path) differences.push({ what: path, found: `a folder of what is mounted at ${at}`, wanted: 'where it is mounted' });
    if (types.length > 0 && !types.includes(type)) differences.push({ what: `type of ${at}`, found: type || 'unknown', wanted: types.join(' or ') });
    if (witness !== undefined) {
      const stat = await probe.stat(witness);
      if (stat?.type !== 'file') differences.push({ what: witness, found: stat?.type ?? 'missing', wanted: 'a file' });
      else if (stat.uid !== 0 || stat.gid !== 0 || stat.mode !== 0o600) differences.push({ what: witness, found: `${octal(stat.mode)} of ${String(stat.uid)}:${String(stat.gid)} (root_squash?)`, wanted: '0600 of 0:0' });
      else await probe.sha256(witness);
    }
    return finding({ path, at, type, source: mount?.source ?? '' }, differences);
  },
});
