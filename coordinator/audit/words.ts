import { oneLine } from '../printable.ts';
import type { Audit } from './verify.ts';

const VERDICT: Record<Audit['verdict'], string> = { proven: 'PROVEN', unproven: 'NOT PROVEN', broken: 'BROKEN' };
/** More of one kind are counted, not listed: one cut may unsettle every line behind it. */
const LISTED = 50;

const count = (n: number, word: string): string => `${String(n)} ${word}${n === 1 ? '' : 's'}`;

/** The audit for a person. */
export function auditText({ run, verdict, coordinator, hosts, findings }: Audit): string {
  const lines = [`Record of run ${run}: ${VERDICT[verdict]}`];
  for (const kind of ['broken', 'unproven'] as const) {
    const of = findings.filter((finding) => finding.kind === kind);
    if (of.length > 0) lines.push(kind === 'broken' ? '\nNot as it was written:' : '\nNot proven:');
    lines.push(...of.slice(0, LISTED).map(({ where, what }) => `  ${oneLine(where)}: ${oneLine(what)}`));
    if (of.length > LISTED) lines.push(`  ... and ${String(of.length - LISTED)} more (--json lists all)`);
  }
  lines.push(`\nCoordinator's journal: ${count(coordinator.lines, 'line')}, proven as far as line ${String(coordinator.provenTo)}${coordinator.witnessedBy.length === 0 ? '' : ` (heads kept by ${coordinator.witnessedBy.join(', ')})`}`);
  for (const { host, lines: told, provenTo, journalAtHand } of hosts) {
    lines.push(`${oneLine(host)}: ${count(told, 'line')} on record, signed by it as far as line ${String(provenTo)}; ${journalAtHand ? 'held against its own journal' : 'its own journal is not at hand'}`);
  }
  if (hosts.some(({ journalAtHand }) => !journalAtHand)) lines.push(`\nWithout the hosts' own journals a record that was cut at the end together with its heads shows only as one without an end.\nNext, while the hosts can be reached: tandem audit fetch ${run}`);
  return lines.join('\n');
}
