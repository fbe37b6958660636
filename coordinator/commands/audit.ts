import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { GENESIS, lineOf } from '../../proto/journal.ts';
import { joined } from '../arrivals.ts';
import { verifyRun } from '../audit/verify.ts';
import { auditText } from '../audit/words.ts';
import type { Context } from '../context.ts';
import { besideSite, readSite } from '../input/files.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { AgentRefused, Unreachable, type Identity, type Link } from '../link.ts';
import { keepJournal, readExhibits } from '../store/exhibits.ts';
import { openLocalStore } from '../store/local.ts';
import { RunInHand } from '../store/runstore.ts';
import { EXIT } from '../verdict.ts';
import { Witness } from '../witness.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import { storedRun, type Kept } from './stored-run.ts';

interface VerifyOptions { journal: string[]; ca?: string; json?: true }

export function auditCommand(context: Context): Command {
  const audit = new Command('audit').description('Prove that the record of a run is what was written: hash chains, and heads that each side signed for the other.');
  audit.command('fetch').description("Exchange signed heads with the hosts of a run once more, and save each host's journal beside the coordinator's, for verify.")
    .argument('<run>', 'run id')
    .option('--host <name...>', 'only of these hosts')
    .addHelpText('after', '\nExample:\n  tandem audit fetch 20261124-114603-k3f')
    .action(async (id: string, { host }: { host?: string[] }) => { await fetchJournals(context, id, host); });
  audit.command('verify').description('Find any line that was changed, taken away, moved or written anew, and say how far the record is proven. Asks no host. Exit code 0: proven to its end; 3: broken, or not proven.')
    .argument('<run>', 'run id')
    .option('--journal <host=file>', "a host's journal from elsewhere; may be given again (default: what fetch saved)", (pair: string, pairs: string[]) => [...pairs, pair], [])
    .option('--ca <file>', "certificate of the site's authority (default: ca.crt in the site's pki folder)")
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  tandem audit verify 20261124-114603-k3f\n  tandem audit verify 20261124-114603-k3f --ca /media/safe/ca.crt --journal h1=/media/safe/h1.jsonl')
    .action((id: string, options: VerifyOptions) => { verify(context, id, options); });
  return audit;
}

function verify(context: Context, id: string, { journal, ca, json }: VerifyOptions): void {
  const given = new Map(journal.map((pair) => {
    const [, host, file] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
    if (host === undefined || file === undefined) throw new InputError([problem(context.at(pair), `"${pair}"`, 'HOST=FILE')]);
    if (!existsSync(file)) throw new InputError([problem({ file, line: 1, column: 1 }, 'no file', `the journal of ${host} of this run, as tandem audit fetch saves it, or /var/lib/tandem/runs/${id}/journal.jsonl of that host`)]);
    return [host, file] as const;
  }));
  const exhibits = readExhibits(context.stateFolder(), id, given);
  if (exhibits === undefined) {
    const ids = openLocalStore(context.stateFolder()).list();
    throw new InputError([problem(context.at(id), `no run "${id}" in ${context.stateFolder()}`, ids.length === 0 ? 'one that is kept there (--state FOLDER names another folder)' : oneOf(ids.slice(-8)), nearest(id, ids))]);
  }
  const audit = verifyRun({ ...exhibits, ca: authority(context, ca) });
  context.say(json === true ? JSON.stringify(audit, null, 2) : auditText(audit));
  context.finish(audit.verdict === 'proven' ? EXIT.done : EXIT.failed);
}

function authority(context: Context, given: string | undefined): string {
  const file = given ?? join(besideSite(context.siteFile(), readSite(context.siteFile()).pki), 'ca.crt');
  if (!existsSync(file)) throw new InputError([problem({ file, line: 1, column: 1 }, 'no file', "the certificate of the site's authority (--ca FILE)")]);
  return readFileSync(file, 'utf8');
}

async function fetchJournals(context: Context, id: string, only: string[] | undefined): Promise<void> {
  const kept = storedRun(context, id), { run, plan, records } = kept, names = plan.hosts.map(({ name }) => name);
  const unknown = (only ?? []).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new InputError(unknown.map((name) => problem(context.at(name), `no host "${name}" in run ${run}`, oneOf(names), nearest(name, names))));
  const hosts = only === undefined ? joined(plan, records) : plan.hosts.filter(({ name }) => only.includes(name)), own = credentials(context, readSite(context.siteFile()), OPERATOR);
  await withLinks(hosts, own, async (links) => {
    await exchangeAll(context, kept, own, links);
    for (const [host, link] of links) await fetchJournal(context, run, host, link);
  });
}

/** What a run could not exchange at its end, its hosts or this machine being away, is made good: the journals only grow. */
async function exchangeAll(context: Context, { run, records }: Kept, own: Identity, links: Map<string, Link>): Promise<void> {
  const store = openLocalStore(context.stateFolder());
  let alone: { close(): void };
  try { alone = await store.hold(run); } catch (error) {
    if (!(error instanceof RunInHand)) throw error;
    context.tell(`Run ${run} goes on: it exchanges heads itself.`);
    return;
  }
  const writer = store.open(run), witness = new Witness(run, own, writer, records);
  try {
    for (const [host, link] of links) {
      const trouble = await witness.exchange(host, link, (event) => {
        writer.append({ type: 'event', host, event });
        witness.hear(host, event);
      });
      if (trouble === undefined) continue;
      context.tell(`${host}: ${trouble}`);
      context.finish(EXIT.failed);
    }
  } finally {
    writer.close();
    alone.close();
  }
}

/** The host's journal as its events give it: the same bytes, as its lines are canonical. */
async function fetchJournal(context: Context, run: string, host: string, link: Link): Promise<void> {
  let n = 0, prev = GENESIS;
  try {
    const file = await keepJournal(context.stateFolder(), run, host, async (append) => {
      await link.attach(run, 1, (event) => {
        n += 1;
        const { text, hash } = lineOf(n, prev, event);
        prev = hash;
        append(text);
      });
    });
    context.say(`${host}: ${String(n)} lines in ${file}`);
  } catch (error) {
    if (!(error instanceof Unreachable || error instanceof AgentRefused)) throw error;
    context.tell(`${error.message}; an earlier copy stays as it is`);
    context.finish(error instanceof Unreachable ? EXIT.unreachable : EXIT.failed);
  }
}
