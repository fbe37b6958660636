/**
 * Repository ids of `yum -q repolist enabled`, without yum 3.4.3's marks: `!` and `*` before the id (yum(8), repolist),
 * `/7Server/x86_64` after it. dnf's table has the same first column.
 */
export function parseRepolist(text: string): string[] {
  const lines = text.split('\n');
  const header = lines.findIndex((line) => /^repo id\s/.test(line));
  return lines.slice(header + 1)
    .filter((line) => header >= 0 && line.trim() !== '' && !/^repolist:/.test(line))
    .map((line) => (line.split(/\s/)[0] ?? '').replace(/^[!*]+/, '').replace(/\/.*$/, ''));
}

/** Name -> repository it was installed from, of `yum -q list installed NAMES`; yum wraps long rows, so words count and not lines. */
export function parseListInstalled(text: string): Map<string, string> {
  const body = /^Installed Packages$/m.exec(text);
  const words = body === null ? [] : text.slice(body.index + body[0].length).trim().split(/\s+/);
  const found = new Map<string, string>();
  for (let at = 0; at + 2 < words.length; at += 3) found.set((words[at] ?? '').replace(/\.[^.]+$/, ''), (words[at + 2] ?? '').replace(/^@/, ''));
  return found;
}
