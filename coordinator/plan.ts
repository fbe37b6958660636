import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { catalogue, catalogueDigest, type Operation } from '../agent/operations/catalogue.ts';
import { parseCaptured } from './captured.ts';
import { passInhibitors, type Waiver } from './inhibitors.ts';
import { InputError, nearest, oneOf, problem, type Problem } from './input/problem.ts';
import { digestOf, type Plan, type PlanStage, type PlanStep } from './plan-format.ts';
import { checkArrivals } from './arrivals.ts';
import { setGates } from './gates.ts';
import { checkEdges, checkNeeds, checkSpent, type Placed } from './plan-order.ts';
import { compileStep } from './plan-step.ts';
import type { Runbook, Stage } from './runbook.ts';
import { checkRoles, type Site, type SiteHost } from './site.ts';
import type { Roots } from './values.ts';
import { variables } from './variables.ts';

/** In a phase with `forEach`: the stage runs on the host that its turn is about. */
const TARGET = 'target';

export interface PlanInput {
  site: Site;
  runbook: Runbook;
  /** By host name: the captured facts as text, under the path that the site file gives. */
  captured: Record<string, { file: string; text: string }>;
  catalogue?: readonly Operation[];
  /** What a person passes over of that which holds the plan back. */
  waivers?: readonly Waiver[];
}

/**
 * Site x runbook x captured facts -> every step of every host, all conditions decided, all arguments checked.
 * Pure: the same texts give the same plan. Throws InputError with every problem found, Inhibited where there
 * is none and the facts hold the plan back.
 */
export function compilePlan(input: PlanInput): Plan {
  const { site, runbook } = input;
  const operations = input.catalogue ?? catalogue;
  const vars = variables(site, runbook);
  const problems: Problem[] = [...checkRoles(site, runbook.roles), ...vars.problems, ...stageTargets(runbook)];
  const facts = new Map(site.hosts.map((host) => [host.name, capturedOf(host, input, problems)]));
  if (problems.length > 0) throw new InputError(problems);

  const placed: Placed[] = [];
  const stages = stagesInOrder(runbook, site).map(({ stage, target }, order) => compileStage(stage, target, (host) => {
    const roots = rootsOf(host, site, runbook, vars.values, facts);
    if (target !== undefined) roots['target'] = { ...hostRoot(target), captured: facts.get(target.name) ?? {}, before: site.hosts.slice(0, site.hosts.indexOf(target)).filter(({ role }) => role === target.role).map(hostRoot) };
    return stage.steps.flatMap((step) => {
      const compiled = compileStep(step, host, roots, operations, target === host ? undefined : target);
      problems.push(...compiled.problems);
      placed.push(...compiled.steps.map((planned) => ({ planned, step, host: host.name, order, ...(target === undefined ? {} : { target: target.name }) })));
      return compiled.steps;
    });
  }, site));
  problems.push(...checkNeeds(runbook, placed), ...checkEdges(runbook.edges, placed), ...checkSpent(runbook, placed), ...checkArrivals(stages, placed), ...setGates(stages, placed, site));
  if (problems.length > 0) throw new InputError(distinct(problems));
  const passed = passInhibitors(runbook.inhibitors, site.hosts, (host) => rootsOf(host, site, runbook, vars.values, facts), input.waivers ?? [], runbook.source.place([]));
  if (passed.problems.length > 0) throw new InputError(distinct(passed.problems));

  const content: Omit<Plan, 'digest'> = {
    format: 1, site: site.name,
    runbook: { name: runbook.name, title: runbook.title, digest: digestOf(runbook.files) },
    catalogueDigest: catalogueDigest(operations),
    inputs: inputsOf(input),
    hosts: site.hosts.map(({ name, role, address, port, fqdn }) => ({ name, role, address, port, fqdn })),
    ...(passed.waived.length === 0 ? {} : { waived: passed.waived }),
    stages: stages.filter((stage) => stage.hosts.length > 0),
  };
  return { ...content, digest: digestOf(content) };
}

/** The runbook's stages as they follow one another: those of a phase with `forEach` once for each host of that role. */
function stagesInOrder(runbook: Runbook, site: Site): { stage: Stage; target?: SiteHost }[] {
  const phases = new Map<string, Stage[]>();
  for (const stage of runbook.stages) phases.set(stage.phase, [...phases.get(stage.phase) ?? [], stage]);
  return [...phases.values()].flatMap((stages) => {
    const role = stages[0]?.forEach;
    if (role === undefined) return stages.map((stage) => ({ stage }));
    return site.hosts.filter((host) => host.role === role).flatMap((target) => stages.map((stage) => ({ stage, target })));
  });
}

function compileStage(stage: Stage, target: SiteHost | undefined, stepsOf: (host: SiteHost) => PlanStep[], site: Site): PlanStage {
  const hosts = site.hosts.filter((host) => stage.on === 'all' || (stage.on === TARGET ? host === target : host.role === stage.on));
  const { phase, strategy, maxFailures, noReturn } = stage;
  // A name for each host: batches, and the way back, tell stages apart by it.
  const own = (name: string): string => (target === undefined ? name : `${name}-${target.name}`);
  return {
    ...(stage.checkpoint === undefined ? {} : { checkpoint: own(stage.checkpoint) }), ...(noReturn === undefined ? {} : { noReturn }),
    phase, stage: own(stage.stage), ...(target === undefined ? {} : { target: target.name }), strategy, ...(stage.limit === undefined ? {} : { limit: stage.limit }), maxFailures,
    hosts: hosts.map((host) => ({ host: host.name, steps: stepsOf(host) })),
  };
}

const hostRoot = ({ name, role, address, port, fqdn, interfaces, backup }: SiteHost) => ({ name, role, address, port, fqdn, interfaces, ...(backup === undefined ? {} : { backup }) });

function rootsOf(host: SiteHost, site: Site, runbook: Runbook, vars: Record<string, unknown>, facts: Map<string, Record<string, unknown>>): Roots {
  const addresses = Object.fromEntries(Object.keys(runbook.roles).map((of) => [of, site.hosts.filter((h) => h.role === of).map((h) => h.address)]));
  const hosts = Object.fromEntries(Object.keys(runbook.roles).map((of) => [of, site.hosts.filter((h) => h.role === of).map(hostRoot)]));
  return { vars, host: hostRoot(host), captured: facts.get(host.name) ?? {}, coordinator: site.coordinator, addresses, hosts, ...runbook.data };
}

function stageTargets(runbook: Runbook): Problem[] {
  const names = Object.keys(runbook.roles);
  return runbook.stages.flatMap(({ on, forEach, source, path }) => {
    const roles = ['all', ...(forEach === undefined ? [] : [TARGET]), ...names];
    return [
      ...(forEach === undefined || names.includes(forEach) ? [] : [problem(source.place(['forEach']), JSON.stringify(forEach), oneOf(names), nearest(forEach, names))]),
      ...(roles.includes(on) ? [] : [problem(source.place([...path, 'on']), JSON.stringify(on), oneOf(roles), nearest(on, roles))]),
    ];
  });
}

function capturedOf(host: SiteHost, input: PlanInput, problems: Problem[]): Record<string, unknown> {
  const given = input.captured[host.name];
  if (host.captured === undefined) return {};
  if (given === undefined) {
    problems.push(problem(input.site.source.place(['hosts', host.name, 'captured']), `no file ${host.captured}`, 'the facts captured on the old host'));
    return {};
  }
  try { return parseCaptured(given.file, given.text, host); } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problems.push(...error.problems);
    return {};
  }
}

/** Paths as seen from the site file's folder, so that a plan does not depend on where it was made. */
function inputsOf({ site, captured }: PlanInput): Plan['inputs'] {
  const texts = [{ path: basename(site.source.file), text: site.source.text }, ...Object.values(captured).map(({ file, text }) => ({ path: file, text }))];
  return texts.map(({ path, text }) => ({ path, sha256: createHash('sha256').update(text).digest('hex') })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The same mistake in one line of a runbook shows once, not once for each host. */
const distinct = (problems: Problem[]): Problem[] => [...new Map(problems.map((p) => [p.message, p])).values()];
