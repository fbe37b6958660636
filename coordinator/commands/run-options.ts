import type { Command } from 'commander';
import { RUN_ID } from '../../proto/command.ts';
import { matching, wholeNumber } from './values.ts';

/** How much of a run is asked for: as far as a checkpoint, on these hosts. */
export interface PartOptions { until?: string; hosts?: string[] }

export const withPartOptions = (command: Command): Command => command
  .option('--until <checkpoint>', 'go no further than this checkpoint, as the plan shows it; tandem resume goes on from there')
  .option('--hosts <names>', 'work on these hosts alone, separated by commas; the others need not even be there', (names: string) => names.split(',').map((name) => name.trim()).filter((name) => name !== ''));

/** The options of everything that makes a run. */
export const withRunOptions = (command: Command): Command => withAttemptOptions(command
  .option('--run-id <id>', 'name of this run (default: made from the time)', matching(RUN_ID, 'small letters, digits and "-", at most 63')));

/** The options of everything that goes through a run. */
export const withAttemptOptions = (command: Command): Command => command
  .option('--patience <seconds>', 'how long a broken link is dialled again', wholeNumber(0), 120)
  .option('--take-over', 'take a host whose last coordinator has gone (its lease has lapsed)')
  .option('--json', 'print the report as JSON (the progress goes to standard error)');
