import { stripVTControlCharacters } from 'node:util';

/** What a host says must not steer the terminal of whoever reads it, nor turn its lines round. Lines stay lines. */
export const printable = (text: string): string => stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');

/** The same, for what must stay on its line. */
export const oneLine = (text: string): string => printable(text).replaceAll('\n', '\ufffd');

/** The same value with every string in it printable. */
export function printableAll<T>(value: T): T {
  if (typeof value === 'string') return printable(value) as T;
  if (Array.isArray(value)) return value.map(printableAll) as T;
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, printableAll<unknown>(part)])) as T;
}
