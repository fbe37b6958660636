import { AgentRefused, Unreachable, type Link } from './link.ts';
import type { PlanStep } from './plan-format.ts';

/** Seconds that one try may take: under new rules a packet may simply be dropped. */
const TRY_S = 5;

/** Seconds within which a step wants to be confirmed; 0 for all others. */
export function confirmWithinS({ args }: Pick<PlanStep, 'args'>): number {
  const given = args !== null && typeof args === 'object' && !Array.isArray(args) ? args['confirmWithinS'] : undefined;
  return typeof given === 'number' ? given : 0;
}

/** Seconds for which a step may keep its host away, since it takes it down and up again (host.rebooted); 0 for all others. */
export function awayS({ args }: Pick<PlanStep, 'args'>): number {
  if (args === null || typeof args !== 'object' || Array.isArray(args)) return 0;
  const { downWithinS, upWithinS } = args;
  return typeof downWithinS === 'number' && typeof upWithinS === 'number' ? downWithinS + upWithinS : 0;
}

/**
 * Confirms a change that may have cut the host off, over a new connection each time, until it is taken, its time is over
 * or `letGo` says so (docs/decisions/0009-commit-confirmed.md). Throws with the last reason why it was not.
 */
export async function confirmAnew(link: Link, request: { runId: string; commandId: string; fence: number }, forMs: number, letGo: () => boolean): Promise<void> {
  const untilMs = performance.now() + forMs;
  let last = 'no connection in time';
  while (performance.now() < untilMs && !letGo()) {
    const fresh = link.another();
    try {
      const { confirmed, reason } = await fresh.call('Confirm', request, TRY_S);
      if (confirmed === true) return;
      last = String(reason);
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof AgentRefused)) throw error;
      last = error.message;
    } finally {
      fresh.close();
    }
    await new Promise((resolve) => { setTimeout(resolve, 500); });
  }
  if (!letGo()) throw new Error(`the change on ${link.endpoint.host} was not confirmed: ${last}`);
}
