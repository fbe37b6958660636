import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Rule files as the hosts of an Icehouse cloud have them; README.md there says where each comes from. */
const folder = join(import.meta.dirname, '../../fixtures/firewall');
export interface CorpusFile { name: string; family: 'v4' | 'v6'; text: string }
export const corpus: CorpusFile[] = readdirSync(folder).filter((name) => name.endsWith('.rules'))
  .map((name) => ({ name, family: name.endsWith('-v6.rules') ? 'v6' : 'v4', text: readFileSync(join(folder, name), 'utf8') }));
export const readme = readFileSync(join(folder, 'README.md'), 'utf8');

/** The chains that the runbook has stripped: `stripChains` of firewall.replaced. */
export const isStale = (chain: string): boolean => /^(neutron|nova)-/.test(chain);
