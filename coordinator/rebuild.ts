import { commandId } from '../proto/command.ts';
import type { Event, Mode } from '../proto/events.ts';
import { stepKey, type Plan } from './plan-format.ts';
import { standingOf } from './standing.ts';
import type { RunRecord } from './store/runstore.ts';

/** What each host told of one run: all its events, in the order of its journal. */
export type Told = ReadonlyMap<string, readonly Event[]>;
type Accepted = Extract<Event, { kind: 'accepted' }>;

const acceptedOf = (told: Told): { host: string; event: Accepted }[] => [...told].flatMap(([host, events]) => events.flatMap((event) => (event.kind === 'accepted' ? [{ host, event }] : [])));

/** How many of the commands that the hosts accepted were made from this plan: an id is a hash over the plan's digest. */
export function madeFrom(plan: Plan, run: string, told: Told): { made: number; of: number } {
  const accepted = acceptedOf(told);
  const made = accepted.filter(({ host, event: { command, step, mode, attempt } }) => command === commandId({ run, planDigest: plan.digest, step, host, mode, attempt })).length;
  return { made, of: accepted.length };
}

/** A run's journal made anew from what its hosts told. What only the coordinator knew is lost: its notes, persons' words, how it ended. */
export function rebuiltRecords(plan: Plan, run: string, told: Told, { by, note }: { by: string; note: string }): RunRecord[] {
  const events = inTimeOrder(told), accepted = acceptedOf(told).map(({ event }) => event);
  const attempt = accepted.reduce((highest, event) => Math.max(highest, event.attempt), 1), timeMs = events.reduce((first, { event }) => Math.min(first, event.timeMs), Infinity);
  const mode = modeOf(accepted.filter((event) => event.attempt === attempt), accepted);
  const records: RunRecord[] = [
    { type: 'begun', timeMs, run, planDigest: plan.digest, mode, attempt, by: `rebuilt by ${by}` },
    { type: 'note', timeMs, host: '', text: note },
    ...events.map(({ host, event }): RunRecord => ({ type: 'event', host, event })),
  ];
  const lastMs = events.reduce((last, { event }) => Math.max(last, event.timeMs), 0);
  return allWell(plan, mode, records) ? [...records, { type: 'ended', timeMs: lastMs, exitCode: 0, reason: '' }] : records;
}

/** Looks are part of a resumed run too: only a run of nothing but looks is a dry run. */
function modeOf(latest: readonly Accepted[], all: readonly Accepted[]): Mode {
  if (latest.some(({ mode }) => mode === 'revert')) return 'revert';
  return all.some(({ mode }) => mode !== 'check') ? 'apply' : 'check';
}

/** Each host's order stays, whatever its clock did; between hosts the time decides. */
function inTimeOrder(told: Told): { host: string; event: Event }[] {
  const waiting = [...told].map(([host, events]) => ({ host, events, next: 0 }));
  const merged: { host: string; event: Event }[] = [];
  for (;;) {
    let first: { at: (typeof waiting)[number]; event: Event } | undefined;
    for (const at of waiting) {
      const event = at.events[at.next];
      if (event !== undefined && (first === undefined || event.timeMs < first.event.timeMs)) first = { at, event };
    }
    if (first === undefined) return merged;
    merged.push({ host: first.at.host, event: first.event });
    first.at.next += 1;
  }
}

/** Whether nothing was left to do: then the run has an end, and it was a good one. */
function allWell(plan: Plan, mode: Mode, records: readonly RunRecord[]): boolean {
  const keys = plan.stages.flatMap((stage) => stage.hosts.flatMap(({ host, steps }) => steps.filter(({ skip }) => skip === undefined).map(({ id }) => stepKey(id, host))));
  if (mode === 'apply') {
    const standings = standingOf(records);
    return keys.every((key) => standings.get(key)?.good === true);
  }
  if (mode === 'revert') return false;
  const looked = new Map(records.flatMap((record) => (record.type === 'event' && record.event.kind === 'finished' ? [[stepKey(record.event.step, record.host), record.event.result] as const] : [])));
  return keys.every((key) => looked.has(key) && looked.get(key) !== 'failed' && looked.get(key) !== 'skipped');
}
