import { JournalFull } from '../proto/journal.ts';

/** How long a full disk is left alone before it is tried again, unless somebody asks. */
const PAUSE_MS = 5000;

/**
 * A journal that cannot be written. Where only room is missing it ends by itself: `again` is called after a while. A disk that fails
 * to write, or to sync, needs a person, and a restart.
 */
export class Outage {
  /** What happened and what a person must do. */
  readonly why: string;
  readonly #pause: NodeJS.Timeout | undefined;

  constructor(error: Error, stateDir: string, again: () => void) {
    const room = error instanceof JournalFull && ['ENOSPC', 'EDQUOT'].includes(error.code), full = room && !error.lasting;
    this.why = `the agent's journal cannot be written (${error.message}); ${room ? `free space on ${stateDir}` : `look at ${stateDir}`}${full ? '' : ', then restart the agent'}`;
    if (full) this.#pause = setTimeout(again, PAUSE_MS).unref();
  }

  /** Ends it where only room was missing, before its time. Answers whether it did. */
  end(): boolean {
    clearTimeout(this.#pause);
    return this.#pause !== undefined;
  }
}
