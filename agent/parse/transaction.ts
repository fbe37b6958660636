/** One package of a transaction: `install` brings it new, `update` replaces an installed one, `erase` takes one away. */
export interface Element { kind: 'install' | 'update' | 'erase'; name: string; /** name-version-release.arch, without the epoch. */ nevra: string; done: boolean }

/** A package as dnf and yum write it: `32:bind-utils-9.11.4-26.el7.x86_64`, `name-1:2-3.noarch`. */
function splitNevra(text: string): { name: string; nevra: string } | undefined {
  const [, name, version, rest] = /^(?:\d+:)?(.+)-(?:\d+:)?([^-]+)-([^-]+\.[^-.]+)$/.exec(text) ?? [];
  return name === undefined ? undefined : { name, nevra: `${name}-${String(version)}-${String(rest)}` };
}

export interface HistoryEntry { commandLine: string; begun: string; /** Whether it came to an end, well or not. */ ended: boolean; elements: Element[] }

const KINDS: Record<string, Element['kind']> = {
  'Install': 'install', 'Dep-Install': 'install', 'Upgrade': 'update', 'Downgrade': 'update', 'Reinstall': 'update',
  'Upgraded': 'erase', 'Downgraded': 'erase', 'Reinstalled': 'erase', 'Obsoleted': 'erase', 'Removed': 'erase', 'Erase': 'erase',
};

/**
 * The transaction that `yum history info last` of dnf 4 tells of; undefined where there is none. dnf writes down how a
 * transaction and its packages ended when all is over: one that was killed has `**` for its last state and before each package.
 */
export function parseHistoryInfo(text: string): HistoryEntry | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name} *: ?(.*)$`, 'm').exec(text)?.[1]?.trim();
  const commandLine = field('Command Line'), begun = field('Begin time'), last = field('End rpmdb');
  if (commandLine === undefined || begun === undefined || last === undefined) return undefined;
  const elements = text.slice(text.indexOf('Packages Altered:')).split('\n').flatMap((line): Element[] => {
    const [, mark, action = '', packageText = ''] = /^ (\*\*| {2}) (\S+) +(\S+)/.exec(line) ?? [];
    const kind = KINDS[action], split = splitNevra(packageText);
    return kind === undefined || split === undefined ? [] : [{ kind, ...split, done: mark !== '**' }];
  });
  return { commandLine, begun, ended: !last.startsWith('**'), elements };
}

/**
 * What yum 3 notes of a transaction under way, in /var/lib/yum: `transaction-all.TIME` before it begins, a line in
 * `transaction-done.TIME` for each part that is complete, scripts too; both are removed at its end (yum/rpmtrans.py, misc.py).
 */
export function parseJournal(all: string, done: string): Element[] {
  const lines = (text: string): string[] => text.split('\n').filter((line) => /^(install|erase) \S+$/.test(line));
  const complete = new Set(lines(done)), parts = lines(all).map((line) => ({ line, kind: line.split(' ')[0], ...splitNevra(line.split(' ')[1] ?? '') }));
  const erased = new Set(parts.filter((part) => part.kind === 'erase').map((part) => part.name));
  return parts.flatMap(({ line, kind, name, nevra }): Element[] => (name === undefined || nevra === undefined ? []
    : [{ kind: kind === 'erase' ? 'erase' : erased.has(name) ? 'update' : 'install', name, nevra, done: complete.has(line) }]));
}
