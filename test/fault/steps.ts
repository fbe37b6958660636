import type { Random } from './random.ts';

/** One step of a trial's plan, and what it must do to a host that is as the steps before it left it. */
export interface TrialStep {
  id: string;
  operation: string;
  args: Record<string, unknown>;
  /** Acts in the host's effect log, in order. Empty: the step finds nothing to do. */
  acts: string[];
  /** Acts that undo it, in order. */
  undo: string[];
  /** A package transaction: counted apart, since a host that dies in one must begin another. */
  packages?: string[];
  /** A file that the step puts in place, once. */
  file?: string;
  /** Rules of a firewall, by their port: a change that goes back by itself unless it is confirmed, so that it may be made more than once. */
  rules?: { from: string; to: string };
}

/** The host before the run. `rules`: the port of those that run, and that the next start loads. */
export interface Start { units: string[]; effects: string[]; files: Record<string, string>; rules?: string }

export const rulesText = (port: string): string => `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport ${port} -j ACCEPT\nCOMMIT\n`;

/** The steps of one host over all stages, and what the host must look like beforehand. Units go up and down again, so that a step done twice shows. */
export function makeSteps(random: Random, count: number, trial: string): { steps: TrialStep[]; start: Start } {
  const units = new Map<string, { active: boolean; enabled: boolean }>(), start: Start = { units: [], effects: [], files: {} };
  const newUnit = (active: boolean): string => {
    const name = `u${String(units.size + 1)}.service`;
    units.set(name, { active, enabled: active });
    start.units.push(name);
    if (active) start.effects.push(`enable ${name}`, `start ${name}`);
    return name;
  };
  const anyUnit = (active: boolean): string => {
    const fit = [...units].filter(([, unit]) => unit.active === active).map(([name]) => name);
    return fit.length === 0 || random.chance(0.1) ? newUnit(active) : random.pick(fit);
  };
  const running = (names: string[], enabled: boolean): Omit<TrialStep, 'id'> => {
    const states = names.map((name) => units.get(name)!);
    const enable = names.filter((_, at) => enabled && !states[at]!.enabled), begin = names.filter((_, at) => !states[at]!.active);
    const acts = [...enable.map((name) => `enable ${name}`), ...begin.map((name) => `start ${name}`)], undo = [...begin.map((name) => `stop ${name}`), ...enable.map((name) => `disable ${name}`)];
    for (const state of states) { state.active = true; state.enabled ||= enabled; }
    return { operation: 'service.running', args: { units: names, enabled, stableForS: 0, startDeadlineS: 20 }, acts, undo };
  };
  const makers: ((id: string) => Omit<TrialStep, 'id'>)[] = [
    () => running([anyUnit(false)], random.chance(0.5)),
    () => running([newUnit(false), newUnit(random.chance(0.5))], random.chance(0.5)),
    () => running([anyUnit(true)], false),
    () => {
      const name = anyUnit(true), disabled = random.chance(0.3), unit = units.get(name)!;
      const disable = disabled && unit.enabled, acts = [...disable ? [`disable ${name}`] : [], `stop ${name}`], undo = [...disable ? [`enable ${name}`] : [], `start ${name}`];
      unit.active = false;
      if (disabled) unit.enabled = false;
      return { operation: 'service.stopped', args: { units: [name], disabled }, acts, undo };
    },
    () => {
      const name = anyUnit(random.chance(0.5)), unit = units.get(name)!, acts = unit.enabled ? [] : [`enable ${name}`], undo = unit.enabled ? [] : [`disable ${name}`];
      unit.enabled = true;
      return { operation: 'service.enabled', args: { units: [name] }, acts, undo };
    },
    (id) => {
      const names = Array.from({ length: random.int(1, 3) }, (_, at) => `${id.toLowerCase()}-p${String(at)}`);
      if (random.chance(0.1)) { start.effects.push(...names.map((name) => `installed ${name}`)); return { operation: 'package.installed', args: { names }, acts: [], undo: [] }; }
      return { operation: 'package.installed', args: { names }, acts: names.map((name) => `installed ${name}`), undo: [], packages: names };
    },
    (id) => {
      const file = `/mnt/${trial}/etc/${id.toLowerCase()}.conf`, done = random.chance(0.2);
      start.files[file] = `# kept\n[DEFAULT]\nhost = ${done ? 'new' : 'old'}\n`;
      return { operation: 'ini.set', args: { file, section: 'DEFAULT', settings: { host: 'new' } }, acts: [], undo: [], ...done ? {} : { file } };
    },
    (id) => {
      const from = `/mnt/${trial}/from/${id.toLowerCase()}`, to = `/mnt/${trial}/etc/${id.toLowerCase()}.copy`;
      start.files[from] = `content of ${id}\n`;
      return { operation: 'file.copied', args: { from, to }, acts: [], undo: [], file: to };
    },
  ];
  const steps = Array.from({ length: count }, (_, at) => { const id = `S${String(at + 1)}`; return { id, ...random.pick(makers)(id) }; });
  return { steps, start };
}
