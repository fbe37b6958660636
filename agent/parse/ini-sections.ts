import { editIni, effective, groupName, insert, parseIni, type Ini, type IniValue } from './ini.ts';

/** Sections that a reader takes for `section` and oslo.config does not: the same letters with other marks (E1, E2), or named in `more`. */
export function mistakenSections(ini: Ini, section: string, more: readonly string[] = []): string[] {
  const letters = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const also = more.map(groupName);
  const mistaken = ini.sections.map(({ name }) => name).filter((name) => groupName(name) !== groupName(section) && (letters(name) === letters(section) || also.includes(groupName(name))));
  return [...new Set(mistaken)];
}

/** The text without these sections: their headers and values; comments stay where they are. */
export function dropSections(text: string, names: readonly string[]): string {
  const ini = parseIni(text), gone = names.map(groupName), is = (name: string): boolean => gone.includes(groupName(name));
  const lines = new Set([
    ...ini.sections.filter(({ name }) => is(name)).map(({ line }) => line),
    ...ini.values.filter(({ section }) => is(section)).flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at)),
  ]);
  return ini.lines.filter((_, index) => !lines.has(index)).join('\n');
}

/** The value that counts where a service reads several files in this order: the last file that has one. */
export function effectiveIn(files: readonly Ini[], section: string, key: string): string | undefined {
  return files.map((ini) => effective(ini, section, key)).findLast((value) => value !== undefined);
}

export interface Place { section: string; key: string }
/** `DEFAULT.enabled_backends`: the section up to the first dot. */
export const placeOf = (text: string): Place => ({ section: text.slice(0, Math.max(0, text.indexOf('.'))), key: text.slice(text.indexOf('.') + 1) });

/** Every assignment of an option; the section `*` stands for each. */
export const assignments = (ini: Ini, { section, key }: Place): IniValue[] => ini.values.filter((one) => one.key === key && (section === '*' || groupName(one.section) === groupName(section)));

/** The text with all assignments of `from` under `to`, as they were written (several count for an option of many values); where `to` is set, they only go. */
export function moveOption(text: string, from: Place, to: Place): string {
  const ini = parseIni(text), written = assignments(ini, from).flatMap((one) => ini.lines.slice(one.from, one.to + 1).map((line, at) => (at === 0 ? line.replace(/^[^=:]*?(?=[ \t]*[=:])/, () => to.key) : line)));
  const without = editIni(text, from.section, from.key, null), rest = parseIni(without);
  return written.length === 0 || assignments(rest, to).length > 0 ? without : insert(rest, to.section, written);
}

/** The text with all assignments of an option as comments. */
export function commentOut(text: string, place: Place): string {
  const ini = parseIni(text), mine = assignments(ini, place);
  return ini.lines.map((line, at) => (mine.some(({ from, to }) => from <= at && at <= to) ? `# ${line}` : line)).join('\n');
}
