import { Command } from 'commander';
import { awaited } from '../arrivals.ts';
import type { Context } from '../context.ts';
import { readSite } from '../input/files.ts';
import type { Link } from '../link.ts';
import { EXIT } from '../verdict.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import { storedRun } from './stored-run.ts';

export function stopCommand(context: Context): Command {
  return new Command('stop').description('Let each host finish the step in hand and skip the rest of a run; from any terminal.')
    .argument('<run>', 'run id')
    .option('--reason <text>', 'why: it stands in the report', 'tandem stop')
    .addHelpText('after', '\nExample:\n  tandem stop 20261124-114603-k3f --reason "disk is filling up"')
    .action(async (id: string, { reason }: { reason: string }) => {
      const site = readSite(context.siteFile());
      const { plan, run, records } = storedRun(context, id), absent = awaited(plan, records);
      const answers = await withLinks(plan.hosts, credentials(context, site, OPERATOR), async (links) => await Promise.all([...links].map(async ([host, link]) => ({ host, ...await stopOne(run, host, link, reason) }))));
      // One that has not joined is asked too, as it may join at this moment; that it is not there is no failure to stop.
      for (const { host, told, text } of answers) context.say(told || !absent.has(host) ? text : `${host}: has not joined this run, nothing to stop`);
      if (answers.some(({ host, told }) => !told && !absent.has(host))) context.finish(EXIT.unreachable);
      context.tell(`Next: tandem status ${run}`);
    });
}

async function stopOne(run: string, host: string, link: Link, reason: string): Promise<{ told: boolean; text: string }> {
  try {
    const { stepInHand, skipped } = await link.call('Stop', { runId: run, reason });
    return { told: true, text: `${host}: ${stepInHand === '' ? 'nothing in hand' : `finishes ${String(stepInHand)}`}, ${String(skipped)} more skipped` };
  } catch (error) {
    return { told: false, text: (error as Error).message };
  }
}
