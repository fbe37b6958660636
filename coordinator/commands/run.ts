import { Command } from 'commander';
import type { Context } from '../context.ts';
import { carryOut, planToCarryOut, type RunOptions } from './carry-out.ts';
import { withPartOptions, withRunOptions, type PartOptions } from './run-options.ts';

interface Options extends RunOptions, PartOptions { plan?: string }

export function runCommand(context: Context): Command {
  return withPartOptions(withRunOptions(new Command('run').description('Carry a plan out on the hosts.')))
    .option('--plan <file>', 'the plan (default: the one made last for this site)')
    .addHelpText('after', '\nExamples:\n  tandem run\n  tandem run --plan plan.json --run-id window-1\n  tandem run --until database\n  tandem run --hosts controller,compute1\n\nExit codes: 0 all that was asked is done, 2 invalid input, 3 a host failed, 5 a host cannot be reached, 8 waiting for a person,\n9 another run holds a host, 130 interrupted.')
    .action(async ({ plan, ...options }: Options) => { await carryOut(context, planToCarryOut(context, plan), 'apply', options); });
}

export function checkCommand(context: Context): Command {
  return withRunOptions(new Command('check').description('Dry run: every step looks on its host and says what it would change; nothing is changed.'))
    .option('--plan <file>', 'the plan (default: the one made last for this site)')
    .addHelpText('after', '\nExample:\n  tandem check')
    .action(async ({ plan, ...options }: Options) => { await carryOut(context, planToCarryOut(context, plan), 'check', options); });
}
