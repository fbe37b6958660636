import { Command } from 'commander';
import type { Event } from '../../proto/events.ts';
import { joined } from '../arrivals.ts';
import type { Context } from '../context.ts';
import { readSite } from '../input/files.ts';
import { AgentRefused, type Link } from '../link.ts';
import { oneLine } from '../printable.ts';
import { reportJson } from '../report/json.ts';
import { reportOf } from '../report/model.ts';
import type { HostReport, RunReport } from '../report/schema.ts';
import { countsText, nextSteps, verdictText } from '../report/words.ts';
import { EXIT } from '../verdict.ts';
import type { RunRecord } from '../store/runstore.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import { storedRun } from './stored-run.ts';

export function statusCommand(context: Context): Command {
  return new Command('status').description('Show how far a run is; while it has no end, the hosts themselves are asked.')
    .argument('[run]', 'run id (default: the latest run)')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', '\nExample:\n  tandem status')
    .action(async (id: string | undefined, { json }: { json?: true }) => {
      const kept = storedRun(context, id);
      let report = kept.report;
      if (report.endedMs === null) {
        const own = credentials(context, readSite(context.siteFile()), OPERATOR);
        const later = await withLinks(joined(kept.plan, kept.records), own, async (links) => await Promise.all([...links].map(async ([host, link]) => await newsOf(host, link, kept.run, kept.records))));
        report = reportOf(kept.run, kept.plan, [...kept.records, ...later.flatMap((news) => news.records)]);
        for (const { trouble } of later) if (trouble !== undefined) { context.tell(trouble); context.finish(EXIT.unreachable); }
      }
      context.say(json === true ? reportJson(report).trimEnd() : statusText(report));
    });
}

function statusText(report: RunReport): string {
  return [`Run ${report.run}: ${verdictText(report)}`, ...report.hosts.map((host) => `  ${hostLine(host, report.mode)}`), ...nextSteps(report).map((line) => `Next: ${line}`)].join('\n');
}

function hostLine({ host, steps, counts }: HostReport, mode: RunReport['mode']): string {
  const inHand = steps.find((step) => step.result === 'waiting' && step.beganMs !== null);
  const bad = steps.find(({ result }) => result === 'failed' || result === 'reverted');
  return [`${host}: ${countsText(counts, mode)}`, ...(inHand === undefined ? [] : [`in hand: ${inHand.id} ${inHand.sentence}`]), ...(bad === undefined ? [] : [`${bad.id} ${bad.result}: ${oneLine(bad.reason)}`])].join('; ');
}

const QUIET_MS = 700;

/** The host's events that this journal does not hold yet. Attach goes on while the run is busy there, so silence ends it. */
async function newsOf(host: string, link: Link, run: string, records: readonly RunRecord[]): Promise<{ records: RunRecord[]; trouble?: string }> {
  const from = Math.max(0, ...records.map((record) => (record.type === 'event' && record.host === host ? record.event.seq : 0))) + 1;
  const news: RunRecord[] = [];
  const quiet = new AbortController(), hushed = quiet.signal;
  const hush = (): void => { quiet.abort(); link.close(); };
  try {
    await link.call('ListOperations', {}, 5);
    let timer = setTimeout(hush, QUIET_MS);
    await link.attach(run, from, (event: Event) => {
      clearTimeout(timer);
      timer = setTimeout(hush, QUIET_MS);
      news.push({ type: 'event', host, event });
    }).finally(() => { clearTimeout(timer); });
  } catch (error) {
    const nothingThere = error instanceof AgentRefused && error.code === 'NOT_FOUND';
    if (!hushed.aborted && !nothingThere) return { records: news, trouble: (error as Error).message };
  }
  return { records: news };
}
