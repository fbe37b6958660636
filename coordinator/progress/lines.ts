import type { Event, Finished } from '../../proto/events.ts';
import { awaitsPerson } from '../gates.ts';
import type { Plan, PlanStep } from '../plan-format.ts';
import { oneLine } from '../printable.ts';
import type { RunReport } from '../report/schema.ts';
import { detailLines, styledResult } from '../report/text.ts';
import { durationText } from '../report/words.ts';

type Differences = Extract<Event, { kind: 'checked' }>['differences'];

/** One line for a step that finished; where it failed, or is a dry run's finding, what is known of it below. */
export function finishedLines(host: string, step: PlanStep | undefined, finished: Finished, differences: Differences, mode: RunReport['mode']): string[] {
  const time = finished.result === 'skipped' ? '' : ` (${durationText(finished.durationMs)})`;
  const result = awaitsPerson(step, finished) && mode === 'apply' ? 'waiting' : finished.result;
  const head = `${host} ${oneLine(finished.step)} ${styledResult(result, mode)}  ${step?.sentence ?? ''}${time}`;
  if (finished.result === 'changed' || finished.result === 'unchanged') return [head];
  return [head, ...detailLines({ ...finished, skippedBy: finished.result === 'skipped' ? 'run' : null, differences }).map((line) => `    ${line}`)];
}

/** Steps of the plan by host and id. */
export function stepsByKey(plan: Plan): Map<string, PlanStep> {
  return new Map(plan.stages.flatMap((stage) => stage.hosts.flatMap(({ host, steps }) => steps.map((step) => [`${step.id}@${host}`, step] as const))));
}
