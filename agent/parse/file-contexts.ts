/** One rule of a file_contexts file: `type` is the whole context, or `<<none>>`. */
export interface ContextRule { spec: string; /** As the mode column of ls shows it: f, d, l, ...; a for all. */ fileType: string; context: string }

/** SPEC [-TYPE] CONTEXT, one a line (file_contexts(5) of libselinux 2.2.2). */
export function parseFileContexts(text: string): ContextRule[] {
  const rules: ContextRule[] = [];
  for (const line of text.split('\n')) {
    const [, spec = '', mark, context = ''] = /^\s*([^\s#]\S*)\s+(?:-([-bcdpls])\s+)?(\S+)\s*$/.exec(line) ?? [];
    if (spec !== '') rules.push({ spec, fileType: mark === undefined ? 'a' : mark === '-' ? 'f' : mark, context });
  }
  return rules;
}

/** USER:ROLE:TYPE[:RANGE]; for `<<none>>` the type is that. */
export function splitContext(context: string): { user: string; type: string; range: string } {
  const [user = '', , type, ...range] = context.split(':');
  return type === undefined ? { user: '', type: context, range: '' } : { user, type, range: range.join(':') };
}
