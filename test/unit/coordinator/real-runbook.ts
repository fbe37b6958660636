import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compilePlan } from '../../../coordinator/plan.ts';
import type { Plan } from '../../../coordinator/plan-format.ts';
import { loadRunbook, type Runbook } from '../../../coordinator/runbook.ts';
import { parseSite } from '../../../coordinator/site.ts';

const root = join(import.meta.dirname, '../../..');

export const osp5ToOsp6 = (): Runbook => loadRunbook('runbooks/osp5-to-osp6', (path) => {
  const full = join(root, 'runbooks/osp5-to-osp6', path);
  return existsSync(full) ? readFileSync(full, 'utf8') : undefined;
});

export const fixture = (path: string): string => readFileSync(join(root, 'test/fixtures/plan', path), 'utf8');

/** The runbook over a site text and the controller's captured facts, by default those of the fixtures. */
export function planSite(siteText = fixture('site.yaml'), facts = fixture('captured/controller.json')): Plan {
  const site = parseSite('site.yaml', siteText);
  const computes: [string, { file: string; text: string }][] = site.hosts.filter(({ role }) => role === 'compute').map(({ name, fqdn, captured }): [string, { file: string; text: string }] => [name, { file: captured ?? '', text: fixture('captured/compute1.json').replace('compute1.example.test', fqdn) }]);
  return compilePlan({ site, runbook: osp5ToOsp6(), captured: { controller: { file: './captured/controller.json', text: facts }, ...Object.fromEntries(computes) } });
}
