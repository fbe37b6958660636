import { randomOf, type Random } from './random.ts';
import { addRules } from './confirmed.ts';
import { makeSteps, type Start, type TrialStep } from './steps.ts';

export const FAULTS = [
  'agent killed', 'agent killed twice', 'host lost', 'power lost', 'link cut', 'link silent', 'link cut, agent killed',
  'coordinator killed', 'coordinator power lost', 'coordinator and agent killed', 'disk full on agent', 'disk full on coordinator',
  'agent clock back', 'agent replaced', 'two coordinators',
] as const;
/** `none` is not drawn: the campaign warms up with it. */
export type FaultKind = (typeof FAULTS)[number] | 'none';

/** Whether the fault's moment is a line of the coordinator's journal; else of the agent's. */
export const isOfCoordinator = (fault: FaultKind): boolean => fault.startsWith('coordinator') || ['disk full on coordinator', 'two coordinators'].includes(fault);

/**
 * What else a trial holds. failing: a unit does not start until a person has mended it. unknown: when the agent dies, the host goes blind, so
 * that nobody can tell what was done; a person looks. back: the run is done, and the fault comes while it is reverted.
 */
export const TURNS = ['forward', 'failing', 'unknown', 'back'] as const;
export type Turn = (typeof TURNS)[number];
/** After these an agent finds a step that it began before. */
const BEGUN_BEFORE: readonly FaultKind[] = ['agent killed', 'agent killed twice', 'host lost', 'link cut, agent killed', 'coordinator and agent killed'];

/** A moment of one process: the line of its journal, counted from its start; before it is written, when it is written, when it is synced; and a while later. */
export interface Moment { line: number; when: 'b' | 'w' | 's'; afterMs: number }

export interface Trial {
  seed: number;
  number: number;
  fault: FaultKind;
  turn: Turn;
  /** failing: the unit that does not start, and where. */
  broken: { host: string; unit: string } | undefined;
  /** unknown: whether a person says what was done, or the host is given its sight back and looks. */
  word: boolean;
  /** back: the checkpoint. */
  to: 'start' | 'middle';
  /** The host whose agent, link or disk it is. */
  host: string;
  moment: Moment;
  /** For a second fault in a row. */
  second: Moment;
  /** Milliseconds until the agent's unit starts it again. */
  restartMs: number;
  /** Milliseconds for which a link is cut or silent; seconds by which a clock jumps back, 3000 at most: certificates hold from an hour before they are made. */
  cutMs: number;
  /** Milliseconds until a person goes on after the first call. */
  lateMs?: number;
  /** What is left of a tail that was not synced, 0 to 1, and what stands in the place of the rest. */
  tail: { kept: number; then: 'nothing' | 'zeros' | 'letters' };
  /** Seconds of a package transaction's halves, and of an act of systemctl. */
  yumTakesS: number;
  actTakesS: number;
  hosts: { name: string; start: Start }[];
  stages: { strategy: 'parallel' | 'serial'; steps: Record<string, TrialStep[]> }[];
}

/** Trial `number` of `seed`: plan, hosts, fault and moment follow from these two alone. `kinds` and `turns` limit what is drawn; `confirmed` is the part of trials with a change that must be confirmed. */
export function makeTrial(seed: number, number: number, kinds: readonly FaultKind[] = FAULTS, turns: readonly Turn[] = TURNS, confirmed = 0.2): Trial {
  const random = randomOf(seed, number), fault = random.pick(kinds);
  const names = Array.from({ length: random.pick([1, 1, 2, 2, 2, 3, 4]) }, (_, at) => `h${String(at + 1)}`);
  const made = names.map((name) => ({ name, ...makeSteps(random, random.int(4, 8), runOf(number)) }));
  const cut = random.int(2, 6), two = random.chance(0.5);
  const part = (from: number, to?: number): Record<string, TrialStep[]> => Object.fromEntries(made.filter(({ steps }) => steps.length > from).map(({ name, steps }) => [name, steps.slice(from, to)]));
  const strategy = (): 'parallel' | 'serial' => random.pick(['parallel', 'serial']);
  const stages = two ? [{ strategy: strategy(), steps: part(0, cut) }, { strategy: strategy(), steps: part(cut) }].filter(({ steps }) => Object.keys(steps).length > 0) : [{ strategy: strategy(), steps: part(0) }];
  const host = random.pick(names);
  const lines = 4 * made.find(({ name }) => name === host)!.steps.length; // accepted, checked, applied, verified, finished: some steps have fewer
  return addRules({
    seed, number, fault, ...turnOf(seed, number, fault, stages, turns), host, moment: momentOf(random, lines), second: momentOf(random, lines), restartMs: random.int(0, 300), cutMs: random.chance(0.8) ? random.int(50, 600) : random.int(600, 3000),
    tail: { kept: random.next(), then: random.pick(['nothing', 'nothing', 'zeros', 'letters']) },
    yumTakesS: random.int(20, 200) / 1000, actTakesS: random.chance(0.3) ? random.int(10, 100) / 1000 : 0,
    hosts: made.map(({ name, start }) => ({ name, start })), stages,
  }, confirmed);
}

/** Drawn apart: what a seed was before there were turns, it still is. */
function turnOf(seed: number, number: number, fault: FaultKind, stages: Trial['stages'], turns: readonly Turn[]): Pick<Trial, 'turn' | 'broken' | 'word' | 'to'> {
  const random = randomOf(seed ^ 0x7e57, number), fit = BEGUN_BEFORE.includes(fault);
  // A unit that steps start alone: of several that one call starts, systemd starts the others all the same.
  const groups = stages.flatMap(({ steps }) => Object.entries(steps).flatMap(([host, own]) => own.map(({ acts }) => acts.filter((act) => act.startsWith('start ')).map((act) => ({ host, unit: act.slice('start '.length) })))));
  const together = groups.filter(({ length }) => length > 1).flat(), starts = groups.filter(({ length }) => length === 1).flat().filter((one) => !together.some(({ host, unit }) => host === one.host && unit === one.unit));
  const drawn = random.pick<Turn>(fit ? ['forward', 'forward', 'forward', 'unknown', 'unknown', 'failing', 'back', 'back'] : ['forward', 'forward', 'forward', 'failing', 'back', 'back']);
  const broken = starts.length === 0 ? undefined : random.pick(starts);
  const turn = fault === 'none' || !turns.includes(drawn) || (drawn === 'failing' && broken === undefined) ? 'forward' : drawn;
  return { turn, broken: turn === 'failing' ? broken : undefined, word: random.chance(0.6), to: stages.length > 1 && random.chance(0.5) ? 'middle' : 'start' };
}

function momentOf(random: Random, lines: number): Moment {
  return { line: random.int(1, lines), when: random.pick(['b', 'w', 's']), afterMs: random.chance(0.6) ? 0 : random.int(0, 400) };
}

/** The exit code with which a trial's run has its end. */
export const endOf = ({ turn }: Pick<Trial, 'turn'>): number => (turn === 'back' ? 6 : 0);

/** The run's name, and that of the folder on each host in which its files are. */
export const runOf = (number: number): string => `t${String(number)}`;
