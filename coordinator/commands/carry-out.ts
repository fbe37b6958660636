import { randomInt } from 'node:crypto';
import { GENESIS } from '../../proto/journal.ts';
import { account } from '../account.ts';
import { askPerson } from '../ask.ts';
import { checkpoints, START } from '../checkpoints.ts';
import type { Context } from '../context.ts';
import { changedSince, readSite } from '../input/files.ts';
import { checkSecrets, readSecret } from '../input/secrets.ts';
import { InputError, nearest, oneOf, problem, type Problem } from '../input/problem.ts';
import { Detached, type RunSettings } from '../hosts.ts';
import type { Link } from '../link.ts';
import { hostsFor } from '../part.ts';
import type { Plan } from '../plan-format.ts';
import { planJson } from '../plan-text.ts';
import { watchRun, type Progress } from '../progress/progress.ts';
import { reportOf } from '../report/model.ts';
import { reportJson } from '../report/json.ts';
import { reportText } from '../report/text.ts';
import { Run } from '../run.ts';
import { spentSteps, withoutSpent } from '../spent.ts';
import { EXIT } from '../verdict.ts';
import { openLocalStore } from '../store/local.ts';
import type { RunRecord, RunStore, RunWriter } from '../store/runstore.ts';
import { keepPlan, newestPlan, readPlan } from '../store/plans.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import type { PartOptions } from './run-options.ts';
import { readRuns } from './stored-run.ts';

export interface RunOptions { runId?: string; patience: number; takeOver?: true; json?: true }

/** A run id that no other coordinator makes in the same second: 20261124-114603-k3f. */
export function newRunId(nowMs: number): string {
  const time = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `${time}-${randomInt(36 ** 3).toString(36).padStart(3, '0')}`;
}

/** The plan in the file, else the one made last for this site; nothing it rests on may have changed. Throws InputError. */
export function planToCarryOut(context: Context, file: string | undefined): Plan {
  const site = readSite(context.siteFile());
  const plan = file === undefined ? newestPlan(context.stateFolder(), site.name) : readPlan(file);
  const place = { file: file ?? context.siteFile(), line: 1, column: 1 };
  if (plan === undefined) throw new InputError([problem(place, `no plan of site ${site.name} in ${context.stateFolder()}`, 'one made before: tandem plan')]);
  if (plan.site !== site.name) throw new InputError([problem(place, `a plan of site ${plan.site}`, `one of site ${site.name}`)]);
  const changed = changedSince(plan, context.siteFile());
  if (changed.length > 0) throw new InputError(changed.map((what) => problem(place, `a plan that no longer fits: ${what} since it was made`, 'a new one: tandem plan')));
  return plan;
}

/** Carries a plan out as a new run, or only looks, with live progress, Ctrl-C and the report at the end. Sets the exit code. */
export async function carryOut(context: Context, given: Plan, mode: 'check' | 'apply', { runId, ...options }: RunOptions & PartOptions): Promise<void> {
  const run = runId ?? newRunId(Date.now());
  const store = openLocalStore(context.stateFolder());
  if (store.began(run)) throw new InputError([problem(context.at(run), `run ${run}, which exists already`, `another --run-id, or: tandem resume ${run}`)]);
  const plan = planOfNewRun(context, given);
  await conduct(context, run, () => ({ plan, records: [], writer: created(store, run, plan) }), mode, options, (settings, links, { writer }, progress) => {
    context.tell(`${mode === 'check' ? 'Dry run' : 'Run'} ${run} of plan ${plan.digest.slice(0, 12)}; Ctrl-C lets each host finish the step in hand and stops.`);
    return new Run(plan, settings, links, writer, progress);
  });
}

/** The plan without the steps that earlier runs have spent; kept, so that the run can be rebuilt. */
function planOfNewRun(context: Context, given: Plan): Plan {
  if (!given.stages.some(({ hosts }) => hosts.some(({ steps }) => steps.some(({ spent }) => spent !== undefined)))) return given;
  const { whole, damaged } = readRuns(context), plan = withoutSpent(given, whole.filter(({ report }) => report.mode !== 'check'));
  for (const { run } of damaged) context.tell(`Note: run ${run} is damaged, so what it did counts for nothing here. tandem runs rebuild ${run} makes it anew.`);
  if (plan.spentOf === undefined) return given;
  keepPlan(context.stateFolder(), plan);
  context.tell(`${String(spentSteps(plan))} steps are left out, since earlier runs have served their purpose; the report says which and why.`);
  return plan;
}

/** What carries a run on: the plan forward, or its steps back. */
export interface Conducted { carryOut(): Promise<number>; stop(reason: string): Promise<void>; detach(): void }

/** A run in this coordinator's hands alone. */
export interface InHand { plan: Plan; records: readonly RunRecord[]; writer: RunWriter }

/**
 * One attempt of a run, new or kept: no second coordinator beside it, certificate and secrets checked first, the report at the end. `take` is
 * called once nobody else can write the run's journal: what was read before may be old. Sets the exit code.
 */
export async function conduct(context: Context, run: string, take: () => InHand, mode: RunSettings['mode'], { patience, takeOver, json, to, until, hosts }: Omit<RunOptions, 'runId'> & PartOptions & { to?: string },
  make: (settings: RunSettings, links: Map<string, Link>, inHand: InHand, progress: Progress) => Conducted): Promise<void> {
  const own = credentials(context, readSite(context.siteFile()), OPERATOR), store = openLocalStore(context.stateFolder());
  const alone = await store.hold(run);
  let plan: Plan;
  try {
    const inHand = take();
    ({ plan } = inHand);
    checkSecrets(context.siteFile(), plan);
    checkPart(context, plan, until, hosts);
    const there = hostsFor(plan, hosts), code = await withLinks(plan.hosts.filter(({ name }) => there.includes(name)), own, async (links) => {
      const progress = await watchRun(inHand.plan, mode, json === true ? process.stderr : process.stdout);
      const settings: RunSettings = {
        run, mode, ...(to === undefined ? {} : { to }), ...(until === undefined ? {} : { until }), ...(hosts === undefined ? {} : { only: hosts }), by: account(), subject: own.holder.name, own,
        ...(json === true || !process.stdin.isTTY || !process.stdout.isTTY ? {} : { ask: async (question, letGo) => await progress.aside(async () => await askPerson(question, { input: process.stdin, output: process.stdout }, account(), letGo)) }),
        patienceS: patience, takeOver: takeOver === true, readSecret: (reference) => readSecret(context.siteFile(), reference),
      };
      const conducted = make(settings, links, inHand, progress);
      const release = onInterrupt(context, conducted, run);
      try { return await conducted.carryOut(); } catch (error) {
        if (error instanceof Detached) return EXIT.interrupted;
        throw error;
      } finally {
        release();
        progress.end();
        inHand.writer.close();
      }
    });
    context.finish(code);
  } finally {
    alone.close();
  }
  const kept = store.read(run);
  if (kept === undefined) return;
  const report = reportOf(run, plan, kept.records);
  context.say(json === true ? reportJson(report).trimEnd() : `\n${reportText(report)}`);
}

/** Checkpoint and hosts are the plan's. Throws InputError. */
function checkPart(context: Context, plan: Plan, until: string | undefined, hosts: readonly string[] | undefined): void {
  const known = [...checkpoints(plan).keys()].filter((name) => name !== START), names = plan.hosts.map(({ name }) => name), problems: Problem[] = [];
  if (until !== undefined && !known.includes(until)) problems.push(problem(context.at(until), `no checkpoint "${until}" in the plan`, known.length === 0 ? 'one of the plan, which has none' : oneOf(known), nearest(until, known)));
  if (hosts?.length === 0) problems.push(problem(context.at('--hosts'), 'no host', oneOf(names)));
  for (const host of hosts ?? []) if (!names.includes(host)) problems.push(problem(context.at(hosts?.length === 1 ? host : '--hosts'), `no host "${host}" in the plan`, oneOf(names), nearest(host, names)));
  if (problems.length > 0) throw new InputError(problems);
}

/** A run that is kept from its first record on: what never began leaves nothing. */
function created(store: RunStore, run: string, plan: Plan): RunWriter {
  let writer: RunWriter | undefined;
  return {
    append(record) { writer ??= store.create(run, planJson(plan)); writer.append(record); },
    head() { return writer?.head() ?? { n: 0, hash: GENESIS }; },
    close() { writer?.close(); },
  };
}

/** First signal: stop after the step in hand. Second: let go of the hosts. Returns what takes the handlers away. */
function onInterrupt(context: Context, run: Conducted, id: string): () => void {
  let signals = 0;
  const handle = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals === 1) {
      context.tell('Stopping: each host finishes the step in hand, the rest is skipped. Ctrl-C again lets go of the hosts at once.');
      run.stop(signal === 'SIGINT' ? 'Ctrl-C' : signal).catch((error: unknown) => { context.tell((error as Error).message); });
    } else if (signals === 2) {
      context.tell(`Detached: the hosts finish the step in hand by themselves. To look again: tandem status ${id}`);
      run.detach();
    }
  };
  process.on('SIGINT', handle).on('SIGTERM', handle);
  return () => { process.off('SIGINT', handle).off('SIGTERM', handle); };
}
