import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, type Plan, type PlanStep } from '../../coordinator/plan-format.ts';
import type { Json } from '../../proto/events.ts';
import type { Trial } from './generator.ts';

/** The yum stand-in takes nothing away again. */
export const canBeUndone = (operation: string): boolean => operation !== 'package.installed';

/** Writes a trial's plan.json and site.yaml; `ports` are those of the links. */
export function writePlan(folder: string, trial: Trial, catalogueDigest: string, ports: ReadonlyMap<string, number>): void {
  const planned = (id: string, operation: string, args: Json): PlanStep => ({ id, rows: [id], title: `Step ${id}`, operation, args, sentence: `${operation} of ${id}`, timeoutS: 60, mayKill: operation !== 'package.installed', changes: true, reverts: canBeUndone(operation), needs: [] });
  const content: Omit<Plan, 'digest'> = {
    format: 1, site: 'fault', runbook: { name: 'fault', title: 'Fault campaign', digest: '' }, catalogueDigest, inputs: [],
    hosts: trial.hosts.map(({ name }) => ({ name, role: 'plain', address: '127.0.0.1', port: ports.get(name)!, fqdn: `${name}.example.test` })),
    stages: trial.stages.map(({ strategy, steps }, at) => ({
      phase: 'fault', stage: `stage${String(at + 1)}`, strategy, maxFailures: 0, ...at === 0 ? {} : { checkpoint: 'middle' },
      hosts: Object.entries(steps).map(([host, own]) => ({ host, steps: own.map(({ id, operation, args }) => planned(id, operation, args as Json)) })),
    })),
  };
  writeFileSync(join(folder, 'plan.json'), JSON.stringify({ ...content, digest: digestOf(content) }));
  const hosts = content.hosts.map(({ name, port, fqdn }) => `  ${name}: {role: controller, address: 127.0.0.1, port: ${String(port)}, fqdn: ${fqdn}}\n`);
  writeFileSync(join(folder, 'site.yaml'), `tandem: 1\nsite: fault\nrunbook: osp5-to-osp6\ncoordinator: {address: 127.0.0.1}\nhosts:\n${hosts.join('')}`);
}
