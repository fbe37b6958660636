/**
 * Files that iptables-save 1.4.21 writes and iptables-restore reads: tables, chains with policy and counters, rules.
 * Format: iptables-restore.c and iptables-save.c of iptables 1.4.21.
 */
export interface Chain { name: string; /** ACCEPT, DROP, or `-` for a user's own chain. */ policy: string; packets: number; bytes: number }
export interface Token { text: string; quoted: boolean }
export interface Rule { chain: string; /** All behind `-A CHAIN`. */ tokens: Token[]; /** As written, without counters. */ text: string; line: number }
export interface Table { name: string; chains: Chain[]; rules: Rule[] }
export interface RuleSet { tables: Table[] }

const BUILT_IN: Record<string, string[]> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};
/** Chains a kernel makes with a table; RHEL 6's nat has no INPUT, so a chain that a file leaves out is one of these. */
export const builtIn = (table: string): string[] => BUILT_IN[table] ?? [];

/** Throws Error `line N: ...` for what iptables-restore would not take. */
export function parseRules(text: string): RuleSet {
  const tables: Table[] = [];
  let open: Table | undefined;
  text.split('\n').forEach((raw, index) => {
    const line = raw.replace(/\s+$/, ''), number = index + 1;
    const fail = (message: string): never => { throw new Error(`line ${String(number)}: ${message}`); };
    if (line === '' || line.startsWith('#')) return;
    if (line.startsWith('*')) {
      if (open !== undefined) fail(`table ${open.name} has no COMMIT`);
      const name = line.slice(1);
      if (tables.some((table) => table.name === name)) fail(`table ${name} stands twice`);
      open = { name, chains: [], rules: [] };
      return;
    }
    if (open === undefined) return fail(`${JSON.stringify(line.slice(0, 40))} stands outside of a table`);
    if (line === 'COMMIT') { tables.push(open); open = undefined; return; }
    if (line.startsWith(':')) {
      const [, name, policy, packets, bytes] = /^:(\S+)\s+(\S+)(?:\s+\[(\d+):(\d+)\])?$/.exec(line) ?? fail('a chain line is :NAME POLICY [PACKETS:BYTES]');
      open.chains.push({ name: name ?? '', policy: policy ?? '', packets: Number(packets ?? 0), bytes: Number(bytes ?? 0) });
      return;
    }
    const rule = line.replace(/^\[\d+:\d+\]\s*/, '');
    const [, chain, rest] = /^(?:-A|--append)\s+(\S+)(?:\s+(.*))?$/.exec(rule) ?? fail(`only -A CHAIN RULE is expected here, found ${JSON.stringify(rule.slice(0, 40))}`);
    if (!known(open, chain ?? '')) fail(`chain ${chain ?? ''} is not declared in table ${open.name}`);
    open.rules.push({ chain: chain ?? '', tokens: tokens(rest ?? '', fail), text: rule, line: number });
  });
  if (open !== undefined) throw new Error(`line ${String(text.split('\n').length)}: table ${(open).name} has no COMMIT: the file is cut short`);
  return { tables };
}

const known = (table: Table, chain: string): boolean => table.chains.some(({ name }) => name === chain) || builtIn(table.name).includes(chain);

/** Words, with `"..."` and backslashes as iptables-restore takes them. */
function tokens(text: string, fail: (message: string) => never): Token[] {
  const found: Token[] = [];
  let word: Token | undefined, inQuotes = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '"') {
      inQuotes = !inQuotes;
      word = { text: word?.text ?? '', quoted: true };
    } else if (char === '\\' && inQuotes) {
      word = { text: (word?.text ?? '') + (text[++at] ?? ''), quoted: true };
    } else if (/\s/.test(char) && !inQuotes) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else {
      word = { text: (word?.text ?? '') + char, quoted: word?.quoted ?? false };
    }
  }
  if (inQuotes) fail('a quote is not closed');
  return word === undefined ? found : [...found, word];
}

/** Without the chains whose names `isStale` takes, the rules in them and the jumps to them. */
export function stripChains(rules: RuleSet, isStale: (chain: string) => boolean): RuleSet {
  const jumpsTo = (rule: Rule): string | undefined => {
    const at = rule.tokens.findIndex(({ text, quoted }) => !quoted && ['-j', '--jump', '-g', '--goto'].includes(text));
    return at < 0 ? undefined : rule.tokens[at + 1]?.text;
  };
  return { tables: rules.tables.map((table) => {
    const gone = new Set(table.chains.filter(({ name, policy }) => policy === '-' && isStale(name)).map(({ name }) => name));
    return {
      ...table,
      chains: table.chains.filter(({ name }) => !gone.has(name)),
      rules: table.rules.filter((rule) => !gone.has(rule.chain) && !gone.has(jumpsTo(rule) ?? '')),
    };
  }) };
}

/** As a rules file: built-in chains that were left out stand with ACCEPT, counters at zero. */
export function render(rules: RuleSet, comment: string): string {
  return [`# ${comment}`, ...rules.tables.flatMap((table) => [
    `*${table.name}`,
    ...withBuiltIn(table).map(({ name, policy }) => `:${name} ${policy} [0:0]`),
    ...table.rules.map(({ text }) => text),
    'COMMIT',
  ]), ''].join('\n');
}

export function withBuiltIn(table: Table): Chain[] {
  const missing = builtIn(table.name).filter((name) => !table.chains.some((chain) => chain.name === name));
  return [...missing.map((name) => ({ name, policy: 'ACCEPT', packets: 0, bytes: 0 })), ...table.chains];
}
