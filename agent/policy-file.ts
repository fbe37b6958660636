import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type Pair } from 'yaml';
import { LISTS, plainPath, type List, type ListName, type Rules } from './policy-rules.ts';

/** A policy file that says nothing certain: nothing is allowed under it. */
export class PolicyBroken extends Error {}

const LONGEST_CHARS = 1024 * 1024;

/** The rules of a policy file: a map of lists of names. Throws PolicyBroken, file:line:column first. */
export function parsePolicy(file: string, text: string): Rules {
  const lines = new LineCounter();
  const place = (node: Node | null | undefined): { line: number; column: number } => at(node?.range?.[0] ?? 0);
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const fail = ({ line, column }: { line: number; column: number }, found: string, expected: string): never => {
    throw new PolicyBroken(`${file}:${String(line)}:${String(column)}: found ${found}, expected ${expected}`);
  };
  if (text.length > LONGEST_CHARS) fail({ line: 1, column: 1 }, `${String(text.length)} characters`, `at most ${String(LONGEST_CHARS)}`);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true, stringKeys: true, version: '1.2' });
  const wrong = document.errors[0] ?? document.warnings[0];
  if (wrong !== undefined) fail(at(wrong.pos[0]), 'what is no YAML', wrong.message);
  const root = document.contents as Node | null;
  if (!isMap(root)) return fail(place(root), root === null ? 'an empty file' : 'no map', `a map with ${LISTS.join(', ')}`);
  const lists: Partial<Record<ListName, List>> = {};
  for (const { key, value } of root.items as Pair<Node, Node | null>[]) {
    const name = LISTS.find((one) => isScalar(key) && key.value === one);
    if (name === undefined) { fail(place(key), `unknown key ${isScalar(key) ? JSON.stringify(key.value) : ''}`, `one of ${LISTS.join(', ')}`); continue; }
    if (!isSeq(value)) { fail(place(value ?? key), 'no list', `a list of ${name}; [] allows none`); continue; }
    const allowed = (value.items as Node[]).map((item): string => {
      const one = isScalar(item) ? item.value : undefined;
      if (typeof one !== 'string' || one === '' || one.includes('\0')) return fail(place(item), isScalar(item) ? JSON.stringify(item.value) : 'no text', `text, one of the ${name}`);
      if (name === 'paths' && plainPath(one) === undefined) fail(place(item), JSON.stringify(one), 'an absolute path or glob, without . or .. in it');
      return one;
    });
    lists[name] = { allowed, ...place(key) };
  }
  const rest: List = { allowed: [], ...place(root), absent: true };
  return { file, lists: { operations: rest, paths: rest, packages: rest, units: rest, ...lists } };
}
