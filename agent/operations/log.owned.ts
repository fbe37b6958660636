import * as z from 'zod';
import { bounded } from '../facts/backup.ts';
import { walkTree } from '../facts/tree.ts';
import { absolutePath, accountName } from './fields.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  path: absolutePath.describe('Folder of a service\'s logs; none is an answer too'),
  user: accountName.describe('The account under which the service writes them'),
});

/** No file among a service's logs is root's: a manage command that was run as root leaves one, and the service never starts again. Only told; file.owned cures it. */
export const logOwned = operation({
  name: 'log.owned',
  summary: 'A service can write all its logs: none belongs to root',
  args, timeoutS: 300, mayKill: true,
  describe: ({ path, user }) => `No file in ${path} belongs to root, so that ${user} can write its logs`,
  touches: ({ path }) => ({ paths: [path] }),
  async check(probe, { path, user }) {
    const rooted: string[] = [];
    if (user !== 'root') for await (const here of walkTree(probe, path)) if (here.stat.type === 'file' && here.stat.uid === 0) rooted.push(here.path);
    return finding({ rooted: rooted.length }, bounded(rooted.map((what) => ({ what, found: 'root\'s', wanted: `${user}'s: a command was run as root` }))));
  },
});
