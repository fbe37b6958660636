import * as z from 'zod';
import type { Probe } from '../host/host.ts';
import { review, type Drift, type Review } from '../parse/drift.ts';
import { absolutePath } from './fields.ts';
import { readIniFile, type IniFile } from './ini-files.ts';
import { optionName, sectionName } from './rpc-cap.ts';

/** What config.migrated and config.reviewed share: the files of one service, and what the new release makes of them. */
export const optionPlace = z.string().regex(/^[^\][\n.]+\.[A-Za-z0-9_<>][A-Za-z0-9_.<>-]*$/, 'expected section.option, such as DEFAULT.verbose');
const names = z.record(optionPlace, optionPlace).default({});
const drift = z.strictObject({
  moved: names.describe('Old option to new, as section.option; the old name is still read, and left'),
  ignored: names.describe('Old option to new, as section.option; the old name is ignored without a message'),
  removed: z.array(optionPlace).default([]).describe('Options that nothing reads any more'),
  defaults: z.record(optionPlace, z.array(z.string()).length(2)).default({}).describe('Option to its default before and now'),
  values: z.record(optionPlace, z.array(z.string())).default({}).describe('Option (section *: any) to values that no longer exist; * at the end stands for more'),
  sections: z.array(sectionName).default([]).describe('Sections that the service reads; none: they are not judged'),
});
export const configFiles = {
  files: z.array(absolutePath).min(1).describe('Ini files in the order in which the service reads them; of several values the last one counts'),
  drift: drift.describe('What the new release makes of the older one\'s options'),
  otherSections: z.array(sectionName).default([]).describe('Sections of this site that are read too'),
  sectionLists: z.array(optionPlace).default([]).describe('Options whose value lists further sections that are read, such as DEFAULT.enabled_backends'),
};
export { optionName, sectionName };

export interface Configured { files: IniFile[]; review: Review }

/** Reads the files; `optional` ones may be missing. Throws StepError precondition_failed. */
export async function readConfig(probe: Probe, wanted: { files: string[]; drift: Drift; otherSections: string[]; listed: (files: IniFile[]) => string[] }, optional: readonly string[]): Promise<Configured> {
  const files: IniFile[] = [];
  for (const path of wanted.files) if (!optional.includes(path) || await probe.stat(path) !== undefined) files.push(await readIniFile(probe, path));
  return { files, review: review(files.map(({ ini }) => ini), wanted.drift, [...wanted.otherSections, ...wanted.listed(files)]) };
}
