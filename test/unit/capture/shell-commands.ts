/** What a POSIX shell script starts: each simple command as its words, quotes taken off, expansions as they stand. */
export interface Started { line: number; words: string[] }

const KEYWORDS = new Set(['if', 'then', 'else', 'elif', 'fi', 'while', 'until', 'do', 'done', '{', '}', '!', 'esac']);
const SEPARATORS = /^(?:\|\||&&|;;|[|;&()\n])/;

/** Commands of a script in the order of their ends; those in $(...) are commands too. Throws Error for a quote that is not closed. */
export function commandsOf(script: string, firstLine = 1): Started[] {
  const found: Started[] = [];
  let at = 0, words: string[] = [], word = '', inWord = false, depth = 0, heredoc: string | undefined;
  /** One for each open `case`: whether a pattern is to come. */
  const cases: boolean[] = [];
  const line = (): number => firstLine + script.slice(0, at).split('\n').length - 1;
  const endWord = (): void => { if (inWord) words.push(word); word = ''; inWord = false; };
  const endCommand = (): void => {
    endWord();
    while (words[0] !== undefined && (KEYWORDS.has(words[0]) || /^[A-Za-z_]\w*=/.test(words[0]))) { if (words[0] === 'esac') cases.pop(); words.shift(); }
    if (words[0] !== undefined && words[0] !== 'for' && words[0] !== 'case') found.push({ line: line(), words });
    words = [];
  };
  /** Past `$(...)` or `${...}` at `at`: the text between. Quotes in it are left to the commands within. */
  const nested = (open: string, close: string): string => {
    const from = at;
    for (let level = 0; at < script.length; at++) {
      const char = script[at];
      if (char === "'" || (char === '"' && close === ')')) { at = closing(script, at); continue; }
      if (char === '\\') { at++; continue; }
      if (char === open) level++;
      if (char === close && --level === 0) return script.slice(from + 1, at);
    }
    throw new Error(`line ${String(line())}: ${open} is not closed`);
  };
  const expansion = (): string => {
    const from = at, next = script[at + 1];
    if (next === '(' || next === '{') {
      at++;
      const startLine = line(), inner = next === '(' ? nested('(', ')') : nested('{', '}');
      found.push(...commandsOf(next === '(' ? inner : `: ${inner}`, startLine).slice(0, next === '(' ? undefined : -1)); // the : ends last
    }
    at++;
    return script.slice(from, at);
  };
  while (at < script.length) {
    const char = script[at] ?? '', rest = script.slice(at);
    if (char === '\\') { if (script[at + 1] !== '\n') { word += script[at + 1] ?? ''; inWord = true; } at += 2; } else if (char === "'") {
      const end = closing(script, at);
      word += script.slice(at + 1, end); inWord = true; at = end + 1;
    } else if (char === '"') {
      inWord = true; at++;
      while (script[at] !== '"') {
        if (at >= script.length) throw new Error('a double quote is not closed');
        if (script[at] === '\\') { word += script.slice(at, at + 2); at += 2; } else if (script[at] === '$') word += expansion();
        else word += script[at++] ?? '';
      }
      at++;
    } else if (char === '$') { word += expansion(); inWord = true; } else if (char === '#' && !inWord) at += /^[^\n]*/.exec(rest)?.[0].length ?? 0;
    else if (/^\d*(?:>>|<<|<&|>&|<>|[<>])/.test(rest) && (!inWord || !/^\d/.test(rest))) {
      // a redirection is no argument; of a here-document the text is not either
      endWord();
      const sign = /^\d*(?:>>|<<|<&|>&|<>|[<>])\s*/.exec(rest)?.[0] ?? '';
      const target = /^(?:"[^"]*"|'[^']*'|[^\s;|&()])+/.exec(rest.slice(sign.length))?.[0] ?? '';
      if (sign.trim() === '<<') heredoc = target.replaceAll(/['"]/g, '');
      at += sign.length + target.length;
    } else if (cases.at(-1) === true && char === ')') { words = []; word = ''; inWord = false; cases[cases.length - 1] = false; at++; } else if (cases.at(-1) === true && (char === '|' || char === '(')) { endWord(); at++; } else if (SEPARATORS.test(rest)) {
      const separator = SEPARATORS.exec(rest)?.[0] ?? '';
      if (inWord && word === 'in' && words[0] === 'case') cases.push(true);
      if (cases.at(-1) === true && (word === 'esac' || words[0] === 'esac')) { cases.pop(); words = []; word = ''; inWord = false; } else if (cases.at(-1) !== true || separator !== '\n') endCommand(); else { endWord(); words = []; }
      if (separator === ';;') cases[cases.length - 1] = true;
      depth += separator === '(' ? 1 : separator === ')' ? -1 : 0;
      at += separator.length;
      if (separator === '\n' && heredoc !== undefined) { at = script.indexOf(`\n${heredoc}\n`, at - 1) + heredoc.length + 2; heredoc = undefined; }
    } else if (/\s/.test(char)) {
      if (inWord && word === 'in' && words.some((one) => one === 'case')) { words = []; word = ''; inWord = false; cases.push(true); } else if (inWord && word === 'esac' && cases.at(-1) === true) { cases.pop(); word = ''; inWord = false; } else {
        endWord();
        if (words.length === 1 && KEYWORDS.has(words[0] ?? '')) words = [];
      }
      at++;
    } else { word += char; inWord = true; at++; }
  }
  endCommand();
  if (depth !== 0) throw new Error('parentheses are not closed');
  return found;
}

/** Where the quote that opens at `at` closes. */
function closing(text: string, at: number): number {
  const quote = text[at] ?? '';
  for (let end = at + 1; end < text.length; end++) {
    if (quote === '"' && text[end] === '\\') end++;
    else if (quote === '"' && text[end] === '$' && text[end + 1] === '(') { let level = 0; do { if (text[end] === '(') level++; if (text[end] === ')') level--; if (text[end] === "'") end = closing(text, end); if (level === 0 && text[end] === ')') break; end++; } while (end < text.length); } else if (text[end] === quote) return end;
  }
  throw new Error(`a quote that opens at ${String(at)} is not closed`);
}
