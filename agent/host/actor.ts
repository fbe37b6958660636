import type { Host } from './host.ts';
import { openHost } from './local.ts';
import { createScrubber } from './scrub.ts';

/** The machine outside any step, for the agent's own affairs: nothing is journaled, every process has a minute. */
export function openActor(): Host {
  return openHost({ commandId: 'agent', folder: '/nonexistent', secrets: {}, scrubber: createScrubber(), remainingMs: () => 60_000, emit: () => undefined });
}
