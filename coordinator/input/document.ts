import { isAlias, isCollection, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, Node, Pair, ParsedNode, YAMLMap, YAMLParseError } from 'yaml';
import { InputError, type Place, problem, type Problem, shown } from './problem.ts';

export type Path = readonly (string | number)[];

/** A YAML file that parsed, with its positions. Plain YAML only: no anchors, tags, merge keys or second documents. */
export interface Source {
  file: string;
  text: string;
  root: ParsedNode;
  value: unknown;
  /** Where a key or element stands; falls back to the nearest container that exists. */
  place(path: Path, part?: 'key' | 'value'): Place;
  node(path: Path): Node | undefined;
  at(offset: number): Place;
}

const LONGEST_BYTES = 1024 * 1024;
const MOST_PROBLEMS = 20;

/** What should stand there, by the code of yaml's own error; the parser's words where this has none. */
const EXPECTED: Record<string, string> = {
  TAB_AS_INDENT: 'spaces as indentation (tabs are not allowed)',
  DUPLICATE_KEY: 'each key only once in a map',
  MULTIPLE_DOCS: 'one document in the file',
  MISSING_CHAR: 'a closing quote or bracket',
  BLOCK_AS_IMPLICIT_KEY: 'one value after "key:" (quote a value that holds ": ")',
  TAG_RESOLVE_FAILED: 'plain values (tags such as !name are refused)',
};

/** Parses a file a person wrote. Throws InputError with every problem found in it. */
export function parseYaml(file: string, text: string): Source {
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (Buffer.byteLength(text) > LONGEST_BYTES) {
    throw new InputError([problem({ file, line: 1, column: 1 }, `${Buffer.byteLength(text)} bytes`, `at most ${LONGEST_BYTES} bytes`)]);
  }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true, stringKeys: true, version: '1.2' });
  // Where exactly the parser's stack ends differs from machine to machine, so no position is given for it.
  if (document.errors.some((error) => /call stack|stack overflow/i.test(error.message))) {
    throw new InputError([problem(at(0), 'values nested too deeply', 'at most some hundred levels')]);
  }
  const problems = syntaxErrors(document).map((error) => {
    const expected = EXPECTED[error.code] ?? `valid YAML: ${error.message}`;
    return problem(at(error.pos[0]), wordAt(text, error.pos[0]), expected + opened(document, error, at));
  });
  if (problems.length === 0) problems.push(...forbidden(document, at));
  if (problems.length === 0 && document.directives.yaml.explicit === true) problems.push(problem(at(0), `%YAML ${document.directives.yaml.version}`, 'no directive (the file is read as YAML 1.2)'));
  if (problems.length > 0) throw new InputError(problems);
  const root = document.contents;
  if (!isMap(root)) throw new InputError([problem(at(root?.range[0] ?? 0), root === null ? 'an empty file' : shown(root.toJSON()), 'a map of keys and values')]);
  return {
    file, text, root, value: document.toJS({ maxAliasCount: 0 }) as unknown, at,
    node: (path) => descend(root, path).node,
    place: (path, part = 'value') => {
      const { key, node } = descend(root, path);
      return at((part === 'key' ? key ?? node : node).range?.[0] ?? 0);
    },
  };
}

type SyntaxProblem = Pick<YAMLParseError, 'code' | 'pos' | 'message'>;

/** Where tabs indent, only those errors, since all the rest follows from them. */
function syntaxErrors(document: Document): SyntaxProblem[] {
  const all: SyntaxProblem[] = [...document.errors, ...document.warnings];
  const tabs = all.filter((error) => error.code === 'TAB_AS_INDENT');
  return tabs.length > 0 ? tabs : all.slice(0, MOST_PROBLEMS);
}

/** Where the quote stands that is never closed: the parser only sees the end of the file. */
function opened(document: Document, error: SyntaxProblem, at: (offset: number) => Place): string {
  let start: number | undefined;
  if (error.code === 'MISSING_CHAR') {
    visit(document, { Scalar: (_key, node) => { if ((node.type ?? '').startsWith('QUOTE') && (node.range?.[1] ?? 0) >= error.pos[0]) start = node.range?.[0]; } });
  }
  return start === undefined ? '' : ` for the one at ${at(start).line}:${at(start).column}`;
}

/** Anchors and aliases (a few bytes that grow to gigabytes), and explicit tags. */
function forbidden(document: Document, at: (offset: number) => Place): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Node: (_key, node) => {
      const place = at(node.range?.[0] ?? 0);
      if (isAlias(node)) problems.push(problem(place, `alias *${node.source}`, 'plain values (anchors and aliases are refused)'));
      else if (node.anchor !== undefined) problems.push(problem(place, `anchor &${node.anchor}`, 'plain values (anchors and aliases are refused)'));
      else if (node.tag !== undefined && node.tag !== '' && isExplicit(node)) problems.push(problem(place, `tag ${node.tag}`, 'plain values (tags are refused)'));
    },
  });
  return problems.slice(0, MOST_PROBLEMS);
}

/** The parser gives collections their default tag by itself; what a person wrote differs from it. */
const isExplicit = (node: Node): boolean => !(isMap(node) && node.tag === 'tag:yaml.org,2002:map') && !(isSeq(node) && node.tag === 'tag:yaml.org,2002:seq');

function descend(root: Node, path: Path): { key: Node | undefined; node: Node } {
  let node: Node = root;
  let key: Node | undefined;
  for (const step of path) {
    const next = child(node, step);
    if (next === undefined) break;
    key = next.key;
    node = next.node;
  }
  return { key, node };
}

function child(node: Node, step: string | number): { key: Node | undefined; node: Node } | undefined {
  if (isMap(node)) {
    const pair = (node as YAMLMap<Node, Node | null>).items.find((item: Pair<Node, Node | null>) => isPair(item) && isScalar(item.key) && item.key.value === step);
    return pair === undefined ? undefined : { key: pair.key, node: pair.value ?? pair.key };
  }
  if (!isCollection(node) || typeof step !== 'number') return undefined;
  const item = node.items[step] as Node | undefined;
  return item === undefined ? undefined : { key: undefined, node: item };
}

function wordAt(text: string, offset: number): string {
  if (text[offset] === '\t') return 'a tab';
  const word = /^[^\s]*/.exec(text.slice(offset, offset + 60))?.[0].replace(/:$/, '') ?? '';
  return offset >= text.length ? 'the end of the file' : word === '' ? 'a blank' : JSON.stringify(word);
}
