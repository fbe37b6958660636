import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS, type Pattern } from '../../../agent/host/commands.ts';
import { admit, matches } from '../../../agent/host/guard.ts';
import type { Host, Ran } from '../../../agent/host/host.ts';
import { catalogue, type Operation } from '../../../agent/operations/catalogue.ts';
import { recordedHost, recordingSchema, type Recording } from '../recorded-host.ts';

/** An argument of a step must never become an option of a command: tried on every text among the arguments of every recorded case. */
const MARK = 'zqx';
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface Case { name: string; operation: Operation; args: Json; recording: Recording; answers: string[] }
type Path = (string | number)[];

const folder = join(import.meta.dirname, '../../fixtures/transcripts');
const cases: Case[] = catalogue.flatMap((operation) => readdirSync(join(folder, operation.name)).map((file) => {
  const { args, files, saved, users, groups, secrets, ports, http, commands, amqp } = parse(readFileSync(join(folder, operation.name, file), 'utf8')) as Record<string, unknown>;
  const recording = recordingSchema.parse({ files, saved, users, groups, secrets, ports, http, commands, amqp });
  return { name: `${operation.name}/${file}`, operation, args: args as Json, recording, answers: recording.commands.map(({ stdout }) => stdout) };
}));

/** Every place of a text in the arguments; keys of maps are texts too. */
function textsIn(value: Json, at: Path = []): { path: Path; key: boolean }[] {
  if (typeof value === 'string') return [{ path: at, key: false }];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, part]) => [...(Array.isArray(value) ? [] : [{ path: [...at, key], key: true }]), ...textsIn(part, [...at, Array.isArray(value) ? Number(key) : key])]);
}

function replaced(value: Json, [first, ...rest]: Path, key: boolean, text: string): Json {
  if (first === undefined) return text;
  if (Array.isArray(value)) return value.map((part, at) => (at === first ? replaced(part, rest, key, text) : part));
  return Object.fromEntries(Object.entries(value as Record<string, Json>).map(([name, part]) => (name !== first ? [name, part] : key && rest.length === 0 ? [text, part] : [name, replaced(part, rest, key, text)])));
}

/** Commands that all parts of an operation start and the guard lets pass, on a STAND-IN that answers whatever it is asked. */
async function startedBy({ operation, recording, answers }: Case, args: Record<string, unknown>): Promise<string[][]> {
  const started: string[][] = [], host = recordedHost(structuredClone(recording)) as Host & { mayWrite: boolean };
  host.mayWrite = true;
  let at = 0;
  const answer = (purpose: 'read' | 'act') => (argv: string[]): Promise<Ran> => {
    admit(argv, purpose);
    started.push(argv);
    return Promise.resolve({ argv, exitCode: 0, signal: '', stdout: answers[at++ % Math.max(1, answers.length)] ?? '', stderr: '' });
  };
  Object.assign(host, { read: answer('read'), act: answer('act') });
  const found: Json[] = [{}];
  for (const part of [
    async () => { found[0] = (await operation.check(host, args)).found; }, async () => await operation.apply?.(host, args, found[0] as Json),
    async () => await operation.verify?.(host, args), async () => await operation.revert?.(host, args, found[0] as Json),
  ]) {
    at = 0;
    await part().catch(() => undefined); // a part that gives up for want of an answer has started what it has started
  }
  return started;
}

const places = cases.flatMap((one) => textsIn(one.args).map((place) => ({ one, ...place })));

test('no text of an argument that begins with a dash begins an argument of a command (property over every recorded case)', { timeout: 120_000 }, async () => {
  const dashed = fc.tuple(fc.constantFrom('-', '--', '---', '-x', '--x='), fc.constantFrom('', '=', '=/etc/passwd', ' ', '.service', '/../x', ':1', '@h')).map(([begin, end]) => `${begin}${MARK}${end}`);
  let taken = 0;
  await fc.assert(fc.asyncProperty(fc.constantFrom(...places), dashed, async ({ one, path, key }, text) => {
    const args = one.operation.args.safeParse(replaced(one.args, path, key, text));
    if (!args.success) return;
    taken += 1;
    for (const argv of await startedBy(one, args.data)) expect(argv.filter((word) => word.startsWith('-') && word.includes(MARK)), `${one.name}, ${path.join('.')}`).toEqual([]);
  }), { numRuns: 4000 });
  expect(taken, 'texts that the schemas let through').toBeGreaterThan(20);
});

test('the same search finds arguments that do reach a command', { timeout: 60_000 }, async () => {
  const reached = new Set<string>();
  for (const { one, path, key } of places) {
    const args = one.operation.args.safeParse(replaced(one.args, path, key, MARK));
    if (args.success && (await startedBy(one, args.data)).some((argv) => argv.some((word) => word.includes(MARK)))) reached.add(one.operation.name);
  }
  expect([...reached]).toEqual(expect.arrayContaining(['database.dumped', 'package.installed', 'selinux.boolean', 'selinux.fcontext', 'service.enabled', 'service.masked', 'service.running', 'service.stopped']));
});

test('no pattern of the table of commands takes a text for an option that it was not written for', () => {
  const tries = ['-', '-x', '--x', '--help', '--x=y', '-x y', '--\n', '-0', '-/etc', '--config=/x'];
  for (const { argv, reads, rhel7, source } of COMMANDS) {
    for (const pattern of argv.filter((each) => typeof each !== 'string')) {
      const alone = { argv: [argv[0], pattern] as [string, Pattern], reads, rhel7, source };
      expect(tries.filter((text) => matches(alone, [argv[0], text])), `${argv.map(String).join(' ')}: ${String(pattern)}`).toEqual([]);
    }
  }
});
