import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { only, select } from '../facts/database.ts';
import type { Probe } from '../host/host.ts';
import { isAtLeast, plainVersion } from '../parse/mysql.ts';
import { defaultsFile } from './database-args.ts';
import { absolutePath } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';

const args = z.strictObject({
  dataDir: absolutePath.default('/var/lib/mysql').describe("The server's data directory."),
  exclusive: z.boolean().default(true).describe('Refuse while other clients are connected.'),
  owner: z.string().regex(/^[a-z_][a-z0-9_-]*$/).default('mysql').describe('User that owns the data directory.'),
  defaultsFile,
});
type Args = z.infer<typeof args>;

/** What only an upgraded set of system tables answers, by the server version that brought it. */
const LAYOUT: { since: string; what: string; statement: string; wanted: string }[] = [
  { since: '5.5.0', what: 'table mysql.proxies_priv', wanted: '1', statement: "SELECT 'layout', COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'proxies_priv'" },
  { since: '5.5.0', what: 'columns plugin and authentication_string of mysql.user', wanted: '2', statement: "SELECT 'layout', COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'user' AND COLUMN_NAME IN ('plugin', 'authentication_string')" },
  { since: '10.6.0', what: 'schema sys', wanted: '1', statement: "SELECT 'layout', COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'sys'" },
];

/**
 * mysql_upgrade has run for the server's version (mission row C23). An interrupted one is simply run again: its version
 * file is written last. It cannot be undone here: the way back is a dump or the cold copy.
 */
export const mariadbUpgraded = operation({
  name: 'mariadb.upgraded',
  summary: "MariaDB's system tables are at the running server's version.",
  args,
  timeoutS: 14400,
  mayKill: false,
  describe: (a) => `the system tables in ${a.dataDir} are brought to the server's version by mysql_upgrade${a.exclusive ? ', with no other client connected' : ''}`,
  touches: ({ dataDir, defaultsFile }) => ({ paths: [dataDir, defaultsFile] }),
  async check(probe, a) {
    const seen = await look(probe, a);
    const others = seen.satisfied || !a.exclusive ? [] : await clients(probe, a);
    if (others.length > 0) throw new StepError('precondition_failed', `clients are connected: ${others.join(', ')}; stop the services (or close the port) before the upgrade`);
    return seen;
  },
  async apply(host, a) {
    // Where an agent died after mysql_upgrade had ended only the owner is left to do.
    if ((await look(host, a)).differences.some(({ what }) => what !== ownerOf(a))) await host.act(['mysql_upgrade', `--defaults-file=${a.defaultsFile}`], { outlives: true });
    const uid = await host.uid(a.owner); // mysql_upgrade leaves its version file to root, which file.owned of row C20 would find in the next run
    if (uid !== undefined && await host.stat(versionFile(a)) !== undefined) await host.setOwnership(versionFile(a), { uid, ...(await groupOf(host, a)) });
  },
  verify: look,
});

const versionFile = (a: Args): string => `${a.dataDir}/mysql_upgrade_info`;
const ownerOf = (a: Args): string => `owner of ${versionFile(a)}`;

async function groupOf(probe: Probe, a: Args): Promise<{ gid?: number }> {
  const stat = await probe.stat(a.dataDir);
  return stat === undefined ? {} : { gid: stat.gid };
}

async function clients(probe: Probe, a: Args): Promise<string[]> {
  const rows = await select(probe, a.defaultsFile, "SELECT USER, HOST FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND COMMAND <> 'Daemon' AND USER NOT IN ('system user', 'event_scheduler')");
  return rows.map(([user, from]) => `${user ?? ''}@${from ?? ''}`);
}

async function look(probe: Probe, a: Args): Promise<Finding> {
  const rows = await select(probe, a.defaultsFile, "SELECT 'server', VERSION()", ...LAYOUT.map((part) => part.statement));
  const server = plainVersion(only(rows, 'server') ?? '') ?? 'unknown';
  const noted = plainVersion(await probe.readFile(versionFile(a)) ?? '') ?? 'none';
  const differences: Difference[] = noted === server ? [] : [{ what: versionFile(a), found: noted, wanted: server }];
  rows.filter((row) => row[0] === 'layout').forEach((row, at) => {
    const part = LAYOUT[at];
    if (part !== undefined && isAtLeast(server, part.since) && row[1] !== part.wanted) differences.push({ what: part.what, found: row[1] ?? 'NULL', wanted: part.wanted });
  });
  const [file, uid] = [await probe.stat(versionFile(a)), await probe.uid(a.owner)];
  if (noted === server && file !== undefined && uid !== undefined && file.uid !== uid) differences.push({ what: ownerOf(a), found: await probe.userName(file.uid) ?? String(file.uid), wanted: a.owner });
  return finding({ server, upgradedTo: noted }, differences);
}
