/** One repository as a .repo file describes it. */
export interface Repository { id: string; name: string; enabled: boolean }

const SECTION = /^\[([^\]]+)\]/;
const OPTION = /^([^\s:=][^:=]*?)\s*[:=]\s*(.*?)\s*$/;

/**
 * The repositories of one .repo file as yum 3.4.3 reads it (yum/config.py over Python's ConfigParser): `enabled` is
 * true when absent, `1`, `yes` or `true`; the last of two equal options wins; lines that start with white space go on
 * with the value above; `#`, `;` and `rem` lines are comments; [main] is no repository.
 */
export function parseRepoFile(text: string): Repository[] {
  const repositories: Repository[] = [];
  let current: Repository | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '' || /^([#;]|rem\s)/i.test(line) || /^\s/.test(line)) continue;
    const section = SECTION.exec(line)?.[1];
    if (section !== undefined) {
      current = repositories.find((one) => one.id === section);
      if (current === undefined) repositories.push(current = { id: section, name: '', enabled: true });
      continue;
    }
    const [, option = '', value = ''] = OPTION.exec(line) ?? [];
    if (current === undefined) continue;
    if (option.toLowerCase() === 'enabled') current.enabled = /^(1|yes|true)$/i.test(value.replace(/\s+;.*$/, ''));
    if (option.toLowerCase() === 'name') current.name = value;
  }
  return repositories.filter((one) => one.id !== 'main');
}

/** The same text with `enabled` of one repository set; all other lines and comments stay. */
export function setRepoEnabled(text: string, id: string, enabled: boolean): string {
  const lines = text.split('\n'), wanted = `enabled=${enabled ? 1 : 0}`;
  const start = lines.findIndex((line) => SECTION.exec(line)?.[1] === id);
  if (start < 0) return text;
  const next = lines.findIndex((line, at) => at > start && SECTION.test(line));
  const end = next < 0 ? lines.length : next;
  const has = lines.slice(start, end).some((line) => /^enabled\s*[:=]/i.test(line));
  return lines.flatMap((line, at) => {
    if (at === start && !has) return [line, wanted];
    return [at > start && at < end && /^enabled\s*[:=]/i.test(line) ? wanted : line];
  }).join('\n');
}
