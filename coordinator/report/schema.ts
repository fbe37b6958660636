import * as z from 'zod';
import { RESULTS } from '../../proto/events.ts';

const ms = z.int().describe('Milliseconds since 1970-01-01T00:00:00Z');
const result = z.enum([...RESULTS, 'waiting']).describe('`waiting`: the run goes on, or a person must act or approve first; `unknown`: nobody can tell which side of the change the host is on');
const counts = z.partialRecord(result, z.int().min(1)).describe('Steps by result; results that no step has are left out');

const stepSchema = z.strictObject({
  id: z.string().describe('The row of the procedure, with a name behind it where one row takes several steps'),
  rows: z.array(z.string()).describe('Rows of the procedure that this step carries'),
  phase: z.string(),
  stage: z.string(),
  title: z.string(),
  sentence: z.string().describe('What is done, with the values filled in'),
  operation: z.string(),
  result,
  skippedBy: z.enum(['plan', 'run']).nullable().describe('For `skipped`: the plan decided it beforehand, or the run did not get there'),
  reason: z.string().describe("A skip's, a failure's or an unknown's"),
  code: z.string().describe('For `failed`: one of the codes in proto/errors.ts'),
  differences: z.array(z.strictObject({ what: z.string(), found: z.string(), wanted: z.string() })).describe('What was not as wanted when the step looked, before it changed anything'),
  evidence: z.array(z.string()).describe("For an assertion of the cloud: the table that the service's own client would have printed, line by line"),
  failure: z.strictObject({ argv: z.array(z.string()), exitCode: z.int(), signal: z.string(), stderrTail: z.string() }).nullable().describe('The command that failed, secrets taken out'),
  beganMs: ms.nullable(),
  endedMs: ms.nullable(),
  durationMs: z.int().min(0),
  changes: z.boolean().describe('false: an assertion, which only looks'),
  canBeUndone: z.boolean(),
  gate: z.string().nullable().describe('Why a person must approve the step before it starts'),
  approved: z.strictObject({ by: z.string(), subject: z.string().describe('Name in the certificate under which it was said'), reason: z.string(), timeMs: ms }).nullable().describe('The word that was given'),
  resolved: z.strictObject({ answer: z.enum(['done', 'not-done']), by: z.string(), subject: z.string().describe('Name in the certificate under which it was said'), reason: z.string() }).nullable().describe('What a person said of a result that nobody can tell'),
});
const hostSchema = z.strictObject({ host: z.string(), role: z.string(), counts, notes: z.array(z.string()), steps: z.array(stepSchema) });

/** A run as `tandem report --format json` writes it; published as docs/report.schema.json. */
export const reportSchema = z.strictObject({
  format: z.literal(1),
  run: z.string(),
  site: z.string(),
  runbook: z.string(),
  title: z.string(),
  planDigest: z.string(),
  mode: z.enum(['check', 'apply', 'revert']).describe('`check`: a dry run, nothing was changed; `revert`: the last attempt went back to a checkpoint'),
  to: z.string().nullable().describe('For `revert`: the checkpoint that it goes back to'),
  until: z.string().nullable().describe('The checkpoint that the last attempt was to go no further than'),
  only: z.array(z.string()).nullable().describe('The hosts that the last attempt was to work on; null for all'),
  attempt: z.int().min(1),
  by: z.string(),
  beganMs: ms,
  endedMs: ms.nullable().describe('null while the run goes on, or when its coordinator left it'),
  exitCode: z.int().nullable(),
  reason: z.string(),
  counts,
  notes: z.array(z.string()),
  hosts: z.array(hostSchema),
});

export type RunReport = z.infer<typeof reportSchema>;
export type HostReport = z.infer<typeof hostSchema>;
export type StepReport = z.infer<typeof stepSchema>;
export type Counts = z.infer<typeof counts>;

/** The published schema, to the letter. */
export const reportJsonSchema = (): string => `${JSON.stringify({ title: 'Tandem run report', ...z.toJSONSchema(reportSchema) }, null, 2)}\n`;
