/** KEY -> value of os-release(5): shell-like assignments, quotes taken off. */
export function parseOsRelease(text: string): Record<string, string> {
  return Object.fromEntries(text.split('\n').flatMap((line) => {
    const [, key, value = ''] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()) ?? [];
    return key === undefined ? [] : [[key, value.replace(/^(["'])(.*)\1$/, '$2').replace(/\\(["'$`\\])/g, '$1')]];
  }));
}

/** Addresses of `ip -o addr`, without prefix length; loopback and link-local ones are left out. */
export function parseAddresses(text: string): string[] {
  return [...text.matchAll(/^\d+:\s+\S+\s+inet6?\s+([0-9a-f.:]+)/gm)].map((match) => match[1] ?? '')
    .filter((address) => !/^(127\.|::1$|fe80:)/.test(address));
}
