import { Command } from 'commander';
import type { Context } from '../context.ts';
import { approvalsOf, waitingSteps, type Approval, type Waiting } from '../gates.ts';
import { readSite } from '../input/files.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { stepKey } from '../plan-format.ts';
import { credentials, OPERATOR } from './links.ts';
import { goOn, inHand, refuseHalfWayBack } from './resume.ts';
import { withAttemptOptions, withPartOptions, type PartOptions } from './run-options.ts';
import type { RunOptions } from './carry-out.ts';
import { runToGoOnWith, type Kept } from './stored-run.ts';

interface Word extends RunOptions, PartOptions { by: string; reason: string; host?: string }

export function approveCommand(context: Context): Command {
  return withPartOptions(withAttemptOptions(new Command('approve').description('Give a person\'s word that a gated step may start, on the host where the run stands before it. Then the run goes on.')
    .argument('<run>', 'run id').argument('<step>', 'step that waits for approval')
    .option('--host <name>', 'the host, where the step waits on more than one')
    .requiredOption('--by <name>', 'who says so: it stands in the report')
    .requiredOption('--reason <text>', 'why: it stands in the report')))
    .addHelpText('after', '\nExample:\n  tandem approve 20261124-114603-k3f C22 --by ann --reason "the copy was verified, the window is open"\n\nExit codes: as tandem run.')
    .action(async (id: string, step: string, { by, reason, host, ...options }: Word) => {
      const { run } = runToGoOnWith(context, id), { holder } = credentials(context, readSite(context.siteFile()), OPERATOR);
      for (const [name, text] of [['--by', by], ['--reason', reason]] as const) if (text.trim() === '') throw new InputError([problem(context.at(name), `an empty ${name}`, 'words: they stand in the report')]);
      await goOn(context, run, () => {
        const kept = runToGoOnWith(context, run);
        refuseHalfWayBack(context, kept);
        const { host: on } = waitingStep(context, kept, step, host);
        const word: Approval = { type: 'approved', timeMs: Date.now(), host: on, step, by: by.trim(), subject: holder.name, reason: reason.trim() };
        const { plan, records, writer } = inHand(context, kept);
        writer.append(word);
        return { plan, records: [...records, word], writer };
      }, options);
    });
}

/** The gate at which the run stands. Throws InputError where it stands before no such gate, or before it on more than one host. */
function waitingStep(context: Context, { run, plan, records }: Kept, step: string, host: string | undefined): Waiting {
  const waiting = waitingSteps(plan, records), here = waiting.filter((each) => each.step.id === step && (host === undefined || each.host === host)), [found] = here;
  if (found !== undefined && here.length === 1) return found;
  const ids = [...new Set(waiting.map((each) => each.step.id))], hosts = waiting.filter((each) => each.step.id === step).map((each) => each.host);
  if (hosts.length > 0) throw new InputError([problem(context.at(host ?? step), `step ${step}${host === undefined ? ', which waits on more than one host' : ` on ${host}`}`, `--host ${oneOf(hosts)}`)]);
  const given = [...approvalsOf(plan, records).values()].find((each) => each.step === step && (host === undefined || each.host === host));
  const stands = ids.length === 0 ? `one that waits for approval; none does in this run (tandem status ${run})` : oneOf(ids);
  throw new InputError([problem(context.at(step), given === undefined ? `step ${step}, which does not wait for approval` : `step ${stepKey(step, given.host)}, which ${given.by} has approved already`, stands, nearest(step, ids))]);
}
