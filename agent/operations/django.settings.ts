import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { octal } from '../facts/tree.ts';
import type { Ownership, Probe } from '../host/host.ts';
import { assign, lastOf, literalOf, parseSettings, pythonLiteral, READ_SETTINGS, type Settings } from '../parse/python-settings.ts';
import { absolutePath, accountName, octalMode } from './fields.ts';
import { readText, stateOf } from './ini-files.ts';
import { finding, operation, type Finding } from './operation.ts';

const setting = z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'expected the name of a setting');
const plain = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const args = z.strictObject({
  from: absolutePath.describe('Old settings module, in the backup'),
  to: absolutePath.describe('The new release\'s settings module; it is the one that is kept, with the old values in it'),
  carry: z.array(setting).default([]).describe('Settings whose old value, a literal, is carried over; one that the old file does not set is left'),
  set: z.record(setting, z.union([plain, z.array(plain), z.record(z.string(), plain)])).default({}).describe('Setting to value; no secrets, since plans show them'),
  mode: octalMode.default('0640').describe('Mode of the module'),
  owner: accountName.default('root').describe('Its owner, by name'),
  group: accountName.describe('Its group, by name'),
  compress: z.strictObject({
    manage: absolutePath.describe('manage.py of the site'), names: z.array(setting).min(1).describe('Settings that compressed pages depend on, such as HORIZON_CONFIG'),
  }).optional().describe('Pages are compressed beforehand: they are made again when one of these settings changes'),
}).refine(({ carry, set }) => carry.length + Object.keys(set).length > 0 && !carry.some((name) => name in set), { message: 'at least one setting, each carried or set', path: ['carry'] })
  .refine(({ set }) => !Object.entries(set).some(([name, value]) => typeof value === 'string' && /SECRET|PASSWORD|_KEY$/.test(name)), { message: 'a secret is carried, not set: plans show what is set', path: ['set'] });
type Args = z.infer<typeof args>;
/** Source of each value that must be in force. */
type Wanted = Map<string, string>;

/**
 * A dashboard's settings are the new release's file with the old site's values in it (row C59), not the old file over new code. Nothing is
 * run to read them; Python itself reads both sides in `verify`. A changed setting that compressed pages depend on has them made again
 * (trap 40). Carried values are secrets to the record. Errors: precondition_failed for an old value that is no literal, or that is changed
 * after its assignment.
 */
export const djangoSettings = operation({
  name: 'django.settings',
  summary: 'A Django settings module is the new release\'s, with the old site\'s values',
  args, timeoutS: 600, mayKill: true,
  describe: ({ from, to, carry, set }) => `Into ${to}, ${[...(carry.length === 0 ? [] : [`${carry.join(', ')} from ${from}`]), ...Object.entries(set).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)].join('; ')}`,
  touches: ({ from, to, compress }) => ({ paths: [from, to, ...(compress === undefined ? [] : [compress.manage])] }),
  async check(probe, a) { return await look(probe, a); },
  async apply(host, a) {
    const before = await readText(host, a.to), now = settingsOf(a.to, before), want = await wanted(host, a, now);
    let text = before;
    for (const [name, source] of want) if (differs(now, name, source)) text = assign(text, name, source);
    await host.save(a.to);
    if (a.compress?.names.some((name) => lastOf(settingsOf(a.to, text), name)?.literal !== lastOf(now, name)?.literal)) await host.writeFile(pending(a), '', { mode: 0o600 });
    await host.writeFile(a.to, text, await ownership(host, a));
    if (await host.stat(pending(a)) === undefined || a.compress === undefined) return;
    await host.act(['python', a.compress.manage, 'compress', '--force']);
    await host.remove(pending(a));
  },
  async verify(probe, a) {
    const text = await readText(probe, a.to), looked = await look(probe, a);
    const source = [...await wanted(probe, a, settingsOf(a.to, text))].map(([name, value]) => `${name} = ${value}\n`).join('');
    const [is, should] = [await readByPython(probe, text), await readByPython(probe, source)];
    const others = [...should].filter(([name, digest]) => is.get(name) !== digest).map(([name]) => ({ what: `${name}, as Python reads it`, found: 'another value', wanted: 'the given one' }));
    return finding(looked.found, [...looked.differences, ...others]);
  },
  async revert(host, a) { await host.restore(a.to); await host.remove(pending(a)); },
});

async function look(probe: Probe, a: Args): Promise<Finding> {
  const now = settingsOf(a.to, await readText(probe, a.to)), state = await stateOf(probe, a.to), { uid, gid } = await ownership(probe, a);
  const differences: Difference[] = [];
  for (const [name, source] of await wanted(probe, a, now)) {
    if (!differs(now, name, source)) continue;
    const last = lastOf(now, name);
    differences.push({ what: name, found: last === undefined ? 'not set' : last.literal === undefined ? 'an expression' : 'another value', wanted: name in a.set ? source : 'the old value' });
  }
  for (const [what, found, want] of [['mode', octal(state.mode), octal(parseInt(a.mode, 8))], ['owner', state.owner, `${String(uid)}:${String(gid)}`]] as const) if (found !== want) differences.push({ what: `${what} of ${a.to}`, found, wanted: want });
  if (await probe.stat(pending(a)) !== undefined) differences.push({ what: 'compressed pages', found: 'of the settings before', wanted: 'of these settings' });
  return finding({ ...state }, differences);
}

/** Says that the pages are not yet compressed anew: it outlives an interruption. */
const pending = ({ to }: Args): string => `${to}.tandem-compress`;

function differs(now: Settings, name: string, source: string): boolean {
  const last = lastOf(now, name);
  return last?.literal === undefined || last.literal !== literalOf(source);
}

function settingsOf(path: string, text: string): Settings {
  try { return parseSettings(text); } catch (error) { throw new StepError('precondition_failed', `${path}: ${(error as Error).message}; Python would refuse this file`); }
}

async function wanted(probe: Probe, a: Args, now: Settings): Promise<Wanted> {
  const want: Wanted = new Map();
  const text = a.carry.length === 0 ? '' : await readText(probe, a.from), old = settingsOf(a.from, text);
  for (const name of a.carry) {
    const last = lastOf(old, name), line = old.changed.get(name);
    if (line !== undefined) throw new StepError('precondition_failed', `${a.from}, line ${String(line)}, changes ${name} otherwise than by an assignment: set it, or carry it by hand`);
    if (last === undefined) continue;
    if (last.literal === undefined) throw new StepError('precondition_failed', `${a.from} makes ${name} by an expression, whose value only running it would tell: set it, or leave the new file's`);
    want.set(name, text.slice(last.from, last.to));
  }
  for (const [name, value] of Object.entries(a.set)) {
    try { want.set(name, pythonLiteral(value)); } catch (error) { throw new StepError('invalid_args', `${name}: ${(error as Error).message} cannot stand in the module`); }
  }
  for (const name of want.keys()) if (now.changed.has(name)) throw new StepError('precondition_failed', `${a.to}, line ${String(now.changed.get(name))}, changes ${name} otherwise than by an assignment, which would be mixed with the old value`);
  return want;
}

async function ownership(probe: Probe, { owner, group, mode }: Args): Promise<Ownership> {
  const uid = await probe.uid(owner), gid = await probe.gid(group);
  if (uid === undefined || gid === undefined) throw new StepError('precondition_failed', `this host knows no ${uid === undefined ? `user ${owner}` : `group ${group}`}`);
  return { uid, gid, mode: parseInt(mode, 8) };
}

/** Name to a digest of its value, by Python's own parser; nothing of the module is run. */
async function readByPython(probe: Probe, text: string): Promise<Map<string, string>> {
  const { stdout } = await probe.read(['python', '-c', READ_SETTINGS], { stdin: text });
  return new Map(stdout.split('\n').filter(Boolean).map((line) => line.split(' ')).map(([name = '', digest = '']) => [name, digest]));
}
