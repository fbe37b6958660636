import * as z from 'zod';
import { absolutePath } from './fields.ts';

/** Argument parts that the database operations share. */
export const identifier = z.string().regex(/^[A-Za-z0-9_]+$/);

export const defaultsFile = absolutePath.default('/root/.my.cnf')
  .describe('Option file with the credentials of the database administrator on this host ([client] user and password); read by the client programs, never passed in arguments.');

/** Where a schema keeps its version, e.g. {table: migrate_version, column: version, where: {repository_id: keystone}}. */
export const versionPlace = z.strictObject({
  table: identifier.describe('Table that holds the schema version.'),
  column: identifier.describe('Column of the version.'),
  where: z.record(identifier, z.string().regex(/^[\w .:-]+$/)).default({}).describe('Columns and values that pick the row.'),
  except: z.record(identifier, z.string().regex(/^[\w .:-]+$/)).optional().describe('Columns and values of a row that is another branch\'s, where one table holds a version of each.'),
});
export type VersionPlace = z.infer<typeof versionPlace>;

/** A schema version: a number (sqlalchemy-migrate) or a name (alembic). */
export const schemaVersion = z.union([z.number().int().min(0), z.string().regex(/^[A-Za-z0-9_.-]+$/)]);
