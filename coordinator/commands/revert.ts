import { Command } from 'commander';
import type { Context } from '../context.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { stepKey } from '../plan-format.ts';
import { checkpoints } from '../checkpoints.ts';
import { Reversal, wayBack, type Changed } from '../reversal.ts';
import { standingOf } from '../standing.ts';
import { openLocalStore } from '../store/local.ts';
import { conduct, type InHand, type RunOptions } from './carry-out.ts';
import { withAttemptOptions } from './run-options.ts';
import { runToGoOnWith } from './stored-run.ts';

interface Options extends RunOptions { to: string; dryRun?: true }

export function revertCommand(context: Context): Command {
  return withAttemptOptions(new Command('revert').description('Go back to a checkpoint of a run: what was changed after it is undone, the last first, and proven. Refuses past a point of no return.')
    .argument('<run>', 'run id')
    .requiredOption('--to <checkpoint>', 'name of the checkpoint, as the plan shows it; "start" is before the first step')
    .option('--dry-run', 'say what would be undone and what would be left; ask no host'))
    .addHelpText('after', '\nExample:\n  tandem revert 20261124-114603-k3f --to database --dry-run\n\nExit codes: 6 rolled back, 7 not all the way, 2 out of reach or invalid input, 5 a host cannot be reached, 9 another run holds a host, 130 stopped.')
    .action(async (id: string, { to, dryRun, ...options }: Options) => {
      const kept = runToGoOnWith(context, id), known = checkpoints(kept.plan), at = known.get(to);
      if (at === undefined) throw new InputError([problem(context.at(to), `no checkpoint "${to}" in the plan of run ${kept.run}`, oneOf([...known.keys()]), nearest(to, [...known.keys()]))]);
      const { undo, left, barred } = wayBack(kept.plan, at, standingOf(kept.records));
      if (barred !== undefined) throw new InputError([problem(context.at(to), `checkpoint "${to}", which is out of reach`, `a later one: ${barred}`)]);
      if (dryRun === true) {
        const line = ({ host, step }: Changed): string => `  ${stepKey(step.id, host)}  ${step.sentence}`;
        context.say([undo.length === 0 ? 'Nothing is to be undone, as far as this journal knows.' : 'Would be undone, in this order:', ...undo.map(line), ...left.length === 0 ? [] : ['Cannot be undone, and would be left as it is:', ...left.map(line)]].join('\n'));
        return;
      }
      const take = (): InHand => {
        const { plan, records } = runToGoOnWith(context, kept.run);
        return { plan, records, writer: openLocalStore(context.stateFolder()).open(kept.run) };
      };
      await conduct(context, kept.run, take, 'revert', { ...options, to }, (settings, links, { plan, records, writer }, progress) => {
        context.tell(`Run ${kept.run} goes back to checkpoint ${to}; Ctrl-C lets each host finish the step in hand and stops.`);
        return new Reversal(plan, at, settings, links, writer, progress, records);
      });
    });
}
