import { isGood, type Event, type Finished, type Mode } from '../proto/events.ts';
import { stepKey } from './plan-format.ts';
import type { RunRecord } from './store/runstore.ts';

/** How far one step is on one host, from all that its agent told in this run. */
export interface Standing {
  /** The last command that was to do or undo it. */
  command: string;
  mode: Mode;
  attempt: number;
  /** Undefined: accepted, and no result is known. */
  finished: Finished | undefined;
  /** Nothing is left to do. */
  good: boolean;
  /** Whether something was changed, or begun, that has not been undone since. */
  changed: boolean;
  /** Nobody can tell from the journals on which side of the change the host is. */
  unknown: boolean;
  /** What a person said where a look could not tell. */
  word: 'done' | 'not-done' | undefined;
}

/** Each host's events once and in the order of its journal, however they came in. */
export function eventsByHost(records: readonly RunRecord[]): Map<string, Event[]> {
  const hosts = new Map<string, Map<number, Event>>();
  for (const record of records) {
    if (record.type !== 'event') continue;
    const events = hosts.get(record.host) ?? new Map<number, Event>();
    hosts.set(record.host, events.set(record.event.seq, record.event));
  }
  return new Map([...hosts].map(([host, events]) => [host, [...events.values()].sort((a, b) => a.seq - b.seq)]));
}

/** By `step@host`; a step that was never sent is not in it. */
export function standingOf(records: readonly RunRecord[]): Map<string, Standing> {
  const standings = new Map<string, Standing>();
  for (const [host, events] of eventsByHost(records)) {
    const commands = new Map<string, Command>();
    for (const event of events) if (event.step !== '') hear(standings, commands, stepKey(event.step, host), event);
  }
  for (const record of records) {
    if (record.type !== 'resolved') continue;
    const standing = standings.get(stepKey(record.step, record.host));
    if (standing?.command === record.command && standing.unknown) standing.word = record.answer;
  }
  return standings;
}

/** One command of a host; `changed`: whether something stood before it began to change more. */
interface Command { mode: Mode; changed?: boolean }

/** `commands`: the host's, so far. */
function hear(standings: Map<string, Standing>, commands: Map<string, Command>, key: string, event: Event): void {
  const before = standings.get(key);
  if (event.kind === 'accepted') commands.set(event.command, { mode: event.mode });
  if (event.kind === 'accepted' && event.mode !== 'check') {
    standings.set(key, { command: event.command, mode: event.mode, attempt: event.attempt, finished: undefined, good: false, changed: before?.changed ?? false, unknown: false, word: undefined });
    return;
  }
  if (before === undefined) return;
  // Also of an earlier command that still ran when the last one came.
  const command = commands.get(event.command);
  if (event.kind === 'checked' && !event.satisfied && command?.mode === 'apply') {
    command.changed ??= before.changed;
    before.changed = true;
  }
  // A change that went back by itself, unconfirmed, went back to what it had found: that may be what an earlier attempt left.
  if (event.kind === 'finished' && event.result === 'reverted') before.changed = command?.mode === 'apply' && (command.changed ?? before.changed);
  if (event.command !== before.command) { // a look, after a result that said nothing
    if (event.kind === 'finished' && event.result === 'unchanged') Object.assign(before, { good: true, unknown: false });
    if (event.kind === 'finished' && event.result === 'would_change') before.unknown = false;
    return;
  }
  if (event.kind !== 'finished') return;
  const { result } = event, left = result === 'unknown' || result === 'interrupted';
  Object.assign(before, { finished: event, good: before.mode === 'apply' && isGood(result, 'apply'), unknown: left && before.mode === 'apply' });
}
