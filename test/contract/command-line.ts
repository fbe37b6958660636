import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { vi } from 'vitest';
import type { Identity } from '../../coordinator/link.ts';
import { main } from '../../coordinator/main.ts';
import { digestOf, type Plan, type PlanStep } from '../../coordinator/plan-format.ts';
import type { Json } from '../../proto/events.ts';

export interface Ran { code: number; out: string; err: string }

/** A site's folder for one test: site file, pki, state; and `tandem` as it would be called there, in this process. */
export interface SiteHere {
  folder: string;
  tandem(...argv: string[]): Promise<Ran>;
  /** Writes plan.json with these steps for host h1; `with` overrides parts of the plan. */
  plan(steps: ({ id: string; args: Json; operation?: string } & Pick<PlanStep, 'gate' | 'human' | 'spent' | 'skip'>)[], overrides?: Partial<Plan>): void;
  pki(role: 'operator' | 'observer', identity: Identity): void;
  remove(): void;
}

export function siteHere(port: number): SiteHere {
  const folder = mkdtempSync(join(tmpdir(), 'site-here-'));
  mkdirSync(join(folder, 'pki'));
  writeFileSync(join(folder, 'site.yaml'), `tandem: 1\nsite: lab\nrunbook: osp5-to-osp6\ncoordinator: {address: 127.0.0.1}\nhosts:\n  h1: {role: controller, address: 127.0.0.1, port: ${String(port)}, fqdn: h1.example.test}\n`);
  return {
    folder,
    async tandem(...argv) {
      const out: string[] = [], err: string[] = [];
      const spies = [
        vi.spyOn(console, 'log').mockImplementation((text: string) => { out.push(text); }),
        vi.spyOn(console, 'error').mockImplementation((text: string) => { err.push(text); }),
        vi.spyOn(process.stdout, 'write').mockImplementation((text) => { out.push(String(text).trimEnd()); return true; }),
      ];
      try {
        const code = await main(['--site', join(folder, 'site.yaml'), '--state', join(folder, 'state'), ...argv]);
        const plain = (lines: string[]): string => stripVTControlCharacters(lines.join('\n'));
        return { code, out: plain(out), err: plain(err) };
      } finally { spies.forEach((spy) => { spy.mockRestore(); }); }
    },
    plan(steps, overrides = {}) {
      const planned = steps.map(({ id, args, operation = 'line.added', ...more }): PlanStep => ({ id, rows: [id], title: `Step ${id}`, operation, args, sentence: `line of ${id} is there`, timeoutS: 5, mayKill: true, changes: true, reverts: true, needs: [], ...more }));
      const content: Omit<Plan, 'digest'> = {
        format: 1, site: 'lab', runbook: { name: 'tiny', title: 'Tiny', digest: '' }, catalogueDigest: 'catalogue', inputs: [],
        hosts: [{ name: 'h1', role: 'controller', address: '127.0.0.1', port, fqdn: 'h1.example.test' }],
        stages: [{ phase: 'one', stage: 'only', strategy: 'serial', maxFailures: 0, hosts: [{ host: 'h1', steps: planned }] }],
        ...overrides,
      };
      writeFileSync(join(folder, 'plan.json'), JSON.stringify({ ...content, digest: digestOf(content) }));
    },
    pki(role, { ca, certificate, key }) {
      writeFileSync(join(folder, 'pki/ca.crt'), ca);
      writeFileSync(join(folder, `pki/${role}.crt`), certificate);
      writeFileSync(join(folder, `pki/${role}.key`), key, { mode: 0o600 });
    },
    remove() { rmSync(folder, { recursive: true }); },
  };
}
