/** Output of SELinux tools: policycoreutils 2.2.5 of RHEL 7.0, and from 2.6 on, where libselinux does restorecon's work. */
export interface Relabel { path: string; from: string; to: string }

/**
 * What restorecon -v did or would do: `restorecon reset PATH context FROM->TO` (setfiles/restore.c of policycoreutils
 * 2.2.5), `Relabeled PATH from FROM to TO` and `Would relabel ...` (selinux_restorecon.c of libselinux 2.6 and later).
 */
export function parseRestorecon(output: string): Relabel[] {
  return [...output.matchAll(/^(?:\S*restorecon reset (.+) context (\S*)->(\S+)|(?:Relabeled|Would relabel) (.+) from (\S+) to (\S+))$/gm)]
    .map(([, path, from, to, laterPath, laterFrom, laterTo]) => ({ path: path ?? laterPath ?? '', from: from ?? laterFrom ?? '', to: to ?? laterTo ?? '' }));
}

/** booleans.local of libsemanage: `name=1`, comments with #. */
export function parseBooleans(text: string): Map<string, 'on' | 'off'> {
  return new Map([...text.matchAll(/^\s*([\w.-]+)\s*=\s*(1|0|true|false|on|off)\s*$/gm)].map(([, name = '', value = '']) => [name, /1|true|on/.test(value) ? 'on' : 'off']));
}
