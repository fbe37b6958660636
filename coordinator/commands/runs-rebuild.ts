import { Argument, Command } from 'commander';
import { RUN_ID } from '../../proto/command.ts';
import type { Event } from '../../proto/events.ts';
import { account } from '../account.ts';
import { catchUp } from '../catch-up.ts';
import type { Context } from '../context.ts';
import { readPlanInput, readSite } from '../input/files.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { AgentRefused, Unreachable } from '../link.ts';
import { digestHolds, type Plan } from '../plan-format.ts';
import { planJson } from '../plan-text.ts';
import { compilePlan } from '../plan.ts';
import { madeFrom, rebuiltRecords, type Told } from '../rebuild.ts';
import type { Site } from '../site.ts';
import { withoutSpent } from '../spent.ts';
import { openLocalStore } from '../store/local.ts';
import { keptPlans, readPlan } from '../store/plans.ts';
import { EXIT } from '../verdict.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import { readRuns } from './stored-run.ts';
import { matching, wholeNumber } from './values.ts';

interface Options { plan?: string; without: string[]; patience: number }

export function rebuildCommand(context: Context): Command {
  return new Command('rebuild').description("Make a run's folder anew from the journals of its hosts, when it is lost or damaged; waits until they have ended what they hold of it.")
    .addArgument(new Argument('<run>', 'run id').argParser(matching(RUN_ID, 'small letters, digits and "-", at most 63')))
    .option('--plan <file>', 'the plan of the run (default: the one among those kept here, or compiled now, that the hosts worked by)')
    .option('--without <host>', 'do not ask this host: what it did in this run is then not known (repeat for more)', (name: string, before: string[]) => [...before, name], [])
    .option('--patience <seconds>', 'how long a broken link is dialled again', wholeNumber(0), 20)
    .addHelpText('after', '\nWhich runs the hosts have: tandem runs --on-hosts\n\nExample:\n  tandem runs rebuild 20261124-114603-k3f')
    .action(async (run: string, options: Options) => {
      const site = readSite(context.siteFile()), own = credentials(context, site, OPERATOR);
      const store = openLocalStore(context.stateFolder());
      const held = await store.hold(run);
      try {
        if (readRuns(context).whole.some((kept) => kept.run === run)) throw new InputError([problem(context.at(run), `run ${run}, which is here and whole`, 'one whose folder is lost or damaged')]);
        const asked = site.hosts.filter(({ name }) => !options.without.includes(name));
        const told = await withLinks(asked, own, async (links) => await askAll(context, run, links, options));
        if (told === undefined) { context.finish(EXIT.unreachable); return; }
        const plan = planOf(context, run, told, options.plan, site);
        checkHosts(context, plan, site, options.without);
        const from = [...told].filter(([, events]) => events.length > 0).map(([host]) => host);
        const by = account();
        const missing = options.without.length === 0 ? '' : `; without ${options.without.join(', ')}: what was done there is not known`;
        const records = rebuiltRecords(plan, run, told, { by, note: `rebuilt by ${by} on ${new Date().toISOString().slice(0, 16)}Z from the journals of ${from.join(', ')}${missing}; notes, persons' words and the reason of its end are lost` });
        const aside = store.setAside(run);
        const writer = store.create(run, planJson(plan));
        try { for (const record of records) writer.append(record); } finally { writer.close(); }
        context.say(`Rebuilt run ${run} from ${String(records.filter(({ type }) => type === 'event').length)} events of ${from.join(', ')}${missing}.`);
        if (aside !== undefined) context.tell(`What was there is kept as ${aside}.`);
        context.tell(`Next: tandem report ${run}${records.at(-1)?.type === 'ended' ? '' : `; tandem resume ${run} goes on with it`}`);
      } finally { held.close(); }
    });
}

/** All events of all hosts, or undefined when a host could not be asked and that was told. Throws InputError when no host knows the run. */
async function askAll(context: Context, run: string, links: Parameters<Parameters<typeof withLinks>[2]>[0], { patience }: Options): Promise<Told | undefined> {
  const told = new Map<string, Event[]>(), troubles: string[] = [];
  await Promise.all([...links].map(async ([host, link]) => {
    const events: Event[] = [];
    told.set(host, events);
    try { await catchUp(host, link, { run, patienceS: patience }, [], (event) => { events.push(event); }); } catch (error) {
      if (!(error instanceof Unreachable || error instanceof AgentRefused)) throw error;
      troubles.push(`${error.message}\nNext: mend that, or leave the host out, and what it did unknown: --without ${host}`);
    }
  }));
  troubles.forEach((trouble) => { context.tell(trouble); });
  if (troubles.length > 0) return undefined;
  if ([...told.values()].every((events) => events.length === 0)) throw new InputError([problem(context.at(run), `run ${run}, which no host knows`, 'one that tandem runs --on-hosts lists')]);
  return told;
}

/** The plan that all accepted commands were made from. Throws InputError. */
function planOf(context: Context, run: string, told: Told, file: string | undefined, site: Site): Plan {
  const hosts = [...told].filter(([, events]) => events.length > 0).map(([host]) => host).join(', ');
  const place = { file: file ?? context.stateFolder(), line: 1, column: 1 };
  const plans = file === undefined ? candidates(context, run, site) : [readPlan(file)];
  const found = plans.find((plan) => { const { made, of } = madeFrom(plan, run, told); return of > 0 && made === of; });
  if (found !== undefined) return found;
  const of = plans[0] === undefined ? 0 : madeFrom(plans[0], run, told).of;
  if (plans[0] !== undefined && of === 0) throw new InputError([problem(place, `no command of run ${run} on ${hosts}`, 'at least one, which proves the plan; nothing was done in this run')]);
  const most = Math.max(0, ...plans.map((plan) => madeFrom(plan, run, told).made));
  const tried = file === undefined ? `no plan (${String(plans.length)} tried: those kept, and the one compiled now)` : `a plan ${plans[0]?.digest.slice(0, 12) ?? ''}`;
  throw new InputError([problem(place, `${tried} that the commands of run ${run} on ${hosts} were made from (${String(most)} of ${String(of)} were)`, 'the plan of this run: --plan FILE, or a site file and captured facts as they were then')]);
}

function candidates(context: Context, run: string, site: Site): Plan[] {
  const own = openLocalStore(context.stateFolder()).planText(run);
  const beside = own === undefined ? [] : parsedPlan(own);
  let compiled: Plan[] = [];
  try { compiled = [compilePlan(readPlanInput(context.siteFile()))]; } catch (error) {
    if (!(error instanceof InputError)) throw error; // a plan that is kept may fit all the same
  }
  // A run may have been made without what earlier runs had spent by then.
  const earlier = readRuns(context).whole.filter((each) => each.run !== run && each.report.mode !== 'check');
  const spent = compiled.flatMap((plan) => earlier.map((_each, at) => withoutSpent(plan, earlier.slice(0, at + 1))));
  return [...beside, ...keptPlans(context.stateFolder(), site.name), ...compiled, ...spent];
}

function parsedPlan(text: string): Plan[] {
  try { const plan = JSON.parse(text) as Plan; return digestHolds(plan) ? [plan] : []; } catch { return []; } // damaged with the rest of its folder
}

/** Every host of the plan was asked, or left out by name. Throws InputError. */
function checkHosts(context: Context, plan: Plan, site: Site, without: readonly string[]): void {
  const known = [...new Set([...plan.hosts, ...site.hosts].map(({ name }) => name))];
  const problems = without.filter((name) => !known.includes(name)).map((name) => problem(context.at(name), `no host "${name}" in the site or the plan`, oneOf(known), nearest(name, known)));
  const gone = plan.hosts.filter(({ name }) => !without.includes(name) && !site.hosts.some((host) => host.name === name));
  problems.push(...gone.map(({ name }) => problem(site.source.place(['hosts'], 'key'), `no host ${name}, on which this run was to work`, `it, or --without ${name}`)));
  if (problems.length > 0) throw new InputError(problems);
}
