import { readFileSync } from 'node:fs';

/** A fenced block of docs/air-gap.md: commands on hosts, a file to write on one, or things a person carries from host to host. */
export type Block =
  | { kind: 'run'; line: number; hosts: string[]; exits: number[]; script: string; expected: string[] }
  | { kind: 'write'; line: number; host: string; path: string; text: string }
  | { kind: 'carry'; line: number; ways: { from: string; path: string; to: string; toPath: string }[] };

/** In the order of the page; a block of another kind than these is an error, so that no command of the page is left out. */
export function readPage(file: string): Block[] {
  const blocks: Block[] = [];
  const lines = readFileSync(file, 'utf8').split('\n');
  for (let at = 0; at < lines.length; at++) {
    const opening = /^```(\S*) ?(.*)$/.exec(lines[at]!);
    if (opening === null) continue;
    const line = at + 1, end = lines.indexOf('```', line);
    if (end < 0) throw new Error(`${file}:${line}: the block has no end`);
    const body = lines.slice(line, end), [, kind = '', words = ''] = opening, last = blocks.at(-1);
    at = end;
    if (kind === 'sh' && words !== '') {
      const all = words.split(' '), exit = all.find((word) => word.startsWith('exit='));
      blocks.push({ kind: 'run', line, hosts: all.filter((word) => word !== exit), exits: exit?.slice('exit='.length).split(',').map(Number) ?? [0], script: body.join('\n'), expected: [] });
    } else if (kind === 'text' && last?.kind === 'run') {
      last.expected = body;
    } else if (kind === 'carry') {
      blocks.push({ kind: 'carry', line, ways: body.map((way) => {
        const [, from = '', path = '', to = '', toPath = ''] = /^(\S+) (\S+) -> (\S+) (\S+)$/.exec(way) ?? [];
        return { from, path, to, toPath };
      }) });
    } else if (/^\S+ \/\S+$/.test(words)) {
      const [host = '', path = ''] = words.split(' ');
      blocks.push({ kind: 'write', line, host, path, text: `${body.join('\n')}\n` });
    } else {
      throw new Error(`${file}:${line}: a block that is not said where it belongs: ${lines[line - 1]!}`);
    }
  }
  return blocks;
}

/**
 * A block's script as it is run: the first command that fails ends it with that exit code, so that none fails unseen behind one that
 * does not. What fails on the left of `&&` goes on, as everywhere in a shell: the page lets the right side print something.
 */
export const asRun = (script: string): string => `set -e\n${script}`;

/** The page's lines outside its blocks, with their numbers. */
export function proseOf(file: string): { line: number; text: string }[] {
  let inBlock = false;
  return readFileSync(file, 'utf8').split('\n').flatMap((text, at) => {
    const fence = text.startsWith('```');
    if (fence) inBlock = !inBlock;
    return fence || inBlock ? [] : [{ line: at + 1, text }];
  });
}

/** Words in the page that are not the same on every site, with what they match; once seen they stand for what was seen. */
export type Seen = Map<string, string>;
export const PLACEHOLDERS: Record<string, string> = {
  CODE: '(?:[A-Z2-7]{5}-){15}[A-Z2-7]{5}',
  HOSTKEY: '(?:[0-9A-F]{2}:){31}[0-9A-F]{2}',
  AUTHORITY: '(?:[0-9A-F]{2}:){31}[0-9A-F]{2}',
};

/**
 * Whether the expected lines are among those printed, in this order: `…` is any text, runs of blanks are one. A placeholder not
 * seen before is learned; CODE is learned anew each time, since a code is good once. Resolves with the first line that is missing.
 */
export function firstMissing(expected: string[], printed: string, seen: Seen): string | undefined {
  const lines = printed.split('\n').map((line) => line.replaceAll(/\s+/g, ' '));
  let from = 0;
  for (const line of expected) {
    const names: string[] = [];
    const pattern = line.split(/(…|\b[A-Z]{3,}\b)/).map((part) => {
      if (part === '…') return '.*';
      const shape = PLACEHOLDERS[part], known = part === 'CODE' ? undefined : seen.get(part);
      if (shape !== undefined && known === undefined) { names.push(part); return `(${shape})`; }
      return (known ?? part).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    }).join('');
    const found = lines.findIndex((text, index) => index >= from && new RegExp(`^${pattern}$`).test(text));
    if (found < 0) return line;
    names.forEach((name, index) => seen.set(name, new RegExp(`^${pattern}$`).exec(lines[found]!)![index + 1]!));
    from = found + 1;
  }
  return undefined;
}

/** The page's words as this site has them. */
export const fill = (text: string, seen: Seen): string => [...seen].reduce((filled, [name, value]) => filled.replaceAll(name, value), text);
