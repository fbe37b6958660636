import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { readSite } from '../input/files.ts';
import { InputError, problem } from '../input/problem.ts';
import { Unreachable, type Link } from '../link.ts';
import type { RunReport } from '../report/schema.ts';
import { verdictText } from '../report/words.ts';
import { openLocalStore } from '../store/local.ts';
import { RunInHand } from '../store/runstore.ts';
import { EXIT } from '../verdict.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import { readRuns, type Kept } from './stored-run.ts';
import { minuteText, plainTable } from './table.ts';
import { wholeNumber } from './values.ts';

export interface Rule { keep?: number; olderThan?: number }
interface Options extends Rule { hosts?: true; yes?: true }

const DAY_MS = 86_400_000;

export function pruneCommand(context: Context): Command {
  return new Command('prune').description('Remove old runs: their plan, journal and report; never one without an end, nor the newest of a site.')
    .option('--keep <n>', 'of each site, keep this many of the newest', wholeNumber(1))
    .option('--older-than <days>', 'remove those that ended longer ago than this', wholeNumber(0))
    .option('--hosts', 'remove them on the hosts of this site first: journals, saved copies, output of processes')
    .option('--yes', 'do not ask')
    .addHelpText('after', '\nWhat was removed on the hosts cannot be undone with tandem revert, nor rebuilt.\n\nExamples:\n  tandem runs prune --keep 20\n  tandem runs prune --older-than 90 --hosts --yes')
    .action(async ({ hosts, yes, ...rule }: Options) => {
      if ((rule.keep === undefined) === (rule.olderThan === undefined)) throw new InputError([problem(context.at(), rule.keep === undefined ? 'neither --keep nor --older-than' : 'both --keep and --older-than', 'one of them')]);
      const site = hosts === true ? readSite(context.siteFile()) : undefined;
      const kept = readRuns(context).whole.filter(({ report }) => site === undefined || report.site === site.name);
      const { remove, openEnded } = toPrune(kept.map(({ report }) => report), rule, Date.now());
      for (const { run } of openEnded) context.tell(`kept: ${run} has no end; tandem status ${run} shows how far it is`);
      if (remove.length === 0) { context.tell('Nothing to remove.'); return; }
      context.say(plainTable(['RUN', 'SITE', 'BEGUN (UTC)', 'ENDED'], remove.map((report) => [report.run, report.site, minuteText(report.beganMs), verdictText(report)])));
      if (yes !== true && !await agreed(context, `Remove ${remove.length === 1 ? 'this run' : `these ${String(remove.length)} runs`} for good${hosts === true ? ', here and on the hosts' : ''}?`)) { context.tell('Nothing was removed.'); return; }
      const chosen = kept.filter(({ report }) => remove.includes(report));
      if (site === undefined) await removeAll(context, chosen, new Map());
      else await withLinks(site.hosts, credentials(context, site, OPERATOR), async (links) => { await removeAll(context, chosen, links); });
    });
}

/** What the rule removes, oldest first, and what it would remove but for a missing end. */
export function toPrune(reports: readonly RunReport[], { keep, olderThan }: Rule, nowMs: number): { remove: RunReport[]; openEnded: RunReport[] } {
  const newestFirst = [...reports].sort((a, b) => b.beganMs - a.beganMs), before = new Map<string, number>();
  const chosen = newestFirst.filter((report) => {
    const newer = before.get(report.site) ?? 0;
    before.set(report.site, newer + 1);
    if (newer === 0) return false;
    return keep !== undefined ? newer >= keep : olderThan !== undefined && nowMs - (report.endedMs ?? report.beganMs) > olderThan * DAY_MS;
  }).reverse();
  return { remove: chosen.filter(({ endedMs }) => endedMs !== null), openEnded: chosen.filter(({ endedMs }) => endedMs === null) };
}

async function agreed(context: Context, question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new InputError([problem(context.at(), 'nobody who could be asked', '--yes')]);
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try { return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim()); } finally { asking.close(); }
}

/** A run goes here only after it is gone from each of its hosts, so that the command can be given again. */
async function removeAll(context: Context, runs: readonly Kept[], links: ReadonlyMap<string, Link>): Promise<void> {
  const store = openLocalStore(context.stateFolder());
  let removed = 0;
  for (const { run, plan } of runs) {
    try {
      const held = await store.hold(run);
      try {
        const reasons = await Promise.all(plan.hosts.flatMap(({ name }) => { const link = links.get(name); return link === undefined ? [] : [removedFrom(name, link, run)]; }));
        const left = reasons.filter((reason) => reason !== undefined);
        if (left.length > 0) { context.tell(`kept: ${run}: ${left.map(({ text }) => text).join('; ')}`); context.finish(left.some(({ away }) => away) ? EXIT.unreachable : EXIT.failed); continue; }
        store.remove(run);
        removed += 1;
      } finally { held.close(); }
    } catch (error) {
      if (!(error instanceof RunInHand)) throw error;
      context.tell(`kept: ${error.message}`);
    }
  }
  context.tell(`Removed ${String(removed)} of ${String(runs.length)} runs.${removed < runs.length ? ' Next: mend what is named above, then the same command again.' : ''}`);
}

/** Why a run is still on this host; undefined when it is gone, or never was there. */
async function removedFrom(host: string, link: Link, run: string): Promise<{ text: string; away: boolean } | undefined> {
  try {
    const { removed, reason } = await link.call('RemoveRun', { runId: run });
    return removed === true || reason === `this host has no run ${run}` ? undefined : { text: `${host}: ${String(reason)}`, away: false };
  } catch (error) {
    return { text: (error as Error).message, away: error instanceof Unreachable };
  }
}
