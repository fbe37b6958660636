import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FAULTS, makeTrial, type FaultKind } from './generator.ts';
import { judge, type Finding } from './oracle.ts';
import { prepare } from './prepare.ts';
import { SABOTAGES } from './sabotage.ts';
import { runTrial } from './trial.ts';

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' }, from: { type: 'string', default: '0' }, to: { type: 'string', default: '20' }, jobs: { type: 'string', default: '3' }, out: { type: 'string' }, only: { type: 'string' }, sabotage: { type: 'string' }, keep: { type: 'string' } } });
const seed = Number(values.seed), from = Number(values.from), to = Number(values.to);
const base = process.env['TANDEM_FAULT_FOLDER'];
if (base === undefined) throw new Error('scripts/fault starts this, in namespaces of its own');
const kinds = values.only === undefined ? FAULTS : values.only.split(',').map((kind) => FAULTS.find((one) => one === kind) ?? (() => { throw new Error(`no fault "${kind}"`); })()) as FaultKind[];
const sabotage = values.sabotage === undefined ? undefined : SABOTAGES.find(({ name }) => name === values.sabotage);
const began = performance.now();
const ground = await prepare(mkdtempSync(join(base, 'ground-')), sabotage, process.execPath);
console.log(`prepared in ${((performance.now() - began) / 1000).toFixed(1)} s`);

const byKind = new Map<FaultKind, { passed: number; failed: number; ms: number }>();
let next = from, port = 20_000;
const portOf = (): number => { port = port > 55_000 ? 20_000 : port + 1; return port; };
await Promise.all(Array.from({ length: Number(values.jobs) }, async () => {
  while (next < to) {
    const number = next++, trial = makeTrial(seed, number, sabotage?.kinds ?? kinds), start = performance.now();
    let findings: Finding[];
    let seen;
    try { seen = await runTrial(trial, ground, base, portOf); findings = judge(trial, seen); } catch (error) { findings = [{ kind: 'no end', text: `the trial itself failed: ${String((error as Error).stack)}` }]; }
    const ms = performance.now() - start, sum = byKind.get(trial.fault) ?? { passed: 0, failed: 0, ms: 0 };
    byKind.set(trial.fault, { passed: sum.passed + Number(findings.length === 0), failed: sum.failed + Number(findings.length > 0), ms: sum.ms + ms });
    if (findings.length > 0) console.log(`trial ${String(number)} (${trial.fault}, ${String(trial.hosts.length)} hosts, ${(ms / 1000).toFixed(1)} s):\n${findings.map(({ kind, text }) => `  ${kind}: ${text}`).join('\n')}\n  again: scripts/fault --seed ${String(seed)} --from ${String(number)} --to ${String(number + 1)}`);
    if (values.keep !== undefined && findings.length > 0) { mkdirSync(values.keep, { recursive: true }); writeFileSync(join(values.keep, `${String(number)}.json`), JSON.stringify({ trial, findings, seen }, null, 1)); }
  }
}));
for (const kind of kinds) { const sum = byKind.get(kind); if (sum !== undefined) console.log(`${kind.padEnd(30)} ${String(sum.passed).padStart(5)} passed ${String(sum.failed).padStart(4)} failed  ${(sum.ms / (sum.passed + sum.failed) / 1000).toFixed(2)} s`); }
const failed = [...byKind.values()].reduce((sum, one) => sum + one.failed, 0);
console.log(`${((performance.now() - began) / 1000).toFixed(0)} s, seed ${String(seed)}\n${String(to - from - failed)} passed, ${String(failed)} failed`);
process.exit(failed === 0 ? 0 : 1);
