import type { Command } from '../proto/command.ts';
import type { Scrubber } from './host/scrub.ts';
import type { Emit, Outcome } from './outcome.ts';
import type { RunLog } from './runlog.ts';

/** Everything one command needs to be carried out. */
export interface Task {
  log: RunLog;
  command: Command;
  /** Private to the step; survives restarts. */
  folder: string;
  /** For revert: those of later attempts. */
  laterFolders: string[];
  scrubber: Scrubber;
  emit: Emit;
  /** Commands of the same batch that wait behind it. */
  behind: () => Command[];
  /** Waits so long for a confirmation over a new connection. */
  confirmation: (forMs: number) => Promise<boolean>;
}
/** Carries one command out on the machine (worker.ts). Throws StepError. */
export type Worker = (task: Task) => Promise<Outcome>;

/**
 * Each attempt keeps the state that it found. A revert goes back to that before the first change; what only a later attempt came
 * to touch was kept by that one.
 */
export function foldersOf({ step, mode, attempt }: Command, log: RunLog): [folder: string, ...later: string[]] {
  const name = (of: number): string => (of === 1 ? step : `${step}@${String(of)}`);
  const [first, ...later] = mode === 'revert' ? log.changeBefore(step)?.attempts ?? [] : [];
  return [name(first ?? attempt), ...later.map(name)];
}
