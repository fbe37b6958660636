/** `KEY=value` of one line: shell syntax as initscripts source it, without continuation lines. */
const LINE = /^(\s*(?:export\s+)?)([A-Za-z_]\w*)=(.*)$/;

/** The first word of shell text with its quotes taken off; `rest` is what follows it (a comment, blanks). */
function firstWord(text: string): { value: string; rest: string } {
  let value = '', quote = '', at = 0;
  for (; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (quote === '' && /[\s;]/.test(char)) break;
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === '\\' && quote !== "'" && (quote === '' || /["$`\\]/.test(text[at + 1] ?? ''))) value += text[at += 1] ?? '';
    else value += char;
  }
  return { value, rest: text.slice(at) };
}

const quoted = (value: string, old: string): string => (/^[\w.:/@%+,=-]*$/.test(value) && !/^["']/.test(old) ? value : `"${value.replace(/["$`\\]/g, '\\$&')}"`);

/** KEY -> value of an ifcfg-* file (RHEL 6 and 7: initscripts, sysconfig.txt); the last of several counts. Expansions stay as they are written. */
export function parseIfcfg(text: string): Map<string, string> {
  return new Map(text.split('\n').flatMap((line) => {
    const [, , key, raw = ''] = LINE.exec(line) ?? [];
    return key === undefined ? [] : [[key, firstWord(raw).value] as const];
  }));
}

/** The same file with some values set and some keys gone; every other line, their order and all comments stay. New keys go to the end. */
export function setIfcfg(text: string, set: ReadonlyMap<string, string>, drop: readonly string[] = []): string {
  const missing = new Map(set);
  const lines = text.split('\n').flatMap((line) => {
    const [, lead = '', key = '', raw = ''] = LINE.exec(line) ?? [];
    const value = set.get(key);
    missing.delete(key);
    if (value !== undefined) { const { value: old, rest } = firstWord(raw); return old === value ? [line] : [`${lead}${key}=${quoted(value, raw)}${rest}`]; }
    return drop.includes(key) ? [] : [line];
  });
  if (lines.at(-1) === '') lines.pop();
  return [...lines, ...[...missing].map(([key, value]) => `${key}=${quoted(value, '')}`), ''].join('\n');
}

/** An interface's name where it is renamed: an alias (eth0:1) and a VLAN (eth0.100) follow their parent. */
export function renamed(name: string, nameMap: Readonly<Record<string, string>>): string {
  const [, parent = name, suffix = ''] = /^(.+?)([.:].*)?$/.exec(name) ?? [];
  const known = (one: string): string | undefined => (Object.hasOwn(nameMap, one) ? nameMap[one] : undefined);
  return known(name) ?? (known(parent) ?? parent) + suffix;
}

/** Keys whose value names interfaces, one or several with blanks between (initscripts' sysconfig.txt; README.RHEL of Open vSwitch). */
const NAMING = ['DEVICE', 'NAME', 'MASTER', 'BRIDGE', 'PHYSDEV', 'GATEWAYDEV', 'OVS_BRIDGE', 'OVSDHCPINTERFACES', 'BOND_IFACES'];

/** What of an ifcfg file changes when interfaces are renamed. */
export function renamedValues(values: ReadonlyMap<string, string>, nameMap: Readonly<Record<string, string>>): Map<string, string> {
  return new Map([...values].filter(([key]) => NAMING.includes(key)).map(([key, value]) => [key, value.replace(/\S+/g, (word) => renamed(word, nameMap))]));
}

/** A route-* or rule-* file with interfaces renamed: the words after dev, iif and oif; ADDRESS0= lines name none. */
export function renamedRoutes(text: string, nameMap: Readonly<Record<string, string>>): string {
  return text.replace(/^(?!\s*#).*$/gm, (line) => line.replace(/\b(dev|iif|oif)(\s+)(\S+)/g, (_all, word: string, blank: string, name: string) => word + blank + renamed(name, nameMap)));
}

/** Interfaces that no hardware stands behind: made by ifup itself. */
export function isMadeBySoftware(values: ReadonlyMap<string, string>): boolean {
  const type = values.get('TYPE') ?? '', device = values.get('DEVICE') ?? '';
  return !['', 'Ethernet', 'OVSPort', 'InfiniBand'].includes(type) || values.get('VLAN') === 'yes' || values.has('BONDING_OPTS') || /[.:]/.test(device) || device === 'lo' || /^bond\d/.test(device);
}
