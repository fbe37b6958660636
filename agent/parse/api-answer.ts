/** What the OpenStack APIs answer, as values (shapes: both releases' recordings; errors differ by service). */

/** What an answer says of itself in one line: the `message` of its fault, else the beginning of its text; '' for none. */
export function faultMessage(body: string): string {
  const plain = (text: string): string => text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim().slice(0, 300);
  let value: unknown;
  try { value = JSON.parse(body); } catch { return plain(body); } // a proxy, or a service that answers in text
  const inner = typeof value === 'object' && value !== null ? Object.values(value)[0] as unknown : value;
  if (typeof inner === 'string') return plain(inner); // neutron's of one release
  const message = (inner as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? plain(message) : plain(body);
}

/** Path and query of the link to the next page: `next` of an image list, or `KEY_links` of the others; undefined on the last one. */
export function nextPage(answer: Record<string, unknown>, key: string): string | undefined {
  if (typeof answer['next'] === 'string') return answer['next'];
  const links = answer[`${key}_links`] as { rel?: string; href?: string }[] | undefined;
  return links?.find((one) => one.rel === 'next')?.href;
}

/** Seconds since the epoch of a time without a zone, which is UTC: `2026-11-23 06:57:39`, `2026-11-23T07:00:29.000000`; undefined for none. */
export function utcSeconds(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined) return undefined;
  const at = Date.parse(`${text.trim().replace(' ', 'T').replace(/Z$/, '').replace(/(\.\d{3})\d+$/, '$1')}Z`);
  return Number.isNaN(at) ? undefined : at / 1000;
}
