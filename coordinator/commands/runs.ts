import { Command } from 'commander';
import type { Context } from '../context.ts';
import { countsText, verdictText } from '../report/words.ts';
import { storedRuns } from './stored-run.ts';
import { plainTable } from './table.ts';

export function runsCommand(context: Context): Command {
  return new Command('runs').description('List the runs and dry runs kept here, oldest first.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  tandem runs')
    .action(({ json }: { json?: true }) => {
      const reports = storedRuns(context).map(({ report }) => report);
      if (json === true) {
        context.say(JSON.stringify(reports.map(({ run, site, mode, by, beganMs, endedMs, exitCode, reason, counts }) => ({ run, site, mode, by, beganMs, endedMs, exitCode, reason, counts })), null, 2));
        return;
      }
      if (reports.length === 0) context.tell('No runs yet. Next: tandem plan, tandem run.');
      else context.say(plainTable(['RUN', 'SITE', 'BEGUN (UTC)', 'MODE', 'BY', 'STEPS', 'ENDED'], reports.map((report) => [report.run, report.site, new Date(report.beganMs).toISOString().slice(0, 16).replace('T', ' '), report.mode, report.by, countsText(report.counts, report.mode), verdictText(report)])));
    });
}
