/** Text that MariaDB's client programs and log files give, as values. Rows: procedure.md C18-C24. */

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', '0': '\0', '\\': '\\' };

/** Rows of `mysql --batch --skip-column-names`; NULL becomes null, `\t`, `\n`, `\0` and `\\` become themselves. */
export function parseRows(stdout: string): (string | null)[][] {
  return stdout.split('\n').filter((line, at, all) => at < all.length - 1 || line !== '').map((line) => line.split('\t')
    .map((cell) => (cell === 'NULL' ? null : cell.replace(/\\([nt0\\])/g, (_whole, kind: string) => ESCAPES[kind] ?? kind))));
}

/** Options as `my_print_defaults` prints them, one `--name=value` a line: the last one wins, `_` and `-` are one. */
export function parsePrintedDefaults(stdout: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const parts = /^--([^=]+)(?:=(.*))?$/.exec(line);
    if (parts?.[1] !== undefined) found.set(optionName(parts[1]), parts[2] ?? '');
  }
  return found;
}

/** The one spelling of an option's name: MariaDB takes `innodb-log-file-size` and `innodb_log_file_size` alike. */
export const optionName = (name: string): string => name.trim().toLowerCase().replaceAll('-', '_');

/** Options of one group of an option file; comments, quotes and `!include` lines are left out; the last one wins. */
export function readOptionGroup(text: string, group: string): Map<string, string> {
  const found = new Map<string, string>();
  let inside = false;
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    const header = /^\[([^\]]+)\]/.exec(line);
    if (header !== null) { inside = header[1] === group; continue; }
    const setting = /^([A-Za-z][\w-]*)\s*(?:=\s*(.*))?$/.exec(line);
    if (!inside || setting?.[1] === undefined) continue;
    found.set(optionName(setting[1]), (setting[2] ?? '').replace(/\s+#.*$/, '').replace(/^(["'])(.*)\1$/, '$2'));
  }
  return found;
}

/** `8M`, `5242880`, `1G` as bytes; undefined when it is no size. */
export function parseSizeBytes(text: string): number | undefined {
  const parts = /^(\d+)([KMG]?)$/i.exec(text.trim());
  if (parts === null) return undefined;
  return Number(parts[1]) * ({ '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[(parts[2] ?? '').toUpperCase()] ?? 1);
}

/** `5.5.40-MariaDB-log` -> `5.5.40`: what mysql_upgrade_info and VERSION() have in common. */
export const plainVersion = (text: string): string | undefined => /^\d+\.\d+\.\d+/.exec(text.trim())?.[0];

/** Compares dotted versions number by number. */
export function isAtLeast(version: string, wanted: string): boolean {
  const [have, need] = [version, wanted].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let at = 0; at < need.length; at++) {
    const difference = (have[at] ?? 0) - (need[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** InnoDB's complaints since the last start of the server in its error log; forms of 5.5 and of 10. */
export function innodbErrorsSinceStart(log: string): string[] {
  const lines = log.split('\n');
  const start = lines.findLastIndex((line) => /mysqld_safe Starting \S+ daemon|\[Note\] Starting MariaDB|\(mysqld [^)]*\) starting as process/.test(line));
  return lines.slice(Math.max(0, start)).filter((line) => /InnoDB/.test(line) && /\[ERROR\]|InnoDB: (?:Error|Fatal|Unable|Cannot)|corrupt/i.test(line));
}
