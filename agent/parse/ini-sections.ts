import { effective, groupName, parseIni, type Ini } from './ini.ts';

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
