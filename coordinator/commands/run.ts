import { Command } from 'commander';
import type { Context } from '../context.ts';
import { RUN_ID } from '../../proto/command.ts';
import { carryOut, planToCarryOut, type RunOptions } from './carry-out.ts';
import { matching, wholeNumber } from './values.ts';

interface Options extends RunOptions { plan?: string }

/** The options of everything that makes a run. */
export const withRunOptions = (command: Command): Command => withAttemptOptions(command
  .option('--run-id <id>', 'name of this run (default: made from the time)', matching(RUN_ID, 'small letters, digits and "-", at most 63')));

/** The options of everything that goes through a run. */
export const withAttemptOptions = (command: Command): Command => command
  .option('--patience <seconds>', 'how long a broken link is dialled again', wholeNumber(0), 120)
  .option('--take-over', 'take a host whose last coordinator has gone (its lease has lapsed)')
  .option('--json', 'print the report as JSON (the progress goes to standard error)');

export function runCommand(context: Context): Command {
  return withRunOptions(new Command('run').description('Carry a plan out on the hosts.'))
    .option('--plan <file>', 'the plan (default: the one made last for this site)')
    .addHelpText('after', '\nExamples:\n  tandem run\n  tandem run --plan plan.json --run-id window-1\n\nExit codes: 0 done, 2 invalid input, 3 a host failed, 5 a host cannot be reached, 8 waiting for a person,\n9 another run holds a host, 130 interrupted.')
    .action(async ({ plan, ...options }: Options) => { await carryOut(context, planToCarryOut(context, plan), 'apply', options); });
}

export function checkCommand(context: Context): Command {
  return withRunOptions(new Command('check').description('Dry run: every step looks on its host and says what it would change; nothing is changed.'))
    .option('--plan <file>', 'the plan (default: the one made last for this site)')
    .addHelpText('after', '\nExample:\n  tandem check')
    .action(async ({ plan, ...options }: Options) => { await carryOut(context, planToCarryOut(context, plan), 'check', options); });
}
