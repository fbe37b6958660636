/** Hardware addresses that answered, lower case, each once; undefined where the text is none of arping's (iputils 20121221: arping.c). */
export function parseArping(text: string): string[] | undefined {
  if (!/^ARPING \S+/m.test(text)) return undefined;
  return [...new Set([...text.matchAll(/(?:Unicast|Broadcast) (?:reply|request) from \S+ \[([0-9A-Fa-f:]{17})\]/g)].map(([, mac = '']) => mac.toLowerCase()))];
}
