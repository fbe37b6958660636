import { Argument, Command } from 'commander';
import type { Context } from '../context.ts';
import { account } from '../account.ts';
import { readSite } from '../input/files.ts';
import { isWhole } from '../report/model.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { releaseDone } from '../leases.ts';
import { reportJson } from '../report/json.ts';
import { Run } from '../run.ts';
import { standingOf, type Standing } from '../standing.ts';
import { openLocalStore } from '../store/local.ts';
import { EXIT } from '../verdict.ts';
import { conduct, type InHand, type RunOptions } from './carry-out.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import { withAttemptOptions, withPartOptions, type PartOptions } from './run-options.ts';
import { runToGoOnWith, type Kept } from './stored-run.ts';

/** Goes on with a run that began: what is done stays done, what was begun is found out, what is left is carried out. */
export async function goOn(context: Context, run: string, take: () => InHand, options: Omit<RunOptions, 'runId'> & PartOptions): Promise<void> {
  await conduct(context, run, take, 'apply', options, (settings, links, { plan, records, writer }, progress) => {
    context.tell(`Going on with run ${run}; Ctrl-C lets each host finish the step in hand and stops.`);
    return new Run(plan, settings, links, writer, progress, records);
  });
}

interface Resume extends RunOptions, PartOptions { forward?: true }

export function resumeCommand(context: Context): Command {
  return withPartOptions(withAttemptOptions(new Command('resume').description('Go on with a run after a crash, a lost host, a stop or a failure that was mended: from the journals of the hosts, which know what was done.')
    .argument('[run]', 'run id (default: the latest run)')))
    .option('--forward', 'after a revert that did not get to its checkpoint: carry out again what it undid')
    .addHelpText('after', '\nExamples:\n  tandem resume\n  tandem resume 20261124-114603-k3f --take-over\n  tandem resume --hosts compute2\n\nExit codes: as tandem run.')
    .action(async (id: string | undefined, { forward, ...options }: Resume) => {
      const { run } = runToGoOnWith(context, id);
      const take = (): InHand => {
        const kept = runToGoOnWith(context, run);
        if (forward !== true) refuseHalfWayBack(context, kept);
        return inHand(context, kept);
      };
      const { report, plan } = runToGoOnWith(context, run);
      if (isWhole(report)) { await letGo(context, run, plan, options); return; }
      await goOn(context, run, take, options);
    });
}

/** A run that is done has nothing to go on with, but a host that it still holds is given back. */
async function letGo(context: Context, run: string, { hosts }: Kept['plan'], { json }: Pick<RunOptions, 'json'>): Promise<void> {
  const own = credentials(context, readSite(context.siteFile()), OPERATOR);
  for (const { host, held, trouble } of await withLinks(hosts, own, async (links) => await releaseDone(run, account(), links))) {
    if (held) context.tell(`${host} was still held by this run and is free now.`);
    if (trouble === undefined) continue;
    context.tell(`Whether this run still holds ${host} cannot be told: ${trouble}`);
    context.finish(EXIT.unreachable);
  }
  context.say(json === true ? reportJson(runToGoOnWith(context, run).report).trimEnd() : `Run ${run} is done: nothing is left to go on with.`);
}

export const inHand = (context: Context, { run, plan, records }: Kept): InHand => ({ plan, records, writer: openLocalStore(context.stateFolder()).open(run) });

/** Going forward is not what a person wants whose way back was cut short. */
export function refuseHalfWayBack(context: Context, { run, records, report: { mode, exitCode } }: Kept): void {
  if (mode !== 'revert' || exitCode === EXIT.rolledBack) return;
  const begun = records.findLast((record) => record.type === 'begun'), to = begun?.type === 'begun' ? begun.to ?? 'CHECKPOINT' : 'CHECKPOINT';
  throw new InputError([problem(context.at(run), `run ${run}, which was on its way back to checkpoint "${to}" and did not get there`, `tandem revert ${run} --to ${to}, which goes on with that; or --forward, which carries out again what was undone`)]);
}

interface Word extends RunOptions { by: string; reason: string; host?: string }

export function resolveCommand(context: Context): Command {
  return withAttemptOptions(new Command('resolve').description('Say what nobody but a person can tell: whether a step whose result is unknown was done. The host is looked at first; a word that it contradicts is not taken. Then the run goes on.')
    .argument('<run>', 'run id').argument('<step>', 'step whose result is unknown')
    .addArgument(new Argument('<answer>', 'done: leave it as it is; not-done: carry it out').choices(['done', 'not-done']))
    .option('--host <name>', 'the host, where the step is unknown on more than one')
    .requiredOption('--by <name>', 'who says so: it stands in the report')
    .requiredOption('--reason <text>', 'why: it stands in the report'))
    .addHelpText('after', '\nExample:\n  tandem resolve 20261124-114603-k3f C23 done --by ann --reason "mysql_upgrade_info names 5.5.68"')
    .action(async (id: string, step: string, answer: 'done' | 'not-done', { by, reason, host, ...options }: Word) => {
      const { run } = runToGoOnWith(context, id), { holder } = credentials(context, readSite(context.siteFile()), OPERATOR);
      await goOn(context, run, () => {
        const kept = runToGoOnWith(context, run), [name, standing] = unknownStep(context, kept, step, host);
        const word = { type: 'resolved' as const, timeMs: Date.now(), host: name, step, command: standing.command, answer, by, subject: holder.name, reason };
        const { plan, records, writer } = inHand(context, kept);
        writer.append(word);
        return { plan, records: [...records, word], writer };
      }, options);
    });
}

/** The host on which this step is unknown. Throws InputError where there is none, or more than one. */
function unknownStep(context: Context, { run, records }: Kept, step: string, host: string | undefined): [host: string, standing: Standing] {
  const unknown = [...standingOf(records)].filter(([, standing]) => standing.unknown).map(([key, standing]) => [...key.split('@'), standing] as [string, string, Standing]);
  const steps = unknown.map(([id]) => id);
  if (steps.length === 0) throw new InputError([problem(context.at(run), `run ${run}, in which no step is unknown`, `one that waits for a word; to go on with this one: tandem resume ${run}`)]);
  if (!steps.includes(step)) throw new InputError([problem(context.at(step), `step ${step}, whose result is not unknown`, oneOf(steps), nearest(step, steps))]);
  const here = unknown.filter(([id, on]) => id === step && (host === undefined || on === host));
  const [found] = here;
  if (found === undefined || here.length > 1) throw new InputError([problem(context.at(host ?? step), `step ${step}${host === undefined ? ', which is unknown on more than one host' : ` on ${host}`}`, `--host ${oneOf(unknown.filter(([id]) => id === step).map(([, on]) => on))}`)]);
  return [found[1], found[2]];
}
