import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import { compareContent, readContent, select } from '../facts/database.ts';
import type { Host, Probe } from '../host/host.ts';

/** A dump of database.dumped and its record: what makes one, tells whether one is whole, and loads one. */

/** What stands beside a dump: enough to tell whether it is whole and of which state. */
const recordSchema = z.object({ schema: z.string(), version: z.string(), sha256: z.string(), charset: z.string(), tables: z.record(z.string(), z.object({ rows: z.number(), checksum: z.string() })) });
export type DumpRecord = z.infer<typeof recordSchema>;

export const recordOf = (dump: string): string => `${dump}.json`;

export async function readRecord(probe: Probe, dump: string): Promise<DumpRecord | undefined> {
  const text = await probe.readFile(recordOf(dump));
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // a torn record proves nothing: dump again
  }
}

/** The last line of a dump; mysqldump's is `-- Dump completed`. */
export async function lastLine(probe: Probe, dump: string): Promise<string> {
  return (await probe.read(['tail', '-c', '200', dump])).stdout.trim().split('\n').at(-1) ?? '';
}
export const isLastLine = (line: string): boolean => line.startsWith('-- Dump completed');

/** The record of a whole dump of this state. Throws StepError precondition_failed with what is wrong: asked before anything is dropped. */
export async function demandWhole(probe: Probe, dump: string, schema: string, version: string): Promise<DumpRecord> {
  const refuse = (why: string): never => { throw new StepError('precondition_failed', `${why}; nothing was dropped`); };
  const record = await readRecord(probe, dump) ?? refuse(`there is no dump of schema ${schema} at ${dump} with a record beside it`);
  if (record.schema !== schema) refuse(`${dump} is a dump of schema ${record.schema}, not of ${schema}`);
  if (record.version !== version) refuse(`${dump} holds schema ${schema} at version ${record.version}, not at ${version}, which was found before the change`);
  if (((await probe.stat(dump))?.sizeBytes ?? 0) === 0) refuse(`${dump} is missing or empty`);
  if (!isLastLine(await lastLine(probe, dump))) refuse(`${dump} is cut off: its last line is not "-- Dump completed"`);
  if (await probe.sha256(dump) !== record.sha256) refuse(`${dump} is not what was proven when it was made: its sha256 is another one`);
  return record;
}

/** Others that use this schema now, as USER@HOST. */
async function usersOf(probe: Probe, defaultsFile: string, schema: string): Promise<string[]> {
  const rows = await select(probe, defaultsFile, `SELECT USER, HOST FROM information_schema.PROCESSLIST WHERE DB = '${schema}' AND ID <> CONNECTION_ID()`);
  return rows.map(([user, from]) => `${user ?? ''}@${from ?? ''}`);
}

/** The schema as the dump has it, table by table; what came later is gone. May be done again from wherever it stopped. */
export async function loadBack(host: Host, defaultsFile: string, dump: string, schema: string, version: string): Promise<void> {
  const record = await demandWhole(host, dump, schema, version);
  const users = await usersOf(host, defaultsFile, schema);
  if (users.length > 0) throw new StepError('precondition_failed', `schema ${schema} is in use by ${[...new Set(users)].join(', ')}; stop the services first; nothing was dropped`);
  await host.act(['mysql', `--defaults-file=${defaultsFile}`, '-e', `DROP DATABASE IF EXISTS \`${schema}\`; CREATE DATABASE \`${schema}\` DEFAULT CHARACTER SET ${record.charset};`]);
  await host.act(['mysql', `--defaults-file=${defaultsFile}`, '-e', `source ${dump}`, schema], { outlives: true });
  const wrong = compareContent(new Map(Object.entries(record.tables)), await readContent(host, defaultsFile, schema));
  if (wrong.length > 0) throw new StepError('verify_failed', `schema ${schema} was loaded from ${dump} and is not what was dumped: ${wrong.slice(0, 5).join('; ')}`);
}
