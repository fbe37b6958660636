import * as z from 'zod';
import type { Path, Source } from './input/document.ts';
import { nearest, type Place, problem, type Problem } from './input/problem.ts';

const ROW = /^[A-Z][0-9]{1,3}[a-z]?$/;
export const rowId = z.string().regex(ROW, { error: 'a row id such as C2 or C10b' });
const RANGE = /^([A-Z])([0-9]{1,3})-([A-Z])([0-9]{1,3})$/;
const rows = { error: 'a row id such as C10b, a range such as C1-C62, or {row: C10b, title: ...}' };

export const procedureSchema = z.strictObject({
  rows: z.array(z.union([z.string().refine((text) => ROW.test(text) || expand(text) !== undefined, rows), z.strictObject({ row: rowId, title: z.string().min(1).max(300) })], rows)).min(1)
    .describe('All rows in their order'),
  notes: z.array(rowId).default([]).describe('Rows that only say something: the step that carries one heeds it'),
});
export type Procedure = z.infer<typeof procedureSchema>;
export interface Row { row: string; title: string; place: Path }

/** C1-C3 as its rows; undefined where it is no range. */
function expand(text: string): string[] | undefined {
  const [, letter = '', first, until, last] = RANGE.exec(text) ?? [];
  if (first === undefined || letter !== until || Number(first) > Number(last)) return undefined;
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_x, at) => `${letter}${String(Number(first) + at)}`);
}

/** All rows one by one, each with where it is written. */
export const rowsOf = (procedure: Procedure): Row[] => procedure.rows.flatMap((each, at): Row[] => {
  const place: Path = ['procedure', 'rows', at];
  if (typeof each !== 'string') return [{ ...each, place }];
  return (expand(each) ?? [each]).map((row) => ({ row, title: '', place }));
});

/** The procedure's row that a step id names: C16.user is part of row C16. */
export const rowOf = (id: string): string => id.split('.')[0] as string;

interface StepRows { id: string; rows: string[]; at(path: Path): Place }

/** A row stands once in the list; notes and steps name rows that are in it, a step each only once. */
export function checkProcedure(procedure: Procedure | undefined, source: Source, stages: readonly { steps: readonly StepRows[] }[]): Problem[] {
  const steps = stages.flatMap((stage) => stage.steps);
  const twice = steps.flatMap((step) => step.rows.flatMap((row, at) => ([rowOf(step.id), ...step.rows.slice(0, at)].includes(row)
    ? [problem(step.at(['rows', at]), `row ${row} a second time`, 'each row of a step only once; the one in its id is carried anyway')] : [])));
  if (procedure === undefined) return twice;
  const all = rowsOf(procedure), known = all.map(({ row }) => row);
  const unknown = (row: string, place: Place): Problem[] => (known.includes(row) ? [] : [problem(place, `row ${row}, which procedure.rows has not`, 'a row of the procedure', nearest(row, known))]);
  return [
    ...twice,
    ...all.filter(({ row }, at) => known.indexOf(row) !== at).map(({ row, place }) => problem(source.place(place), `row ${row} a second time`, 'each row only once')),
    ...procedure.notes.flatMap((row, at) => unknown(row, source.place(['procedure', 'notes', at]))),
    ...steps.flatMap((step) => [...unknown(rowOf(step.id), step.at(['id'])), ...step.rows.flatMap((row, at) => unknown(row, step.at(['rows', at])))]),
  ];
}
