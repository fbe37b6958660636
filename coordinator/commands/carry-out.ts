import { randomInt } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { Context } from '../context.ts';
import { changedSince, readSite } from '../input/files.ts';
import { checkSecrets, readSecret } from '../input/secrets.ts';
import { InputError, problem } from '../input/problem.ts';
import type { Plan } from '../plan-format.ts';
import { planJson } from '../plan-text.ts';
import { watchRun } from '../progress/progress.ts';
import { reportOf } from '../report/model.ts';
import { reportJson } from '../report/json.ts';
import { reportText } from '../report/text.ts';
import { Detached, EXIT, Run } from '../run.ts';
import { openLocalStore } from '../store/local.ts';
import type { RunStore, RunWriter } from '../store/runstore.ts';
import { newestPlan, readPlan } from '../store/plans.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';

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

/** Carries a plan out, or only looks, with live progress, Ctrl-C and the report at the end. Sets the exit code. */
export async function carryOut(context: Context, plan: Plan, mode: 'check' | 'apply', { runId, patience, takeOver, json }: RunOptions): Promise<void> {
  const site = readSite(context.siteFile());
  const own = credentials(context, site, OPERATOR);
  checkSecrets(context.siteFile(), plan);
  const run = runId ?? newRunId(Date.now());
  const store = openLocalStore(context.stateFolder());
  if (store.list().includes(run)) throw new InputError([problem(context.at(run), `run ${run}, which exists already`, 'another --run-id')]);
  const code = await withLinks(plan.hosts, own, async (links) => {
    const writer = created(store, run, plan);
    const progress = watchRun(plan, mode, json === true ? process.stderr : process.stdout);
    const settings = { run, mode, attempt: 1, by: `${userInfo().username}@${hostname()}`, patienceS: patience, takeOver: takeOver === true, readSecret: (reference: string) => readSecret(context.siteFile(), reference) };
    const carried = new Run(plan, settings, links, writer, progress);
    const release = onInterrupt(context, carried, run);
    context.tell(`${mode === 'check' ? 'Dry run' : 'Run'} ${run} of plan ${plan.digest.slice(0, 12)}; Ctrl-C lets each host finish the step in hand and stops.`);
    try { return await carried.carryOut(); } catch (error) {
      if (error instanceof Detached) return EXIT.interrupted;
      throw error;
    } finally {
      release();
      progress.end();
      writer.close();
    }
  });
  context.finish(code);
  const kept = store.read(run);
  if (kept === undefined) return;
  const report = reportOf(run, plan, kept.records);
  context.say(json === true ? reportJson(report).trimEnd() : `\n${reportText(report)}`);
}

/** A run that is kept from its first record on: what never began leaves nothing. */
function created(store: RunStore, run: string, plan: Plan): RunWriter {
  let writer: RunWriter | undefined;
  return {
    append(record) { writer ??= store.create(run, planJson(plan)); writer.append(record); },
    close() { writer?.close(); },
  };
}

/** First signal: stop after the step in hand. Second: let go of the hosts. Returns what takes the handlers away. */
function onInterrupt(context: Context, run: Run, id: string): () => void {
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
