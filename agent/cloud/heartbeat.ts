import type { Difference } from '../../proto/events.ts';
import type { HttpAnswer } from '../host/host.ts';
import { utcSeconds } from '../parse/api-answer.ts';

/** Clocks that differ by less are told apart by nobody. */
const SKEW_S = 5;

/** Seconds since the epoch by the clock of the service that answered (its Date header), else by this host's. */
export function answeredAtS(answer: HttpAnswer): number {
  const at = Date.parse(answer.headers['date'] ?? '');
  return (Number.isNaN(at) ? Date.now() : at) / 1000;
}

/** By how much this host's clock differs from the answering service's, in words; '' where it does not. */
export function clockGap(answer: HttpAnswer): string {
  const gap = Math.round(Date.now() / 1000 - answeredAtS(answer));
  return Math.abs(gap) <= SKEW_S ? '' : `; the clock of this host is ${Math.abs(gap)} s ${gap < 0 ? 'behind' : 'ahead of'} the service's`;
}

/** What is wrong with a heartbeat: none, too old, or of the future, which only a wrong clock writes. */
export function judgeHeartbeat(what: string, reported: string | null | undefined, atS: number, maxAgeS: number): Difference[] {
  const seenS = utcSeconds(reported);
  if (seenS === undefined) return [{ what: `last report of ${what}`, found: 'none', wanted: `one of the last ${maxAgeS} s` }];
  const ageS = Math.round(atS - seenS);
  if (ageS < -SKEW_S) return [{ what: `last report of ${what}`, found: `${-ageS} s in the future of the service that answers: a clock is wrong`, wanted: `one of the last ${maxAgeS} s` }];
  return ageS <= maxAgeS ? [] : [{ what: `last report of ${what}`, found: `${ageS} s old`, wanted: `one of the last ${maxAgeS} s` }];
}
