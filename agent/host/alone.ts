import { join } from 'node:path';
import { holdAlone as hold, type Held } from '../../proto/alone.ts';

/** Keeps a second agent off a state folder: both would write one journal and carry out the same steps. Throws when another holds it. */
export async function holdAlone(stateDir: string): Promise<Held> {
  return await hold(join(stateDir, 'agent.sock'), () => new Error(`another agent works on ${stateDir}; tandem agent status shows the one that systemd started`));
}
