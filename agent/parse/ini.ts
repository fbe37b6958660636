/**
 * Ini files as oslo.config 1.4.0 reads them (its iniparser.py and cfg.py): a value goes on over indented lines, a
 * blank line or one in the first column ends it, `=` or `:` whichever comes first, one pair of equal quotes around a
 * one-line value falls away, group names are compared in lower case except DEFAULT, option names exactly, and of
 * several values the last one counts. Nothing is inherited from DEFAULT. `[upgrade-levels]` is another group than
 * `[upgrade_levels]` (mission analysis, procedure.md E1).
 */
export interface IniValue { section: string; key: string; value: string; /** Lines of the text, first and last, from 0. */ from: number; to: number }
export interface Ini { lines: string[]; values: IniValue[]; sections: { name: string; line: number }[] }

const strip = (text: string): string => text.replace(/^[ \t\r\v\f]+|[ \t\r\v\f]+$/g, '');
const stripRight = (text: string): string => text.replace(/[ \t\r\v\f]+$/, '');
/** The name under which a consumer looks a group up. */
export const groupName = (section: string): string => (section === 'DEFAULT' ? section : section.toLowerCase());

/** Throws Error `line N: ...` where the consumer would refuse the file; `skip` passes over such lines instead. */
export function parseIni(text: string, onBad: 'throw' | 'skip' = 'throw'): Ini {
  const ini: Ini = { lines: text.split('\n'), values: [], sections: [] };
  let open: { key: string; parts: string[]; from: number; to: number } | undefined;
  let section: string | undefined;
  const close = (): void => {
    if (open !== undefined) ini.values.push({ section: section ?? '', key: open.key, value: open.parts.join('\n'), from: open.from, to: open.to });
    open = undefined;
  };
  ini.lines.forEach((raw, index) => {
    const line = stripRight(raw), fail = (message: string): void => { if (onBad === 'throw') throw new Error(`line ${String(index + 1)}: ${message}`); };
    if (line === '') { close(); return; }
    if (/^[ \t]/.test(line)) {
      if (open === undefined) return fail('a continuation line with nothing to continue');
      open.parts.push(strip(line));
      open.to = index;
      return;
    }
    close();
    if (line.startsWith('[')) {
      if (!line.endsWith(']') || line.length <= 2) return fail(`not a section: ${line}`);
      section = line.slice(1, -1);
      ini.sections.push({ name: section, line: index });
    } else if (!/^[#;]/.test(line)) {
      const cut = line.search(/[=:]/);
      if (cut < 0) return fail('neither a section, a comment nor an assignment');
      const key = strip(line.slice(0, cut));
      if (key === '') return fail('a value without a name');
      if (section === undefined) return fail(`${key} stands before any section`);
      open = { key, parts: [unquote(strip(line.slice(cut + 1)))], from: index, to: index };
    }
  });
  close();
  return ini;
}

const unquote = (value: string): string => (/^["']/.test(value) && value[0] === value.at(-1) ? value.slice(1, -1) : value);

/** The value that counts, as the consumer sees it; undefined when there is none in this group. */
export function effective(ini: Ini, section: string, key: string): string | undefined {
  return ini.values.findLast((one) => groupName(one.section) === groupName(section) && one.key === key)?.value;
}

/** One value of a file that need not be oslo.config's (my.cnf has names without a value): lines of other kinds are passed over. */
export function readIniValue(text: string, section: string, key: string): string | undefined {
  return effective(parseIni(text, 'skip'), section, key);
}

/**
 * The text with `key` set in `section` (null: absent), every other line as it was. The last assignment is replaced in
 * place, earlier ones of the same option go. Throws Error when the format cannot hold the value.
 */
export function editIni(text: string, section: string, key: string, value: string | null): string {
  const ini = parseIni(text), { lines } = ini;
  const mine = ini.values.filter((one) => groupName(one.section) === groupName(section) && one.key === key);
  const written = value === null ? [] : write(key, value);
  const last = mine.at(-1);
  const kept = lines.flatMap((line, index) => (last?.from === index ? written : mine.some((one) => one.from <= index && index <= one.to) ? [] : [line]));
  const edited = last !== undefined || value === null ? kept.join('\n') : insert(ini, section, written);
  const now = effective(parseIni(edited), section, key);
  if (now !== (value ?? undefined)) throw new Error(`[${section}] ${key} would be read back as ${JSON.stringify(now ?? null)}`);
  return edited;
}

function write(key: string, value: string): string[] {
  const [first = '', ...more] = value.split('\n');
  const quoted = first !== strip(first) || /^["']/.test(first) ? `"${first}"` : first;
  return [stripRight(`${key} = ${quoted}`), ...more.map((line) => `    ${line}`)];
}

/** After the last value of the last section of that name, or under its header; else as a new section at the end. */
export function insert({ lines, sections, values }: Ini, section: string, written: string[]): string {
  const at = sections.findLastIndex((one) => groupName(one.name) === groupName(section));
  const here = sections[at];
  if (here === undefined) {
    const body = lines.join('\n').replace(/\n*$/, '');
    return [...(body === '' ? [] : [body, '']), `[${section}]`, ...written, ''].join('\n');
  }
  const next = sections[at + 1]?.line ?? lines.length;
  const after = (values.findLast((one) => one.from > here.line && one.to < next)?.to ?? here.line) + 1;
  return [...lines.slice(0, after), ...written, ...(after === lines.length ? [''] : lines.slice(after))].join('\n');
}
