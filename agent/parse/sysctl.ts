/** Kernel settings of a sysctl.conf(5): the last one of a name counts; `#` and `;` begin comments, `/` in a name is `.`. */
export function parseSysctl(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*-?\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) found.set(name.replaceAll('/', '.'), oneBlank(value));
  }
  return found;
}

/** The kernel separates the parts of a value by tabs, files by what was typed. */
export const oneBlank = (value: string): string => value.trim().replace(/\s+/g, ' ');
