/** Removes the secrets of one step from all that leaves it. */
export interface Scrubber {
  add(secret: string): void;
  text(text: string): string;
  /** The same value with every string in it scrubbed. */
  deep<T>(value: T): T;
}

export const HIDDEN = '(secret)';

export function createScrubber(): Scrubber {
  const hidden = new Set<string>();
  let longestFirst: string[] = [];
  const text = (input: string): string => {
    let out = input;
    for (const secret of longestFirst) out = out.replaceAll(secret, HIDDEN);
    return out;
  };
  const deep = <T>(value: T): T => {
    if (typeof value === 'string') return text(value) as T;
    if (Array.isArray(value)) return value.map(deep) as T;
    if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [text(k), deep(v)])) as T;
    return value;
  };
  return {
    add(secret) {
      // A secret shows up as it is, inside JSON, inside a URL, or base64 encoded.
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), Buffer.from(secret).toString('base64')]) {
        if (form.length >= 4) hidden.add(form);
      }
      longestFirst = [...hidden].sort((a, b) => b.length - a.length); // else one that begins another would leave that one's end
    },
    text, deep,
  };
}
