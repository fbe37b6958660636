/**
 * Top-level assignments of a Python 2 settings module, found without running anything. A value is a literal (text, number, True, False,
 * None, list, tuple, dict, set of those) or an expression, whose value only running it would tell.
 */
export interface Assignment {
  name: string;
  /** Offsets in the text of the value alone, without a comment behind it. */
  from: number; to: number;
  /** Equal for equal literals, however they are written; undefined: an expression. */
  literal: string | undefined;
}
export interface Settings {
  assignments: Assignment[];
  /** Names that something else than a plain assignment changes (an item, +=, inside a block), each with its line from 1. */
  changed: Map<string, number>;
}

class NoLiteral extends Error {}
const QUOTE = /(?:[uU]?[rR]?|[bB][rR]?)("""|'''|"|')/y;

/** Offset behind the text literal that begins at `at` with an optional prefix; undefined where none does. Throws Error where it has no end. */
function textEnd(text: string, at: number): { end: number; body: string; raw: boolean } | undefined {
  QUOTE.lastIndex = at;
  const [opening, quote = ''] = QUOTE.exec(text) ?? [];
  if (opening === undefined) return undefined;
  const start = at + opening.length;
  for (let here = start; here < text.length; here++) {
    if (text[here] === '\\') here++;
    else if (text.startsWith(quote, here)) return { end: here + quote.length, body: text.slice(start, here), raw: /r/i.test(opening) };
    else if (quote.length === 1 && text[here] === '\n') break;
  }
  throw new Error(`line ${String(lineOf(text, at))}: a text that does not end`);
}
const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/** Offset of the end of the logical line that begins at `at` (its newline, or the end), and of its last character that is no comment. */
function logicalEnd(text: string, at: number): { end: number; code: number } {
  let depth = 0, code = at;
  for (let here = at; here < text.length; here++) {
    const letter = text[here] ?? '', string = /['"a-zA-Z]/.test(letter) && !/\w/.test(text[here - 1] ?? '') || /['"]/.test(letter) ? textEnd(text, here) : undefined;
    if (string !== undefined) { here = string.end - 1; code = string.end; continue; }
    if (letter === '#') { while (here + 1 < text.length && text[here + 1] !== '\n') here++; continue; }
    if (letter === '\\' && text[here + 1] === '\n') { here++; continue; }
    if ('([{'.includes(letter)) depth++;
    if (')]}'.includes(letter)) depth--;
    if (letter === '\n' && depth <= 0) return { end: here, code };
    if (!/\s/.test(letter)) code = here + 1;
  }
  return { end: text.length, code };
}

/** Throws Error `line N: ...` for a text without an end; nothing else of Python's grammar is judged. */
export function parseSettings(text: string): Settings {
  const settings: Settings = { assignments: [], changed: new Map() };
  for (let at = 0; at < text.length;) {
    const { end, code } = logicalEnd(text, at), line = text.slice(at, code);
    const [head, name = ''] = /^([A-Za-z_]\w*)[ \t]*=(?!=)[ \t]*/.exec(line) ?? [];
    if (head !== undefined) settings.assignments.push({ name, from: at + head.length, to: code, literal: literalOf(text.slice(at + head.length, code)) });
    else {
      const [, other] = /^\s*([A-Za-z_]\w*)\s*(?:\[|\.\w|[-+*/|&%]?=(?!=))/.exec(line) ?? [];
      if (other !== undefined) settings.changed.set(other, lineOf(text, at));
    }
    at = end + 1;
  }
  return settings;
}

/** What counts at the end: the last assignment. */
export const lastOf = (settings: Settings, name: string): Assignment | undefined => settings.assignments.findLast((one) => one.name === name);

/** One form for equal literals; undefined for an expression. */
export function literalOf(source: string): string | undefined {
  let at = 0;
  const space = (): void => { at += (/^(?:\s|\\\n|#[^\n]*)*/.exec(source.slice(at)) as RegExpExecArray)[0].length; };
  const list = (close: string, one: () => string): string[] => {
    const parts: string[] = [];
    for (space(); source[at] !== close; space()) {
      parts.push(one());
      space();
      if (source[at] === ',') at++; else if (source[at] !== close) throw new NoLiteral();
    }
    at++;
    return parts;
  };
  const value = (): string => {
    space();
    const texts: string[] = [];
    for (let part = textEnd(source, at); part !== undefined; part = textEnd(source, at)) {
      texts.push(part.raw ? part.body : unescaped(part.body));
      at = part.end;
      space();
    }
    if (texts.length > 0) return JSON.stringify(texts.join(''));
    const [word] = /^(?:True|False|None|-?(?:0[xX][0-9a-fA-F]+|[0-9.]+(?:[eE][-+]?[0-9]+)?)[lL]?)(?![\w.])/.exec(source.slice(at)) ?? [];
    if (word !== undefined) { at += word.length; return word; }
    const open = source[at++] ?? '';
    if (open === '[') return `[${list(']', value).join(',')}]`;
    if (open === '{') return `{${list('}', pair).sort().join(',')}}`;
    if (open !== '(') throw new NoLiteral();
    const from = at, parts = list(')', value);
    return parts.length === 1 && !/,\s*\)$/.test(source.slice(from, at)) ? parts[0] ?? '' : `(${parts.join(',')})`;
  };
  const pair = (): string => {
    const key = value();
    space();
    if (source[at] !== ':') return key;
    at++;
    return `${key}:${value()}`;
  };
  try {
    const all = value();
    space();
    return at === source.length ? all : undefined;
  } catch (error) {
    if (error instanceof NoLiteral) return undefined;
    throw error;
  }
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\n': '' };
const unescaped = (body: string): string => body.replace(/\\([^])/g, (whole, letter: string) => ESCAPES[letter] ?? (/[\\'"]/.test(letter) ? letter : whole));

export type PlainValue = string | number | boolean | null | PlainValue[] | { [key: string]: PlainValue };
/** A literal of Python 2; texts that are not ASCII are unicode ones. Throws Error for a control character. */
export function pythonLiteral(value: PlainValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`;
  if (typeof value === 'object') return `{${Object.entries(value).map(([key, one]) => `${pythonLiteral(key)}: ${pythonLiteral(one)}`).join(', ')}}`;
  if (/\p{Cc}/u.test(value)) throw new Error('a control character');
  const escaped = value.replace(/[\\']/g, '\\$&').replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${escaped === value.replace(/[\\']/g, '\\$&') ? '' : 'u'}'${escaped}'`;
}

/** The text with `name` assigned to this source, in place of its last assignment or at the end. */
export function assign(text: string, name: string, source: string): string {
  const last = lastOf(parseSettings(text), name);
  if (last !== undefined) return text.slice(0, last.from) + source + text.slice(last.to);
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${name} = ${source}\n`;
}

/** For Python itself, 2.7 and later: reads a module on standard input, runs none of it, prints each literal assignment's name and a digest of its value, `-` for an expression. */
export const READ_SETTINGS = `import ast,hashlib,sys
for s in ast.parse(sys.stdin.read()).body:
  for t in s.targets if isinstance(s,ast.Assign) else []:
    if isinstance(t,ast.Name):
      try: v=hashlib.sha256(repr(ast.literal_eval(s.value)).encode('utf-8')).hexdigest()
      except ValueError: v='-'
      print('%s %s'%(t.id,v))
`;
