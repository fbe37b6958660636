/** A pattern of fnmatch(3) as a RegExp over the whole text: `*`, `?` and `[...]`; as yum and subscription-manager match. */
export function globToRegExp(glob: string): RegExp {
  const source = glob.replace(/\[!?[^\]]+\]|[*?]|[^A-Za-z0-9_]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 1) return part.replace(/\\/g, '\\\\').replace(/^\[!/, '[^');
    return `\\${part}`;
  });
  return new RegExp(`^${source}$`, 's');
}
