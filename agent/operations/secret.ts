import * as z from 'zod';

/** A secret is named, never written: where it lies on the host that uses it, or on the coordinator, which then sends it to this step alone. */
export const secretRef = z.string()
  .regex(/^(?!(?:file|ini|rc):.*\/\.{1,2}(?:[/#]|$))(file:\/[^\0]+|ini:\/[^#\0]+#[^.#]+\..+|rc:\/[^#\0]+#[A-Za-z_]\w*|coordinator-file:[^\0]+)$/, 'expected file:PATH, ini:PATH#section.key, rc:PATH#NAME or coordinator-file:PATH')
  .describe('Reference to a secret: file:PATH, ini:PATH#section.key or rc:PATH#NAME (an `export NAME=value` line) on this host, or coordinator-file:PATH.');

/** Files of this host that secrets are read from. */
export function secretFiles(...references: string[]): string[] {
  return references.filter((one) => !one.startsWith('coordinator-file:')).map((one) => (one.startsWith('file:') ? one.slice('file:'.length) : one.replace(/^(?:ini|rc):([^#]*)#.*$/s, '$1')));
}
