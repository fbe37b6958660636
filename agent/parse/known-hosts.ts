/** `TYPE KEY` of each line that ssh-keyscan printed, by host; comments are passed over. */
export function parseHostKeys(text: string): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [host = '', type, key] = line.trim().split(/\s+/);
    if (host === '' || host.startsWith('#') || type === undefined || key === undefined) continue;
    keys.set(host, [...keys.get(host) ?? [], `${type} ${key}`].sort());
  }
  return keys;
}

/** A known_hosts file in which each of these hosts has exactly these keys. Lines of other hosts, hashed names and marked lines stay. */
export function withHostKeys(text: string, keys: ReadonlyMap<string, string[]>): string {
  const kept = text.split('\n').flatMap((line) => {
    const [names = '', ...rest] = line.trim().split(/\s+/);
    if (names === '' || /^[#|@]/.test(names)) return [line];
    const others = names.split(',').filter((name) => !keys.has(name));
    return others.length === 0 ? [] : [others.length === names.split(',').length ? line : [others.join(','), ...rest].join(' ')];
  });
  const body = kept.join('\n').replace(/\n*$/, '');
  return [...(body === '' ? [] : [body]), ...[...keys].sort().flatMap(([host, list]) => list.map((key) => `${host} ${key}`)), ''].join('\n');
}

/** An authorized_keys file that holds this public key; compared without its comment. */
export function withAuthorized(text: string, key: string): string {
  const [type = '', body = ''] = key.trim().split(/\s+/);
  if (text.split('\n').some((line) => !line.startsWith('#') && ` ${line} `.includes(` ${type} ${body} `))) return text;
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${key.trim()}\n`;
}
