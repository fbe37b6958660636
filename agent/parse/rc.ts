/**
 * Values of an OpenStack rc file such as packstack's keystonerc_admin: `export NAME=value` lines, with or without
 * quotes; the last one wins. Nothing is expanded: a value with `$` or a command in it is left out, not guessed.
 */
export function parseRc(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const parts = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(?:'([^']*)'|"([^"]*)"|([^\s'"]*))\s*(?:#.*)?$/.exec(line);
    const name = parts?.[1];
    if (name === undefined) continue;
    const literal = parts?.[2];
    const open = parts?.[3] ?? parts?.[4] ?? '';
    if (literal === undefined && /[$`\\]/.test(open)) continue;
    found.set(name, literal ?? open);
  }
  return found;
}
