/** A term as Erlang prints it with `~p`: atoms and binaries become strings, lists and tuples arrays, numbers numbers. */
export type Term = string | number | Term[];

const TOKEN = /\s*(?:(<<)|(>>)|([[\]{},])|("(?:[^"\\]|\\.)*")|('(?:[^'\\]|\\.)*')|(-?\d+)|([a-z][\w@]*)|(\/utf8))/gy;
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', s: ' ', e: '\u001b', '0': '\0' };
const unquote = (text: string): string => text.slice(1, -1)
  .replace(/\\(?:x\{([0-9A-Fa-f]+)\}|(.))/g, (_whole, hex: string | undefined, one: string) => (hex === undefined ? ESCAPES[one] ?? one : String.fromCodePoint(parseInt(hex, 16))));

function tokens(text: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.trimEnd().length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text);
    if (token === null) throw new SyntaxError(`not an Erlang term at character ${String(at)}: ${text.slice(at, at + 20)}`);
    found.push(token[0].trim());
  }
  return found;
}

/** Parses one printed term. Throws SyntaxError with the place. Long strings that `~p` broke into parts are joined. */
export function parseTerm(text: string): Term {
  const rest = tokens(text);
  const next = (): string => rest.shift() ?? (() => { throw new SyntaxError('the Erlang term ends too early'); })();
  const strings = (first: string): string => {
    let whole = unquote(first);
    while (rest[0]?.startsWith('"') === true) whole += unquote(next());
    return whole;
  };
  const until = (close: string): Term[] => {
    const items: Term[] = [];
    while (rest[0] !== close) {
      items.push(term());
      if (rest[0] === ',') next();
      else if (rest[0] !== close) throw new SyntaxError(`expected , or ${close}, found ${rest[0] ?? 'the end'}`);
    }
    next();
    return items;
  };
  const binary = (): string => {
    if (rest[0]?.startsWith('"') !== true) return Buffer.from(until('>>').map(Number)).toString('utf8');
    let whole = strings(next());
    if (rest[0] === '/utf8') { next(); } else { whole = Buffer.from(whole, 'latin1').toString('utf8'); }
    if (next() !== '>>') throw new SyntaxError('expected >> after a binary');
    return whole;
  };
  const term = (): Term => {
    const token = next();
    if (token === '[') return until(']');
    if (token === '{') return until('}');
    if (token === '<<') return binary();
    if (token.startsWith('"')) return strings(token);
    if (token.startsWith("'")) return unquote(token);
    if (/^-?\d/.test(token)) return Number(token);
    if (/^[a-z]/.test(token)) return token;
    throw new SyntaxError(`unexpected ${token}`);
  };
  const result = term();
  if (rest.length > 0) throw new SyntaxError(`more than one term: ${rest.join(' ').slice(0, 20)}`);
  return result;
}

/** Bytes of a text as an Erlang binary made of numbers: nothing in it needs escaping. */
export const asBinary = (text: string): string => `<<${[...Buffer.from(text, 'utf8')].join(',')}>>`;
