import { effective, groupName, type Ini } from './ini.ts';
import { assignments, commentOut, effectiveIn, moveOption, placeOf } from './ini-sections.ts';

/** What a new release makes of the options of an older one; options as `section.option`. */
export interface Drift {
  /** Old name to new; the old one is still read. */
  moved: Record<string, string>;
  /** Old name to new; the old one is ignored without a message. */
  ignored: Record<string, string>;
  removed: string[];
  /** Option to its default before and now. */
  defaults: Record<string, string[]>;
  /** Option (section `*`: any) to values that no longer exist; `*` at a value's end stands for more. */
  values: Record<string, string[]>;
  /** Sections that the service reads. */
  sections: string[];
}

/** What of it concerns these files, in the order in which the service reads them. Names only: values may be secrets. */
export interface Review {
  kept: number;
  moved: string[];
  ignored: string[];
  removed: string[];
  /** Options that are set nowhere, so that the other default counts. */
  defaults: string[];
  /** Values that the new release does not have. */
  values: string[];
  /** Sections that nobody reads. */
  unknown: string[];
}

export function review(files: readonly Ini[], drift: Drift, otherSections: readonly string[]): Review {
  const isSet = (option: string): boolean => files.some((ini) => assignments(ini, placeOf(option)).length > 0);
  const renamed = (names: Record<string, string>): string[] => Object.entries(names).filter(([from]) => isSet(from)).map(([from, to]) => `${from} -> ${to}`).sort();
  const moved = renamed(drift.moved), ignored = renamed(drift.ignored), removed = drift.removed.filter(isSet).sort();
  const options = new Set(files.flatMap((ini) => ini.values.map(({ section, key }) => `${groupName(section)}.${key}`)));
  const known = new Set([...drift.sections, ...otherSections, 'DEFAULT'].map(groupName));
  const sections = files.flatMap((ini) => ini.sections.map(({ name }) => name));
  return {
    kept: options.size - moved.length - ignored.length - removed.length, moved, ignored, removed,
    // An option that was moved is set under its older name.
    defaults: Object.entries(drift.defaults).filter(([option]) => ![option, ...olderNames(drift, option)].some(isSet)).map(([option, [was = '', now = '']]) => `${option}: ${was} -> ${now}`).sort(),
    values: Object.entries(drift.values).flatMap(([option, gone]) => lost(files, option, gone)).sort(),
    unknown: [...new Set(drift.sections.length === 0 ? [] : sections.filter((name) => !known.has(groupName(name))))].sort(),
  };
}

const olderNames = ({ moved, ignored }: Drift, option: string): string[] => [...Object.entries(moved), ...Object.entries(ignored)].filter(([, to]) => to === option).map(([from]) => from);

/** Values in force that the new release does not have: `cinder.volume.drivers.xenapi.sm.*` stands for all that begin so. */
function lost(files: readonly Ini[], option: string, gone: readonly string[]): string[] {
  const { section, key } = placeOf(option);
  const sections = section === '*' ? [...new Set(files.flatMap((ini) => assignments(ini, { section, key }).map((one) => one.section)))] : [section];
  return sections.flatMap((name) => {
    const value = effectiveIn(files, name, key);
    return value !== undefined && gone.some((one) => (one.endsWith('*') ? value.startsWith(one.slice(0, -1)) : one === value)) ? [`${name}.${key} = ${value}`] : [];
  });
}

/** The text as the new release reads it: ignored names under their new ones, removed ones as comments. */
export function migrate(text: string, { ignored, removed }: Pick<Drift, 'ignored' | 'removed'>): string {
  const moved = Object.entries(ignored).reduce((now, [from, to]) => moveOption(now, placeOf(from), placeOf(to)), text);
  return removed.reduce((now, option) => commentOut(now, placeOf(option)), moved);
}

/** Sections that an option lists, such as `DEFAULT.enabled_backends`, whose option `key` contains a word; one without that option too where `absentToo`. */
export function listedSections(files: readonly Ini[], by: string, where: { key: string; contains: string; absentToo: boolean } | undefined): { chosen: string[]; missing: string[] } {
  const { section, key } = placeOf(by), names = (effectiveIn(files, section, key) ?? '').split(',').map((name) => name.trim()).filter(Boolean);
  const has = (name: string): boolean => files.some((ini) => ini.sections.some((one) => groupName(one.name) === groupName(name)));
  const fits = (name: string): boolean => {
    const value = where === undefined ? undefined : files.map((ini) => effective(ini, name, where.key)).findLast((one) => one !== undefined);
    return where === undefined || (value === undefined ? where.absentToo : value.toLowerCase().includes(where.contains.toLowerCase()));
  };
  return { chosen: names.filter((name) => has(name) && fits(name)), missing: names.filter((name) => !has(name)) };
}
