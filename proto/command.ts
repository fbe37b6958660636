import { createHash } from 'node:crypto';
import type { Json, Mode } from './events.ts';

/** One ordered unit of work for one host, as streamed to its agent. Secrets travel beside the arguments, never in them. */
export interface Command {
  id: string;
  run: string;
  planDigest: string;
  step: string;
  /** Commands of one batch share their fate: after a failure the rest is skipped. */
  batch: string;
  attempt: number;
  operation: string;
  args: Json;
  timeoutS: number;
  mode: Mode;
  fence: number;
  secrets: Record<string, string>;
}

/** The identity under which a command is done at most once: same inputs, same id, stored result. */
export function commandId(key: { run: string; planDigest: string; step: string; host: string; mode: Mode; attempt: number }): string {
  const parts = [key.run, key.planDigest, key.step, key.host, key.mode, String(key.attempt)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Run ids name files on both sides, so their form is closed: letters, digits, dash; no leading dash. */
export const RUN_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Step ids are the mission's row ids, with an optional `.name` where one row needs more than one step. */
export const STEP_ID = /^[A-Za-z][A-Za-z0-9]{0,15}(\.[a-z0-9-]{1,32})?$/;
