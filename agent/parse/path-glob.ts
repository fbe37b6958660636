/**
 * A path glob as a test: `*` and `?` stay within one folder, `**` crosses folders, all else is literal. Names are
 * strings of one character a byte and may hold newlines. A glob that names a folder holds for what is below it too.
 */
export function pathGlob(pattern: string): (path: string) => boolean {
  const source = pattern.replace(/\*\*|[*?]|[.+^${}()|[\]\\]/g, (part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part === '?' ? '[^/]' : `\\${part}`));
  const regex = new RegExp(`^${source}(?:/.*)?$`, 's');
  return (path) => regex.test(path);
}
