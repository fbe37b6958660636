import { join } from 'node:path';
import type { Event } from '../proto/events.ts';
import { JournalCorrupt, readJournal } from '../proto/journal.ts';
import type { Probe } from './host/host.ts';
import { hasLapsed, type Lease, type Moment } from './lease.ts';
import { DAMAGED, openSteps, parsed } from './runs.ts';

/** Reads only: it may run beside a working agent. */
type Look = Pick<Probe, 'list' | 'readFile' | 'stat'>;

/** Why each run is still on this host, one line a run; none: the agent may be restarted. */
export async function runsHere(stateDir: string, look: Look, at?: Moment): Promise<string[]> {
  const runs = await look.list(join(stateDir, 'runs'));
  const lines = (await Promise.all(runs.map(async (run) => await unfinished(stateDir, run, look)))).filter((line) => line !== undefined);
  const text = await look.readFile(join(stateDir, 'lease.json'));
  const lease = text === undefined ? undefined : leaseOf(text);
  if (lease === null) lines.push(`${join(stateDir, 'lease.json')} is damaged: nobody can tell whether a run holds this host`);
  // Between two stages a run has nothing on the host but its lease; a lapsed one is what a vanished coordinator left.
  if (lease !== undefined && lease !== null && lease.run !== '' && !hasLapsed(lease, at)) lines.push(`run ${lease.run} of ${lease.owner} holds this host`);
  return lines;
}

/** Null where the file is damaged. */
function leaseOf(text: string): Lease | null {
  try { return JSON.parse(text) as Lease; } catch { return null; }
}

async function unfinished(stateDir: string, run: string, look: Look): Promise<string | undefined> {
  const path = join(stateDir, 'runs', run, 'journal.jsonl');
  const journal = await look.stat(path);
  if (journal === undefined) return undefined;
  const marker = await look.readFile(join(stateDir, 'runs', run, 'closed.json'));
  if (marker !== undefined && parsed(marker)?.sizeBytes === journal.sizeBytes) return undefined;
  let open: string[];
  try {
    const { records, damaged } = readJournal<Event>(path);
    if (damaged) return `run ${run}: ${DAMAGED}`;
    open = openSteps(records);
  } catch (error) {
    if (!(error instanceof JournalCorrupt)) throw error;
    return `run ${run}: ${error.message}`; // the agent leaves it alone; a person must look, or move it away
  }
  return open.length === 0 ? undefined : `run ${run} has no result yet of ${open.join(', ')}`;
}
