import { renamed } from './ifcfg.ts';

/** What names an interface in a rule: of iptables itself, and of its match physdev. */
const NAMES_ONE = /(?<=^|\s)(-i|-o|--in-interface|--out-interface|--physdev-in|--physdev-out)(\s+(?:!\s+)?)([^\s"]+)/g;

/**
 * Rules as iptables-save writes them, with interfaces renamed: another release calls the same card otherwise, and a rule for a card
 * that is not there lets nothing in. What stands in quotes is a text; a name with `+` at its end stands for more and is left.
 */
export function renamedInterfaces(text: string, nameMap: Readonly<Record<string, string>>): string {
  if (Object.keys(nameMap).length === 0) return text;
  const rename = (line: string): string => line.replace(/"(?:[^"\\]|\\.)*"|[^"]+/g, (piece) => (piece.startsWith('"') ? piece : piece.replace(NAMES_ONE, (_all, option: string, blank: string, name: string) => option + blank + renamed(name, nameMap))));
  return text.split('\n').map((line) => (/^(?:\[\d+:\d+\]\s*)?(?:-A|--append)\s/.test(line) ? rename(line) : line)).join('\n');
}
