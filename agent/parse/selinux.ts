/** Output of SELinux tools of RHEL 7.0: policycoreutils 2.2.5, libselinux-utils 2.2.2. */
export interface Relabel { path: string; from: string; to: string }

/** Lines `restorecon reset PATH context FROM->TO` of restorecon -v (setfiles/restore.c of policycoreutils 2.2.5). */
export function parseRestorecon(output: string): Relabel[] {
  return [...output.matchAll(/^(?:\S*restorecon) reset (.+) context (\S+)->(\S+)$/gm)].map(([, path = '', from = '', to = '']) => ({ path, from, to }));
}

/** `NAME --> on` of getsebool; undefined for anything else. */
export function parseGetsebool(output: string, name: string): 'on' | 'off' | undefined {
  const [, found, value] = /^(\S+) --> (on|off)\s*$/.exec(output) ?? [];
  return found === name ? (value as 'on' | 'off') : undefined;
}

/** booleans.local of libsemanage: `name=1`, comments with #. */
export function parseBooleans(text: string): Map<string, 'on' | 'off'> {
  return new Map([...text.matchAll(/^\s*([\w.-]+)\s*=\s*(1|0|true|false|on|off)\s*$/gm)].map(([, name = '', value = '']) => [name, /1|true|on/.test(value) ? 'on' : 'off']));
}
