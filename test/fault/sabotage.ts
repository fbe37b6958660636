import type { Finding } from './oracle.ts';
import type { FaultKind } from './generator.ts';

/** A way to break the product: the campaign must find it. Sources are changed in the bundle only, and each line must be there. */
export interface Sabotage {
  name: string;
  changes: { file: string; line: string; by: string }[];
  /** Faults to try, and the findings of which one at least must come up. */
  kinds: FaultKind[];
  finds: Finding['kind'][];
  /** All trials have a change that must be confirmed. */
  confirmed?: true;
}

export const SABOTAGES: Sabotage[] = [
  {
    name: 'no journal before apply',
    changes: [{ file: 'agent/perform.ts', line: "  emit({ kind: 'checked', satisfied: before.satisfied, found, differences: before.differences, reason: before.reason ?? '' });\n  if (before.satisfied && work.earlier", by: '  if (before.satisfied && work.earlier' }],
    kinds: ['agent killed', 'host lost'], finds: ['lost result'],
  },
  {
    name: 'no deduplication',
    changes: [{ file: 'agent/dispatcher.ts', line: 'if (trace === undefined) {', by: 'if (trace === undefined || trace.finished !== undefined) {' }],
    kinds: ['link silent'], finds: ['double effect'],
  },
  {
    name: 'no lock',
    changes: [
      { file: 'agent/lease.ts', line: "const granted = fence === 0 ? held.run === '' || own || (takeOver && hasLapsed(held, at)) : own && fence === held.fence;", by: 'const granted = own || !own || takeOver;' },
      { file: 'agent/lease.ts', line: 'if (heldBy === run && fence === kept) return undefined;', by: 'return undefined;' },
    ],
    kinds: ['two coordinators'], finds: ['double effect'],
  },
  {
    name: 'no fdatasync',
    changes: [{ file: 'proto/journal.ts', line: 'try { fdatasyncSync(this.#fd); } catch', by: 'try { /* nothing */ } catch' }],
    kinds: ['power lost'], finds: ['lost result', 'lost effect', 'effect nobody told'],
  },
  {
    name: 'no confirmation',
    changes: [{ file: 'agent/confirm.ts', line: 'if (!await confirmation(leftMs())) throw notConfirmed(armed);', by: 'void confirmation;' }],
    kinds: ['agent killed'], finds: ['contradiction'], confirmed: true,
  },
  {
    name: 'no way back',
    changes: [{ file: 'agent/confirm.ts', line: '  await operation.revert?.(host, args, found);\n  return await look();', by: '  return { found: await confirmed.state(host, args, found), differences: [] };' }],
    kinds: ['coordinator killed'], finds: ['lost effect'], confirmed: true,
  },
];
