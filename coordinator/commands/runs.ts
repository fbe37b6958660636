import { Command } from 'commander';
import type { Context } from '../context.ts';
import { readSite } from '../input/files.ts';
import type { Link } from '../link.ts';
import { countsText, verdictText } from '../report/words.ts';
import { openLocalStore } from '../store/local.ts';
import { EXIT } from '../verdict.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import { pruneCommand } from './runs-prune.ts';
import { rebuildCommand } from './runs-rebuild.ts';
import { readRuns } from './stored-run.ts';
import { minuteText, plainTable } from './table.ts';

interface Options { json?: true; onHosts?: true }

export function runsCommand(context: Context): Command {
  const runs = new Command('runs').description('List the runs and dry runs kept here or on the hosts, remove old ones, rebuild a lost one.')
    .addHelpText('after', '\nExamples:\n  tandem runs\n  tandem runs --on-hosts\n  tandem runs prune --keep 20\n  tandem runs rebuild 20261124-114603-k3f');
  runs.command('list', { isDefault: true }).description('List the runs and dry runs kept here, oldest first.')
    .option('--on-hosts', 'ask every host of the site which runs it has')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  tandem runs --on-hosts')
    .action(async ({ json, onHosts }: Options) => { if (onHosts === true) await listOnHosts(context, json === true); else listHere(context, json === true); });
  return runs.addCommand(pruneCommand(context)).addCommand(rebuildCommand(context));
}

function listHere(context: Context, json: boolean): void {
  const { whole, damaged } = readRuns(context), reports = whole.map(({ report }) => report);
  for (const { run, why } of damaged) context.tell(`run ${run} is damaged: ${why}\nNext: tandem runs rebuild ${run} makes it anew from what the hosts have.`);
  if (json) {
    context.say(JSON.stringify(reports.map(({ run, site, mode, by, beganMs, endedMs, exitCode, reason, counts }) => ({ run, site, mode, by, beganMs, endedMs, exitCode, reason, counts })), null, 2));
    return;
  }
  if (reports.length === 0) context.tell('No runs yet. Next: tandem plan, tandem run.');
  else context.say(plainTable(['RUN', 'SITE', 'BEGUN (UTC)', 'MODE', 'BY', 'STEPS', 'ENDED'], reports.map((report) => [report.run, report.site, minuteText(report.beganMs), report.mode, report.by, countsText(report.counts, report.mode), verdictText(report)])));
}

/** RunInfo of agent.proto. */
interface OnHost { runId: string; beganMs: number; lastMs: number; lastSeq: number; sizeBytes: number; unfinished: boolean; trouble: string }

async function listOnHosts(context: Context, json: boolean): Promise<void> {
  const site = readSite(context.siteFile()), here = new Set(openLocalStore(context.stateFolder()).list());
  const answers = await withLinks(site.hosts, credentials(context, site, OPERATOR), async (links) => await Promise.all([...links].map(async ([host, link]) => await runsOf(host, link))));
  const away = answers.filter(({ error }) => error !== '');
  if (json) context.say(JSON.stringify(answers, null, 2));
  else {
    context.say(plainTable(['HOST', 'RUN', 'BEGAN (UTC)', 'LAST (UTC)', 'LINES', 'KB', 'HERE', 'STATE'], answers.flatMap(({ host, runs }) => runs.map((run) => [
      host, run.runId, minuteText(run.beganMs), minuteText(run.lastMs), String(run.lastSeq), String(Math.ceil(run.sizeBytes / 1000)), here.has(run.runId) ? 'yes' : 'no', stateText(run)]))));
    for (const { error } of away) context.tell(error);
  }
  if (away.length > 0) context.finish(EXIT.unreachable);
}

async function runsOf(host: string, link: Link): Promise<{ host: string; runs: OnHost[]; error: string }> {
  try { return { host, runs: (await link.call('ListRuns', {}))['runs'] as OnHost[], error: '' }; } catch (error) { return { host, runs: [], error: (error as Error).message }; }
}

function stateText({ unfinished, trouble, lastSeq }: OnHost): string {
  if (trouble !== '') return `damaged: ${trouble}`;
  if (lastSeq === 0) return 'no work yet';
  return unfinished ? 'unfinished' : 'nothing left to do';
}
