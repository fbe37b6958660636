import type { Plan } from './plan-format.ts';

/** The checkpoint that every plan has: before its first stage. */
export const START = 'start';

/** The checkpoints of a plan, in order, each with the index of the first stage after it. */
export const checkpoints = (plan: Pick<Plan, 'stages'>): Map<string, number> => new Map([[START, 0], ...plan.stages.flatMap(({ checkpoint }, at) => (checkpoint === undefined ? [] : [[checkpoint, at] as const]))]);
