import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Trial } from './generator.ts';

/** What a person can see and touch on a host. */
interface Place { name: string; folder: string }

interface Told { exit: number | 'killed' | undefined; out: string }

const linesOf = (path: string): string[] => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : []);

/** What a person does after a call that was not the last: mends what broke, says what nobody else can tell, goes on. Answers the words of the next call. */
export function nextCall(trial: Trial, run: string, places: readonly Place[], { exit, out }: Told, forward: string[]): string[] {
  if (trial.turn === 'back') return ['revert', run, '--to', trial.to];
  const mend = (...what: string[]): void => { for (const { folder } of places) for (const file of what) rmSync(join(folder, file), { force: true }); };
  if (exit === 2) return forward; // as its message says: the coordinator had died before the first line of the run
  if (exit === 3) mend('broken', 'blind');
  const open = exit === 8 ? unknownIn(out) : undefined, place = places.find(({ name }) => name === open?.host);
  if (open === undefined || place === undefined) return ['resume', run];
  const done = trial.word && isDone(trial, run, place, open.step);
  // Only a word counts while the host is blind; that something is left to do it must see to do it.
  if (!done) mend('blind');
  return trial.word ? ['resolve', run, open.step, done ? 'done' : 'not-done', '--host', place.name, '--by', 'trial', '--reason', 'the effect log'] : ['resume', run];
}

function unknownIn(out: string): { host: string; step: string } | undefined {
  const { hosts } = JSON.parse(out) as { hosts: { host: string; steps: { id: string; result: string; resolved: unknown }[] }[] };
  return hosts.flatMap(({ host, steps }) => steps.filter(({ result, resolved }) => result === 'unknown' && resolved === null).map(({ id }) => ({ host, step: id })))[0];
}

/** Whether all acts of the step's commands are in the effect log: each line names its command. */
function isDone(trial: Trial, run: string, { name, folder }: Place, id: string): boolean {
  const step = trial.stages.flatMap(({ steps }) => steps[name] ?? []).find((one) => one.id === id)!;
  const commands = new Set(linesOf(join(folder, 'state/runs', run, 'journal.jsonl')).map((line) => (JSON.parse(line) as { at: { step: string; command: string } }).at).filter((event) => event.step === id).map(({ command }) => command));
  return linesOf(join(folder, 'effects')).filter((line) => commands.has(line.split(' ')[2] ?? '')).length === step.acts.length;
}
