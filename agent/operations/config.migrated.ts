import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import type { Probe } from '../host/host.ts';
import { listedSections, migrate } from '../parse/drift.ts';
import { editIni } from '../parse/ini.ts';
import { assignments, effectiveIn, placeOf } from '../parse/ini-sections.ts';
import { configFiles, optionName, optionPlace, readConfig, sectionName, type Configured } from './config-files.ts';
import { absolutePath } from './fields.ts';
import { nearestSection, parseText, readText, stateOf, type IniFile } from './ini-files.ts';
import { finding, operation } from './operation.ts';

const setting = z.strictObject({
  file: absolutePath.optional().describe('File that takes the value; the last of `files` when left out'),
  section: sectionName.optional().describe('Section, exactly as the service registers it'),
  sectionsIn: optionPlace.optional().describe('Instead: every section that this option lists, such as DEFAULT.enabled_backends'),
  where: z.strictObject({ key: optionName, contains: z.string().min(1), absentToo: z.boolean().default(false) }).optional().describe('Of those, the ones whose option contains this word, in any case; absentToo: also those without the option'),
  key: optionName, value: z.string(),
  unlessSet: z.boolean().default(false).describe('Only where no editable file sets it: what a distribution\'s file would decide (trap 26)'),
}).refine(({ section, sectionsIn }) => (section === undefined) !== (sectionsIn === undefined), { message: 'either section or sectionsIn', path: ['section'] });
const args = z.strictObject({
  ...configFiles,
  readOnly: z.array(absolutePath).default([]).describe('Those of `files` that are not edited, such as a distribution\'s; they may be missing'),
  set: z.array(setting).default([]).describe('Values that must be in force'),
}).refine(({ files, readOnly }) => files.some((file) => !readOnly.includes(file)), { message: 'one file at least must be editable', path: ['readOnly'] })
  .refine(({ files, readOnly, set }) => set.every(({ file }) => file === undefined || (files.includes(file) && !readOnly.includes(file))), { message: 'a value goes into one of the editable files', path: ['set'] });
type Args = z.infer<typeof args>;
interface Wanted { file: string; section: string; key: string; value: string }

/**
 * A restored configuration means the same to the new release (rows C26, C32, C33, C45, C52, N17, N21): options whose old name is
 * ignored without a message stand under their new one, what nothing reads is a comment, given values are in force as the service reads
 * its files. What moved and is still read stays. Errors: precondition_failed for a section that nobody reads (E1, E2), a value the new
 * release lacks, a listed section that is missing, a file read later with another value.
 */
export const configMigrated = operation({
  name: 'config.migrated',
  summary: 'A restored configuration means to the new release what it meant to the older one',
  args, timeoutS: 60, mayKill: true,
  describe: ({ files, set }) => `Bring ${files.join(', ')} to the new release's options${set.map(({ section, sectionsIn, key, value }) => `; [${section ?? `each of ${sectionsIn ?? ''}`}] ${key} = ${value}`).join('')}`,
  touches: ({ files, readOnly, set }) => ({ paths: [...files, ...readOnly, ...set.flatMap(({ file }) => file ?? [])] }),
  async check(probe, a) {
    const { files, review } = await read(probe, a), differences: Difference[] = [];
    for (const { path, ini } of files.filter(({ path: one }) => !a.readOnly.includes(one))) {
      for (const [from, to] of Object.entries(a.drift.ignored)) if (assignments(ini, placeOf(from)).length > 0) differences.push({ what: `${from} in ${path}`, found: 'set, and ignored without a message', wanted: `set as ${to}` });
      for (const option of a.drift.removed) if (assignments(ini, placeOf(option)).length > 0) differences.push({ what: `${option} in ${path}`, found: 'set, and nothing reads it', wanted: 'a comment' });
    }
    const inis = files.map(({ ini }) => ini);
    for (const one of wantedValues(a, { files, review })) {
      const now = effectiveIn(inis, one.section, one.key);
      if (now !== one.value) differences.push({ what: `[${one.section}] ${one.key}, as the service reads it`, found: now ?? 'absent', wanted: one.value });
    }
    const states = await Promise.all(editable(a).map(async (path) => [path, await stateOf(probe, path)] as const));
    return finding({ files: Object.fromEntries(states), review: { ...review } }, differences, `${String(review.kept)} options kept, ${String(review.moved.length)} read by an older name`);
  },
  async apply(host, a) {
    const configured = await read(host, a), wanted = wantedValues(a, configured), texts: { path: string; before: string; text: string }[] = [];
    for (const path of editable(a)) {
      const before = await readText(host, path);
      let text = migrate(before, a.drift);
      for (const one of wanted) if (one.file === path && effectiveIn([parseText(path, text)], one.section, one.key) !== one.value) text = editIni(text, one.section, one.key, one.value);
      texts.push({ path, before, text });
    }
    refuseOverridden(wanted, configured.files.map(({ path, ini }) => ({ path, ini: parsedAs(texts, path) ?? ini })));
    for (const { path, before, text } of texts) {
      await host.save(path);
      if (text !== before) await host.writeFile(path, text);
    }
  },
  async revert(host, a) { for (const path of editable(a)) await host.restore(path); },
});

const editable = ({ files, readOnly }: Args): string[] => files.filter((file) => !readOnly.includes(file));

async function read(probe: Probe, a: Args): Promise<Configured> {
  const listers = [...a.sectionLists, ...a.set.flatMap(({ sectionsIn }) => sectionsIn ?? [])];
  const read = await readConfig(probe, { ...a, listed: (files) => listers.flatMap((by) => listedSections(files.map(({ ini }) => ini), by, undefined).chosen) }, a.readOnly);
  const { unknown, values } = read.review, known = [...a.drift.sections, ...a.otherSections];
  if (unknown.length > 0) throw new StepError('precondition_failed', `nothing reads ${unknown.map((name) => `section [${name}]`).join(', ')}, so that what it sets is ignored; did you mean ${unknown.map((name) => `[${nearestSection(name, known)}]`).join(', ')}? A section of this site's own is named in otherSections`);
  if (values.length > 0) throw new StepError('precondition_failed', `the new release has no ${values.join(', ')}: choose another before the move`);
  return read;
}

const parsedAs = (texts: { path: string; text: string }[], path: string): IniFile['ini'] | undefined => {
  const found = texts.find((one) => one.path === path);
  return found === undefined ? undefined : parseText(path, found.text);
};

/** Of several values the last one counts: `files` as they will be, in the order in which the service reads them. */
function refuseOverridden(wanted: Wanted[], files: Pick<IniFile, 'path' | 'ini'>[]): void {
  for (const { file, section, key, value } of wanted) {
    const later = files.slice(files.findIndex(({ path }) => path === file) + 1);
    const override = effectiveIn(later.map(({ ini }) => ini), section, key);
    if (override !== undefined && override !== value) throw new StepError('precondition_failed', `a file read after ${file} sets [${section}] ${key} = ${override}, which would win: ${later.filter(({ ini }) => effectiveIn([ini], section, key) === override).at(-1)?.path ?? ''}`);
  }
}

function wantedValues(a: Args, { files }: Configured): Wanted[] {
  const inis = files.map(({ ini }) => ini);
  const own = files.filter(({ path }) => editable(a).includes(path)).map(({ ini }) => ini);
  return a.set.flatMap(({ file = editable(a).at(-1) ?? '', section, sectionsIn, where, key, value, unlessSet }): Wanted[] => {
    const isFree = (one: string): boolean => !unlessSet || effectiveIn(own, one, key) === undefined;
    if (section !== undefined) return isFree(section) ? [{ file, section, key, value }] : [];
    const { chosen, missing } = listedSections(inis, sectionsIn ?? '', where);
    if (missing.length > 0) throw new StepError('precondition_failed', `${sectionsIn ?? ''} lists ${missing.join(', ')}, and there is no such section`);
    return chosen.filter(isFree).map((name) => ({ file, section: name, key, value }));
  });
}
