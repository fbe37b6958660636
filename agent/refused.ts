import { RUN_ID } from '../proto/command.ts';

/** A request that cannot be taken at all; nothing is journaled for it. */
export class Refused extends Error {}

/** This host has done nothing for that run, or no longer knows. */
export class NoJournal extends Refused {
  constructor(run: string) { super(`this host has no journal of run ${run}`); }
}

/** Run ids name folders. Throws Refused. */
export function checkRunId(id: string): void {
  if (!RUN_ID.test(id)) throw new Refused(`run id ${JSON.stringify(id)} is not of the form ${RUN_ID.source}`);
}
