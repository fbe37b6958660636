import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import type { Probe } from '../host/host.ts';
import { editIni, effective, groupName, type Ini } from '../parse/ini.ts';
import { absolutePath } from './fields.ts';
import { nearestSection, parseText as parse, readText as read } from './ini-files.ts';
import { finding, operation } from './operation.ts';
import { secretFiles, secretRef } from './secret.ts';

const keyName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'expected the name of an option');
const isPassword = (key: string, value: string): boolean => /(^|_)(password|passwd|secret)$|^admin_token$/.test(key) || /:\/\/[^:/@\s]*:[^@\s]+@/.test(value);
const args = z.strictObject({
  file: absolutePath.describe('Ini file that oslo.config reads; it must exist'),
  section: z.string().regex(/^[^\][\n]+$/, 'expected a section without brackets').describe('Section, exactly as the service registers it'),
  settings: z.record(keyName, z.string().nullable()).default({}).describe('Option to value; null: the option is not in the section'),
  secrets: z.record(keyName, secretRef).default({}).describe('Option to the reference of a secret value'),
  knownSections: z.array(z.string()).optional().describe('Sections that the service reads; another one is an error'),
}).refine(({ section, knownSections }) => knownSections === undefined || knownSections.includes(section), {
  path: ['section'], error: ({ input }) => {
    const { section, knownSections } = input as { section: string; knownSections: string[] };
    return `nothing reads section [${section}]: a value there would be written and ignored; did you mean [${nearestSection(section, knownSections)}]?`;
  },
}).refine(({ settings, secrets }) => Object.keys(settings).length + Object.keys(secrets).length > 0 && !Object.keys(secrets).some((key) => key in settings), { message: 'at least one option, each once', path: ['settings'] })
  .refine(({ settings }) => !Object.entries(settings).some(([key, value]) => value !== null && isPassword(key, value)), { message: 'a password goes into `secrets`, by reference: settings stand in plans and journals', path: ['settings'] });
type Args = z.infer<typeof args>;

/**
 * Options of an ini file have the given effective values, comments and all other lines kept (errata E1-E3). A value in
 * a section of another name does not count. Errors: precondition_failed for a file that is missing or that the
 * consumer would refuse, invalid_args for a section nobody reads or a value the format cannot hold.
 */
export const iniSet = operation({
  name: 'ini.set',
  summary: 'Options of an ini file have the given effective values',
  args, timeoutS: 60, mayKill: true,
  describe: ({ file, section, settings, secrets }) => `In ${file}, section ${section}: ${[...Object.entries(settings).map(([key, value]) => (value === null ? `no ${key}` : `${key} = ${shown(key, value)}`)), ...Object.keys(secrets).map((key) => `${key} = ${SECRET}`)].join(', ')}`,
  touches: ({ file, secrets }) => ({ paths: [file, ...secretFiles(...Object.values(secrets))] }),
  async check(probe, wanted) {
    const ini = parse(wanted.file, await read(probe, wanted.file)), stat = await probe.stat(wanted.file);
    const differences: Difference[] = [];
    for (const [key, value] of await values(probe, wanted)) {
      const now = effective(ini, wanted.section, key), hidden = key in wanted.secrets;
      const say = (text: string | null | undefined): string => (text === undefined || text === null ? 'absent' : hidden ? SECRET : shown(key, text));
      if (now !== (value ?? undefined)) differences.push({ what: `[${wanted.section}] ${key}`, found: say(now) + elsewhere(ini, wanted.section, key), wanted: hidden ? (now === undefined ? SECRET : `${SECRET}, another one`) : say(value) });
    }
    return finding({ sha256: await probe.sha256(wanted.file), mode: stat?.mode ?? 0, owner: `${String(stat?.uid)}:${String(stat?.gid)}` }, differences);
  },
  async apply(host, wanted) {
    let text = await read(host, wanted.file);
    for (const [key, value] of await values(host, wanted)) {
      if (effective(parse(wanted.file, text), wanted.section, key) === (value ?? undefined)) continue;
      try { text = editIni(text, wanted.section, key, value); } catch { throw new StepError('invalid_args', `[${wanted.section}] ${key}: this value cannot stand in an ini file (a blank line, or spaces at an end of a line)`); }
    }
    await host.save(wanted.file);
    await host.writeFile(wanted.file, text);
  },
  async revert(host, { file }) { await host.restore(file); },
});

const SECRET = '(secret)';
/** Values that may hold a password although nobody declared them so. */
const shown = (key: string, value: string): string => (/pass|secret|token|_key$|^key$/i.test(key) ? SECRET : value.replace(/(:\/\/[^:/@\s]*:)[^@\s]*@/g, `$1${SECRET}@`));

async function values(probe: Probe, { settings, secrets }: Args): Promise<[string, string | null][]> {
  const resolved: [string, string | null][] = Object.entries(settings);
  for (const [key, reference] of Object.entries(secrets)) resolved.push([key, await probe.secret(reference)]);
  return resolved;
}

/** A value under the right name in a wrong place, which is easily taken for the right one. */
function elsewhere(ini: Ini, section: string, key: string): string {
  const others = ini.values.filter((one) => one.key === key && groupName(one.section) !== groupName(section)).map((one) => `[${one.section}]`);
  return others.length === 0 ? '' : ` (one stands in ${[...new Set(others)].join(', ')}, which does not count)`;
}
