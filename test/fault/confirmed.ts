import { isOfCoordinator, type Moment, type Trial } from './generator.ts';
import { randomOf } from './random.ts';
import { rulesText, type TrialStep } from './steps.ts';

/** checked, armed, applied, awaiting, confirmed, verified, finished */
const LINES = 7;

/**
 * To a part of the trials (0 to 1), on the host of its fault, a change that goes back by itself unless it is confirmed over a new connection (firewall.replaced,
 * docs/decisions/0009-commit-confirmed.md); and the fault's moment is moved to the lines about it. Drawn apart: what else a trial was before, it still is.
 */
export function addRules(trial: Trial, part: number): Trial {
  const random = randomOf(trial.seed ^ 0x0c0f, trial.number), { host, turn } = trial, start = trial.hosts.find(({ name }) => name === host)!.start;
  const stages = trial.stages.filter(({ steps }) => (steps[host] ?? []).length > 0), stage = random.pick(stages), own = stage.steps[host]!, at = random.int(0, own.length);
  if (trial.fault === 'none' || !random.chance(part)) return trial;
  const from = '1001', to = '1002', v4 = `/mnt/t${String(trial.number)}/from/c1.rules`;
  start.rules = from;
  start.effects.push(`rules ${from}`);
  start.files[v4] = rulesText(to);
  // A run that is to be reverted later must not go back by itself, on however slow a machine.
  own.splice(at, 0, { id: 'C1', operation: 'firewall.replaced', args: { v4, confirmWithinS: turn === 'back' ? 60 : random.int(5, 8) }, acts: [], undo: [], rules: { from, to } });
  // Of a stage each step is accepted first; a step that changes has four lines more, another one two; the last is what the coordinator signed.
  const linesOf = (steps: readonly TrialStep[]): number => steps.reduce((sum, { acts, file }) => sum + (acts.length > 0 || file !== undefined ? 4 : 2), 0);
  const before = stages.slice(0, stages.indexOf(stage)).reduce((sum, { steps }) => sum + steps[host]!.length + linesOf(steps[host]!) + 1, 0) + own.length + linesOf(own.slice(0, at));
  const near = (moment: Moment): Moment => ({ ...moment, line: before + random.int(1, LINES * (isOfCoordinator(trial.fault) ? trial.hosts.length : 1)) });
  // Longer than the time in which it must be confirmed, or shorter.
  const long = (): number => random.int(0, 11_000);
  return turn === 'back' ? trial : { ...trial, moment: near(trial.moment), cutMs: random.chance(0.4) ? long() : trial.cutMs, lateMs: random.chance(0.5) ? long() : 0 };
}
