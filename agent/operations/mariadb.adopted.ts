import { posix } from 'node:path';
import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { readServerOptions, serverIn } from '../facts/mariadb.ts';
import { unitName } from '../facts/units.ts';
import type { Host, Probe } from '../host/host.ts';
import { optionName, parseSizeBytes, readOptionGroup } from '../parse/mysql.ts';
import { absolutePath } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';

/** Places of the new host's own package: carried over from the old one, the server does not start. */
const PLACES = ['datadir', 'basedir', 'tmpdir', 'socket', 'pid_file', 'log_error', 'user'];
const setting = z.string().regex(/^[A-Za-z][\w-]*$/);
const stays = (names: string[]): boolean => !names.some((name) => PLACES.includes(optionName(name)));
const WHY = `a place or user of the old host (${PLACES.join(', ')}) must not be carried to the new one`;
const args = z.strictObject({
  dataDir: absolutePath.default('/var/lib/mysql').describe('The restored data directory.'),
  owner: z.string().default('mysql').describe('User and group that own it.'),
  unit: z.string().default('mariadb').describe('Unit of the server that takes it over.'),
  dropIn: absolutePath.default('/etc/my.cnf.d/zz-adopted.cnf').describe('Option file for the settings that come with the data.'),
  settings: z.record(setting, z.string()).refine((all) => stays(Object.keys(all)), WHY).default({}).describe('Settings of the [mysqld] group, name and value.'),
  carryFrom: absolutePath.optional().describe("The old host's my.cnf, from which `carryKeys` are taken where it has them."),
  carryKeys: z.array(setting).refine(stays, WHY).default([]).describe('Names of settings to take from `carryFrom`, group [mysqld].'),
});
type Args = z.infer<typeof args>;

/**
 * A restored data directory is ready for this host's server (mission rows C18, C20, C22): whole, owned, in nobody's use,
 * with the settings that belong to it. InnoDB of 5.5 does not start when innodb_log_file_size is not the size of
 * ib_logfile0. The mark left in the directory tells later runs that the data has a new owner and must not be restored over.
 */
export const mariadbAdopted = operation({
  name: 'mariadb.adopted',
  summary: "A restored MariaDB data directory is whole, owned and matched by the server's settings.",
  args,
  timeoutS: 300,
  mayKill: true,
  describe: (a) => `the data directory ${a.dataDir} is ready for ${a.unit}, with its settings in ${a.dropIn}`,
  touches: ({ dataDir, dropIn, carryFrom, unit }) => ({ paths: [dataDir, dropIn, carryFrom].filter((path) => path !== undefined), units: [unitName(unit)] }),
  async check(probe, a) {
    const seen = await look(probe, a);
    const server = seen.satisfied ? undefined : await serverIn(probe, a.dataDir);
    if (server !== undefined) throw new StepError('precondition_failed', `${a.unit} already runs on ${a.dataDir} (pid ${String(server.pid)}) without what belongs to the directory; stop it first`);
    return seen;
  },
  async apply(host, a) {
    await host.save(a.dropIn);
    await host.save(mark(a));
    const lines = [...await wanted(host, a)].map(([name, value]) => `${name}=${value}`);
    await host.writeFile(a.dropIn, `# What belongs to the data directory ${a.dataDir}, taken over from the old host\n[mysqld]\n${lines.join('\n')}\n`, { mode: 0o644, uid: 0, gid: 0 });
    await host.writeFile(mark(a), 'This data directory was taken over by the new server; restoring the old copy over it loses what came after.\n', { mode: 0o640, ...await owner(host, a) });
  },
  verify: look,
  async revert(host: Host, a) {
    if (await serverIn(host, a.dataDir) !== undefined) throw new StepError('precondition_failed', `a server runs on ${a.dataDir}; stop it first`);
    await host.restore(a.dropIn);
    await host.restore(mark(a));
  },
});

const mark = (a: Args): string => `${a.dataDir}/tandem-adopted`;
const refuse = (why: string): never => { throw new StepError('precondition_failed', why); };

async function owner(probe: Probe, a: Args): Promise<{ uid: number; gid: number }> {
  const uid = await probe.uid(a.owner) ?? refuse(`user ${a.owner} is not known on this host`);
  return { uid, gid: await probe.gid(a.owner) ?? refuse(`group ${a.owner} is not known on this host`) };
}

/** Settings that the directory needs: its redo log's size, what the old host's file says, what the caller says. */
async function wanted(probe: Probe, a: Args): Promise<Map<string, string>> {
  const log = await probe.stat(`${a.dataDir}/ib_logfile0`);
  const old = a.carryFrom === undefined ? new Map<string, string>() : readOptionGroup(await probe.readFile(a.carryFrom) ?? refuse(`${a.carryFrom} is not there`), 'mysqld');
  const carried = a.carryKeys.map(optionName).flatMap((name) => { const value = old.get(name); return value === undefined ? [] : [[name, value] as const]; });
  return new Map([...carried, ...Object.entries(a.settings).map(([name, value]) => [optionName(name), value] as const),
    ...(log === undefined ? [] : [['innodb_log_file_size', String(log.sizeBytes)] as const])]);
}

async function look(probe: Probe, a: Args): Promise<Finding> {
  await whole(probe, a);
  const server = await serverIn(probe, a.dataDir);
  if (server !== undefined && server.unit !== a.unit) refuse(`${a.dataDir} is in use by process ${String(server.pid)} of ${server.unit}, not by ${a.unit}`);
  const now = await readServerOptions(probe);
  for (const place of ['log_error', 'pid_file', 'socket']) {
    const path = now.get(place);
    if (path?.startsWith('/') === true && await probe.stat(posix.dirname(path)) === undefined) refuse(`the option files set ${place}=${path}, whose folder is not there; the old host's my.cnf must not be copied whole`);
  }
  if ((now.get('datadir') ?? a.dataDir).replace(/\/$/, '') !== a.dataDir) refuse(`the server would start on ${now.get('datadir') ?? ''}, not on ${a.dataDir}`);
  const differences: Difference[] = [];
  const settings: Record<string, string | null> = {};
  for (const [name, value] of await wanted(probe, a)) {
    const found = now.get(name);
    settings[name] = found ?? null;
    const same = found === value || (parseSizeBytes(value) !== undefined && parseSizeBytes(value) === parseSizeBytes(found ?? ''));
    if (!same) differences.push({ what: `server option ${name}`, found: found ?? 'not set', wanted: value });
  }
  const adopted = await probe.stat(mark(a)) !== undefined;
  if (!adopted) differences.push({ what: `mark in ${a.dataDir}`, found: 'none', wanted: 'taken over' });
  return finding({ adopted, settings }, differences);
}

/** Refuses what is no data directory, or is not the server's. */
async function whole(probe: Probe, a: Args): Promise<void> {
  for (const [name, type] of [['ibdata1', 'file'], ['mysql', 'directory']] as const) {
    if ((await probe.stat(`${a.dataDir}/${name}`))?.type !== type) refuse(`${a.dataDir} is no data directory of the old host: ${name} is not in it; restore it first`);
  }
  const { uid } = await owner(probe, a);
  for (const name of ['', ...await probe.list(a.dataDir)]) {
    const stat = await probe.stat(posix.join(a.dataDir, name));
    if (stat !== undefined && stat.uid !== uid) refuse(`${posix.join(a.dataDir, name)} does not belong to ${a.owner}; give the directory to it first`);
  }
}
