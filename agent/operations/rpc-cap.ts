import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import type { Host, Probe } from '../host/host.ts';
import { editIni, effective } from '../parse/ini.ts';
import { dropSections, effectiveIn, mistakenSections } from '../parse/ini-sections.ts';
import { absolutePath } from './fields.ts';
import { readIniFile, stateOf, type IniFile } from './ini-files.ts';
import { finding, type Finding } from './operation.ts';

/** What rpc.capped and rpc.uncapped share: a cap of RPC versions in an ini file that a service reads among others. */
export const optionName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'expected the name of an option');
export const sectionName = z.string().regex(/^[^\][\n]+$/, 'expected a section without brackets');
export const capFile = {
  file: absolutePath.describe('Ini file of the service; it must exist'),
  before: z.array(absolutePath).default([]).describe('Files that the service reads before it, such as a distribution\'s; one that is missing is passed over'),
  after: z.array(absolutePath).default([]).describe('Files that it reads after it, whose values win'),
  section: sectionName.describe('Section of the caps, exactly as the service registers it'),
  misspelt: z.array(sectionName).default([]).describe('Further sections that are taken for it and that nothing reads; the same letters with other marks are found without'),
};

export interface Cap {
  file: string; before: string[]; after: string[]; section: string; misspelt: string[];
  /** Option to the reason why it must not stand in the section. */
  absent: Record<string, string>;
  level?: { key: string; value: string; accepted: string[] };
}

const holds = (level: NonNullable<Cap['level']>, value: string | undefined): boolean => value !== undefined && [level.value, ...level.accepted].includes(value);

async function read(probe: Probe, { file, before, after }: Cap): Promise<{ own: IniFile; all: IniFile[] }> {
  const others = async (paths: string[]): Promise<IniFile[]> => {
    const there: IniFile[] = [];
    for (const path of paths) if (await probe.stat(path) !== undefined) there.push(await readIniFile(probe, path));
    return there;
  };
  const own = await readIniFile(probe, file);
  return { own, all: [...await others(before), own, ...await others(after)] };
}

/** The caps as the service reads them: the last value of the last file, in the section of exactly this name. */
export async function lookAtCap(probe: Probe, cap: Cap): Promise<Finding> {
  const { all } = await read(probe, cap), differences: Difference[] = [];
  for (const { path, ini } of all) {
    for (const name of mistakenSections(ini, cap.section, cap.misspelt)) {
      const keys = [...new Set(ini.values.filter((one) => one.section === name).map(({ key }) => key))];
      differences.push({ what: `[${name}] in ${path}`, found: `a section that no service reads, so that what it sets does not hold (${keys.join(', ') || 'empty'})`, wanted: `gone; the section is [${cap.section}]` });
    }
    for (const [key, why] of Object.entries(cap.absent)) {
      const value = effective(ini, cap.section, key);
      if (value !== undefined) differences.push({ what: `[${cap.section}] ${key} in ${path}`, found: value, wanted: `absent: ${why}` });
    }
  }
  const value = cap.level === undefined ? undefined : effectiveIn(all.map(({ ini }) => ini), cap.section, cap.level.key);
  if (cap.level !== undefined && !holds(cap.level, value)) differences.push({ what: `[${cap.section}] ${cap.level.key}, as the service reads it`, found: value ?? 'absent: no cap', wanted: cap.level.value });
  return finding({ ...await stateOf(probe, cap.file), effective: value ?? null }, differences);
}

/** Edits the one file. Throws StepError precondition_failed where another file stands in the way. */
export async function writeCap(host: Host, cap: Cap): Promise<void> {
  const { own, all } = await read(host, cap);
  for (const { path, ini } of all) {
    if (path === cap.file) continue;
    const wrong = [...mistakenSections(ini, cap.section, cap.misspelt).map((name) => `[${name}]`), ...Object.keys(cap.absent).filter((key) => effective(ini, cap.section, key) !== undefined)];
    if (wrong.length > 0) throw new StepError('precondition_failed', `${path} has ${wrong.join(', ')}, and this step edits ${cap.file} only`);
  }
  const level = cap.level, later = all.slice(all.indexOf(own) + 1).map(({ ini }) => ini);
  const override = level === undefined ? undefined : effectiveIn(later, cap.section, level.key);
  if (level !== undefined && override !== undefined && !holds(level, override)) throw new StepError('precondition_failed', `a file read after ${cap.file} sets [${cap.section}] ${level.key} = ${override}, which would win`);
  let text = dropSections(own.text, mistakenSections(own.ini, cap.section, cap.misspelt));
  for (const key of Object.keys(cap.absent)) text = editIni(text, cap.section, key, null);
  if (level !== undefined && !holds(level, effectiveIn(all.map(({ ini }) => ini), cap.section, level.key))) text = editIni(text, cap.section, level.key, level.value);
  await host.save(cap.file);
  await host.writeFile(cap.file, text);
}
