import * as z from 'zod';
import { secretRef } from '../agent/operations/catalogue.ts';
import { RUN_ID, STEP_ID } from '../proto/command.ts';
import { START } from './checkpoints.ts';
import { type Inhibitor, readInhibitors } from './inhibitors.ts';
import { check, checkSource } from './input/check.ts';
import { parseYaml, type Path, type Source } from './input/document.ts';
import { InputError, nearest, oneOf, type Place, problem, type Problem } from './input/problem.ts';
import { checkProcedure, procedureSchema, type Procedure, rowId } from './procedure.ts';
import { NAME } from './site.ts';
import { writtenSteps } from './template.ts';
import type { Roots } from './values.ts';

const name = z.string().regex(NAME, { error: 'a name of small letters, digits, "-" and "_"' });
const sentence = z.string().min(1).max(300);
const stepId = z.string().regex(STEP_ID, { error: 'a row id such as C2 or C16.user' });
const share = { error: 'a number of hosts, or a percentage such as "10%"' };
const inFolder = z.string().regex(/^(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9][A-Za-z0-9._/-]*\.yaml$/, { error: 'the path of a .yaml file inside the runbook folder' });

const variableSchema = z.strictObject({
  type: z.enum(['boolean', 'string', 'integer', 'enum', 'path', 'secret', 'list']),
  values: z.array(z.string()).min(1).optional(),
  default: z.unknown().optional(),
  required: z.boolean().default(false),
  description: sentence,
});

const headSchema = z.strictObject({
  tandem: z.literal(1, { error: '1, the version of this format' }),
  name: z.string().regex(RUN_ID, { error: 'a name of small letters, digits and "-"' }),
  title: sentence,
  variables: z.record(name, variableSchema).default({}),
  roles: z.record(name, z.strictObject({ min: z.int().min(0), max: z.int().min(1).optional() })),
  data: z.record(name, inFolder).default({}),
  phases: z.array(inFolder).min(1),
  inhibitors: inFolder.optional().describe('The file with what of the captured facts holds a plan back'),
  edges: z.array(z.tuple([rowId, rowId], { error: 'a pair of row ids such as [C2, C3]' })).default([]),
  procedure: procedureSchema.optional().describe('Every row of the procedure, so that one that no step carries is seen'),
});

const stepSchema = z.strictObject({
  id: stepId,
  title: sentence,
  operation: z.string().optional().describe('Without one the step is a person\'s word alone, and `human` says on what'),
  with: z.record(z.string(), z.unknown()).default({}),
  let: z.record(name, z.string()).default({}).describe('Names for values that CEL expressions make of the facts; `each`, `when` and `with` may use them'),
  each: z.string().optional().describe('CEL expression that gives a list: one step for each element, which is called `each`'),
  when: z.string().optional().describe('CEL expression, decided when the plan is made'),
  why: sentence.optional().describe('Shown as the reason where `when` is false or `each` is empty'),
  needs: z.array(stepId).default([]),
  human: sentence.optional().describe('What a person does first; the operation then checks the facts. Without an operation: what a person approves'),
  arrives: z.literal(true).optional().describe('The host joins the run at this step, its first: before, another system may stand in its place, or none'),
  gate: sentence.optional().describe('Why a person must approve this step before it starts'),
  spentAfter: stepId.optional().describe('Once an earlier run has ended that step well, a new one leaves this step out'),
  spentWhy: sentence.optional().describe('Why this step has no purpose any more then'),
  timeoutS: z.int().min(1).max(86400).optional(),
  rows: z.array(rowId).default([]).describe('Further rows of the procedure that this step carries'),
});

const stageSchema = z.strictObject({
  stage: name,
  on: name,
  strategy: z.enum(['parallel', 'serial']),
  limit: z.int().min(1).optional(),
  checkpoint: name.optional().describe('Name of the state before this stage: tandem revert --to goes back to it'),
  noReturn: sentence.optional().describe('Why nothing before this stage can be reached any more once it has changed something'),
  maxFailures: z.union([z.int().min(0), z.string().regex(/^(100|[1-9]?[0-9])%$/, share)], share).default(0),
  steps: z.array(z.unknown()).min(1),
});

const phaseSchema = z.strictObject({
  phase: name, title: sentence,
  forEach: name.optional().describe('A role: the stages of this phase are gone through once for each host of it, `target`, one after the other'),
  stages: z.array(stageSchema).min(1),
});

export type Variable = z.infer<typeof variableSchema>;
/** A step with the place it is written at; `at` finds the position of anything inside it. */
export type Step = z.infer<typeof stepSchema> & { source: Source; path: Path; /** What a template's names stand for. */ scope: Roots; at: (path: Path, part?: 'key' | 'value') => Place };
export type Stage = Omit<z.infer<typeof stageSchema>, 'steps'> & { phase: string; phaseTitle: string; forEach?: string | undefined; steps: Step[]; source: Source; path: Path };

export interface Runbook {
  name: string;
  title: string;
  variables: Record<string, Variable>;
  roles: Record<string, { min: number; max?: number | undefined }>;
  data: Record<string, unknown>;
  stages: Stage[];
  inhibitors: Inhibitor[];
  procedure: Procedure | undefined;
  edges: { from: string; to: string; place: Place }[];
  /** Every file of the runbook that was read, for its digest. */
  files: { path: string; text: string }[];
  source: Source;
}

/** Gives the text of a file of the runbook folder, or undefined where there is none. */
export type ReadFile = (path: string) => string | undefined;

/**
 * Reads the runbook that a site names: a folder (it begins with . or /) through `readFolder`, or a built-in one from
 * the embedded files. Throws InputError for a name that is not built in, at `place`.
 */
export function openRunbook(named: string, place: Place, builtIn: Record<string, string>, readFolder: ReadFile): Runbook {
  if (/^[./]/.test(named)) return loadRunbook(named, readFolder);
  const names = [...new Set(Object.keys(builtIn).map((path) => path.split('/')[0] as string))];
  if (!names.includes(named)) throw new InputError([problem(place, `no built-in runbook "${named}"`, `${oneOf(names)}, or a folder such as ./${named}`, nearest(named, names))]);
  return loadRunbook(named, (path) => builtIn[`${named}/${path}`]);
}

/** A runbook from its folder; `folder` only names the files in messages. Throws InputError with the problems of all its files. */
export function loadRunbook(folder: string, read: ReadFile): Runbook {
  const files: Runbook['files'] = [];
  const open = (path: string, from: Place): Source => {
    const text = read(path);
    if (text === undefined) throw new InputError([problem(from, `no file ${folder}/${path}`, 'a file of the runbook')]);
    if (!files.some((file) => file.path === path)) files.push({ path, text });
    return parseYaml(`${folder}/${path}`, text);
  };
  const source = open('runbook.yaml', { file: `${folder}/runbook.yaml`, line: 1, column: 1 });
  const head = checkSource(source, headSchema);
  const problems: Problem[] = checkVariables(head.variables, source);
  const gather = <T>(make: () => T): T | undefined => {
    try { return make(); } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const data = Object.fromEntries(Object.entries(head.data).map(([key, path]) => [key, gather(() => open(path, source.place(['data', key])).value)]));
  const stages = head.phases.flatMap((path, index) => gather(() => phaseStages(open(path, source.place(['phases', index])), data, open)) ?? []);
  const inhibitors = head.inhibitors === undefined ? [] : gather(() => readInhibitors(open(head.inhibitors ?? '', source.place(['inhibitors'])))) ?? [];
  problems.push(...repeated(stages), ...repeatedCheckpoints(stages), ...checkProcedure(head.procedure, source, stages));
  if (problems.length > 0) throw new InputError(problems);
  const edges = head.edges.map(([from, to], index) => ({ from, to, place: source.place(['edges', index]) }));
  return { name: head.name, title: head.title, variables: head.variables, roles: head.roles, data, stages, inhibitors, edges, procedure: head.procedure, files, source };
}

function phaseStages(source: Source, data: Roots, open: (path: string, from: Place) => Source): Stage[] {
  const phase = checkSource(source, phaseSchema), problems: Problem[] = [];
  const stages = phase.stages.map((stage, s) => {
    const written = writtenSteps(source, ['stages', s, 'steps'], stage.steps, data, open);
    problems.push(...written.problems);
    const steps = written.problems.length > 0 ? [] : written.steps.flatMap(({ value, ...where }) => {
      const at: Step['at'] = (inner, part) => where.source.place([...where.path, ...inner], part);
      const checked = check(value, stepSchema, (inner, part) => at(inner, part));
      if ('problems' in checked) problems.push(...checked.problems);
      return 'problems' in checked ? [] : [{ ...checked.value, ...where, at }];
    });
    return { ...stage, phase: phase.phase, phaseTitle: phase.title, forEach: phase.forEach, source, path: ['stages', s], steps };
  });
  if (problems.length > 0) throw new InputError(problems);
  return stages;
}

/** A step's id is its name everywhere (needs, reports, journals), so it stands once in the whole runbook. */
function repeated(stages: Stage[]): Problem[] {
  const first = new Map<string, Place>();
  return stages.flatMap((stage) => stage.steps).flatMap((step) => {
    const place = step.at(['id']);
    const other = first.get(step.id);
    if (other !== undefined) return [problem(place, `step ${step.id} a second time (first at ${other.file}:${other.line})`, 'each step id only once')];
    first.set(step.id, place);
    return [];
  });
}

function repeatedCheckpoints(stages: Stage[]): Problem[] {
  const first = new Map<string, Place>([[START, { file: '', line: 0, column: 0 }]]);
  return stages.flatMap(({ checkpoint, source, path }) => {
    if (checkpoint === undefined) return [];
    const place = source.place([...path, 'checkpoint']), other = first.get(checkpoint);
    first.set(checkpoint, place);
    if (other === undefined) return [];
    return [problem(place, checkpoint === START ? `checkpoint "${START}", which every runbook has` : `checkpoint "${checkpoint}" a second time (first at ${other.file}:${String(other.line)})`, 'each checkpoint only once')];
  });
}

function checkVariables(variables: Record<string, Variable>, source: Source): Problem[] {
  return Object.entries(variables).flatMap(([key, variable]) => {
    const at = (path: Path, part?: 'key' | 'value') => source.place(['variables', key, ...path], part);
    if ((variable.type === 'enum') !== (variable.values !== undefined)) {
      const place = at(variable.values === undefined ? ['type'] : ['values'], 'key');
      return [problem(place, `type ${variable.type} ${variable.values === undefined ? 'without' : 'with'} values`, '"values" for type enum only')];
    }
    if (variable.default === undefined) return [];
    const checked = check(variable.default, variableType(variable), (path, part) => at(['default', ...path], part));
    return 'problems' in checked ? checked.problems : [];
  });
}

/** The schema that a value of this variable must meet, in the runbook's default as in the site file. */
export function variableType(variable: Variable): z.ZodType {
  switch (variable.type) {
    case 'boolean': return z.boolean();
    case 'integer': return z.int();
    case 'enum': return z.enum(variable.values ?? []);
    case 'path': return z.string().regex(/^\/[^\0]*$/, { error: 'an absolute path' });
    case 'secret': return secretRef;
    case 'list': return z.array(z.unknown());
    case 'string': return z.string();
  }
}
