import canonicalize from 'canonicalize';

/** The same value as JSON can hold and UTF-8 can carry it: lone surrogates become U+FFFD, numbers that are none become null. */
export function sound<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T;
  if (typeof value === 'number') return (Number.isFinite(value) ? value : null) as T;
  if (Array.isArray(value)) return value.map(sound) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key.toWellFormed(), sound<unknown>(part)])) as T;
}

/** Canonical JSON (RFC 8785): one text for one value, whoever writes it. What JSON cannot hold is made sound first. */
export function canonical(value: unknown): string {
  try { return canonicalize(value) ?? 'null'; } catch { return canonicalize(sound(value)) ?? 'null'; }
}
