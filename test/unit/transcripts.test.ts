import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import type { Operation } from '../../agent/operations/operation.ts';
import { perform } from '../../agent/perform.ts';
import { StepError } from '../../proto/errors.ts';
import type { EventKind } from '../../proto/events.ts';
import { NotRecorded, recordedHost, recordingSchema } from './recorded-host.ts';

const folder = join(import.meta.dirname, '../fixtures/transcripts');
const operations = join(import.meta.dirname, '../../agent/operations');

const partialEntry = z.union([z.string(), z.null(), z.record(z.string(), z.union([z.string(), z.number()]))]);
const caseSchema = recordingSchema.extend({
  operation: z.string(),
  mode: z.enum(['check', 'apply', 'revert']),
  args: z.record(z.string(), z.unknown()),
  revertTo: z.json().optional(),
  earlier: z.strictObject({ found: z.json() }).optional(),
  events: z.array(z.string()),
  /** A result, or the code and a pattern of the reason of a failure. */
  result: z.union([z.string(), z.strictObject({ code: z.string(), reason: z.string() })]),
  /** A pattern the reason of a good result must match. */
  reason: z.string().optional(),
  /** What `check` found, where a case wants to pin it. */
  found: z.json().optional(),
  filesAfter: z.record(z.string(), partialEntry).default({}),
});
type Case = z.infer<typeof caseSchema>;

async function load(name: string): Promise<Operation> {
  const module = await import(/* @vite-ignore */ join(operations, `${name}.ts`)) as Record<string, Operation>;
  const found = Object.values(module).find((value) => value.name === name);
  if (found === undefined) throw new Error(`agent/operations/${name}.ts exports no operation of that name`);
  return found;
}

async function play(one: Case): Promise<void> {
  const operation = await load(one.operation);
  const host = recordedHost(one);
  const events: EventKind[] = [];
  const emit = (event: EventKind): void => { events.push(event); host.mayWrite = event.kind === 'checked' || event.kind === 'reverting'; };
  let outcome: { result: string; reason: string } | { code: string; reason: string };
  try {
    const args = operation.args.safeParse(one.args);
    if (!args.success) throw new StepError('invalid_args', z.prettifyError(args.error));
    outcome = await perform({ operation, args: args.data, mode: one.mode, earlier: one.earlier, revertTo: one.revertTo }, host, emit);
  } catch (error) {
    if (error instanceof NotRecorded || !(error instanceof StepError)) throw error;
    outcome = { code: error.code, reason: error.message };
  }
  expect(host.complaints).toEqual([]);
  if (typeof one.result === 'string') expect(outcome).toMatchObject({ result: one.result });
  else {
    expect(outcome).toMatchObject({ code: one.result.code });
    expect(outcome.reason).toMatch(new RegExp(one.result.reason));
  }
  if (one.reason !== undefined) expect(outcome.reason).toMatch(new RegExp(one.reason));
  expect(events.map((event) => event.kind)).toEqual(one.events);
  expect(host.left(), 'recorded, but nobody asked').toEqual([]);
  const checked = events.find((event) => event.kind === 'checked');
  if (one.found !== undefined) expect(checked?.kind === 'checked' && checked.found).toEqual(one.found);
  for (const [path, wanted] of Object.entries(one.filesAfter)) {
    const now = host.files.get(path);
    if (wanted === null) expect(now, path).toBeUndefined();
    else if (typeof wanted === 'string') expect(now?.content, path).toBe(wanted);
    else expect(now, path).toMatchObject(wanted);
  }
  for (const secret of Object.values(one.secrets)) expect(JSON.stringify([events, outcome]), 'a secret leaves the step').not.toContain(secret);
}

beforeEach(() => { vi.useFakeTimers(); vi.setTimerTickMode('nextTimerAsync'); });
afterEach(() => { vi.useRealTimers(); });

for (const name of readdirSync(folder).sort()) {
  describe(name, () => {
    for (const file of readdirSync(join(folder, name)).filter((entry) => entry.endsWith('.yaml')).sort()) {
      test(file.slice(0, -'.yaml'.length), async () => {
        const one = caseSchema.parse(parse(readFileSync(join(folder, name, file), 'utf8')));
        expect(one.operation).toBe(name);
        await play(one);
      });
    }
  });
}
