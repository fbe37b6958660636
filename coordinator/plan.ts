import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { catalogue, catalogueDigest, type Operation } from '../agent/operations/catalogue.ts';
import { parseCaptured } from './captured.ts';
import { InputError, nearest, oneOf, problem, type Problem } from './input/problem.ts';
import { digestOf, type Plan, type PlanStage, type PlanStep } from './plan-format.ts';
import { checkEdges, checkNeeds, type Placed } from './plan-order.ts';
import { compileStep } from './plan-step.ts';
import type { Runbook, Stage } from './runbook.ts';
import { checkRoles, type Site, type SiteHost } from './site.ts';
import type { Roots } from './values.ts';
import { variables } from './variables.ts';

export interface PlanInput {
  site: Site;
  runbook: Runbook;
  /** By host name: the captured facts as text, under the path that the site file gives. */
  captured: Record<string, { file: string; text: string }>;
  catalogue?: readonly Operation[];
}

/**
 * Site x runbook x captured facts -> every step of every host, all conditions decided, all arguments checked.
 * Pure: the same texts give the same plan. Throws InputError with every problem found.
 */
export function compilePlan(input: PlanInput): Plan {
  const { site, runbook } = input;
  const operations = input.catalogue ?? catalogue;
  const vars = variables(site, runbook);
  const problems: Problem[] = [...checkRoles(site, runbook.roles), ...vars.problems, ...stageTargets(runbook)];
  const facts = new Map(site.hosts.map((host) => [host.name, capturedOf(host, input, problems)]));
  if (problems.length > 0) throw new InputError(problems);

  const placed: Placed[] = [];
  const stages = runbook.stages.map((stage, order) => compileStage(stage, (host) => {
    const roots = rootsOf(host, site, runbook, vars.values, facts.get(host.name) ?? {});
    return stage.steps.flatMap((step) => {
      const compiled = compileStep(step, host, roots, operations);
      problems.push(...compiled.problems);
      placed.push(...compiled.steps.map((planned) => ({ planned, step, host: host.name, order })));
      return compiled.steps;
    });
  }, site));
  problems.push(...checkNeeds(runbook, placed), ...checkEdges(runbook.edges, placed));
  if (problems.length > 0) throw new InputError(distinct(problems));

  const content: Omit<Plan, 'digest'> = {
    format: 1, site: site.name,
    runbook: { name: runbook.name, title: runbook.title, digest: digestOf(runbook.files) },
    catalogueDigest: catalogueDigest(operations),
    inputs: inputsOf(input),
    hosts: site.hosts.map(({ name, role, address, port, fqdn }) => ({ name, role, address, port, fqdn })),
    stages: stages.filter((stage) => stage.hosts.length > 0),
  };
  return { ...content, digest: digestOf(content) };
}

function compileStage(stage: Stage, stepsOf: (host: SiteHost) => PlanStep[], site: Site): PlanStage {
  const hosts = site.hosts.filter((host) => stage.on === 'all' || host.role === stage.on);
  const { phase, strategy, maxFailures, checkpoint, noReturn } = stage;
  return {
    ...(checkpoint === undefined ? {} : { checkpoint }), ...(noReturn === undefined ? {} : { noReturn }),
    phase, stage: stage.stage, strategy, ...(stage.limit === undefined ? {} : { limit: stage.limit }), maxFailures,
    hosts: hosts.map((host) => ({ host: host.name, steps: stepsOf(host) })),
  };
}

function rootsOf(host: SiteHost, site: Site, runbook: Runbook, vars: Record<string, unknown>, captured: Record<string, unknown>): Roots {
  const { name, role, address, port, fqdn, backup } = host;
  const addresses = Object.fromEntries(Object.keys(runbook.roles).map((of) => [of, site.hosts.filter((h) => h.role === of).map((h) => h.address)]));
  return { vars, host: { name, role, address, port, fqdn, ...(backup === undefined ? {} : { backup }) }, captured, coordinator: site.coordinator, addresses, ...runbook.data };
}

function stageTargets(runbook: Runbook): Problem[] {
  const roles = ['all', ...Object.keys(runbook.roles)];
  return runbook.stages.filter((stage) => !roles.includes(stage.on))
    .map((stage) => problem(stage.source.place([...stage.path, 'on']), JSON.stringify(stage.on), oneOf(roles), nearest(stage.on, roles)));
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
