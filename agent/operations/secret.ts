import * as z from 'zod';

/** A secret is named, never written: where it lies on the host that uses it, or on the coordinator, which then sends it to this step alone. */
export const secretRef = z.string()
  .regex(/^(file:\/[^\0]+|ini:\/[^#\0]+#[^.#]+\..+|rc:\/[^#\0]+#[A-Za-z_]\w*|coordinator-file:[^\0]+)$/, 'expected file:PATH, ini:PATH#section.key, rc:PATH#NAME or coordinator-file:PATH')
  .describe('Reference to a secret: file:PATH, ini:PATH#section.key or rc:PATH#NAME (an `export NAME=value` line) on this host, or coordinator-file:PATH.');
