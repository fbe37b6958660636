// step.ts [--hosts 1,4,8] [--runs 3] [--ansible-runs 1] [--ansible-hosts 1,4,8] [--without NAME,...]: the no-op stage, side by side. `scripts/bench step` calls it.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureAgent } from './agent.ts';
import { runAnsible, runPdsh, runScript, runTandem, type Competitor, type Turn } from './competitors.ts';
import { closeBench, openBench, type Bench, type BenchHost } from './hosts.ts';
import { load } from './measure.ts';
import { agentTable, budgetTable, stageTable, stepTable, type Result } from './tables.ts';

const RUNNERS: Record<Competitor, (bench: Bench, hosts: BenchHost[]) => Promise<Turn>> = { script: runScript, tandem: runTandem, pdsh: runPdsh, ansible: runAnsible };

const { values } = parseArgs({ options: {
  hosts: { type: 'string', default: '1,4,8' }, runs: { type: 'string', default: '3' }, 'ansible-runs': { type: 'string', default: '1' }, 'ansible-hosts': { type: 'string' }, without: { type: 'string', default: '' },
} });
const whole = (name: string, text: string): number => {
  if (!/^[1-9][0-9]?$/.test(text)) throw new RangeError(`--${name}: found "${text}", expected a number from 1 to 99`);
  return Number(text);
};

/** All competitors in turn, so that what else the machine does meets them alike; ansible, which takes minutes, last. */
async function compare(bench: Bench, count: number, runs: Record<Competitor, number>): Promise<Result> {
  const hosts = bench.hosts.slice(0, count), turns: Result['turns'] = { script: [], tandem: [], pdsh: [], ansible: [] };
  for (const name of ['script', 'tandem', 'pdsh'] as const) if (runs[name] > 0) await RUNNERS[name](bench, hosts); // once to warm up, not counted
  for (let turn = 0; turn < Math.max(...Object.values(runs)); turn += 1) {
    for (const name of Object.keys(RUNNERS) as Competitor[]) {
      if (turn >= runs[name]) continue;
      const one = { ...await RUNNERS[name](bench, hosts), load: load() };
      turns[name].push(one);
      console.error(`${String(count)} host${count === 1 ? '' : 's'}  ${name.padEnd(8)} ${(one.wallMs / 1000).toFixed(2)} s  (load ${one.load.toFixed(1)})`);
    }
  }
  return { hosts: count, turns };
}

async function main(): Promise<void> {
  const numbers = (name: string, text: string): number[] => text.split(',').map((one) => whole(name, one));
  const counts = numbers('hosts', values.hosts), runs = whole('runs', values.runs), left = new Set(values.without.split(','));
  const ansibleOn = left.has('ansible') ? [] : numbers('ansible-hosts', values['ansible-hosts'] ?? values.hosts);
  const run = `e${String(process.pid % 10_000)}`, folder = mkdtempSync(join('/var/tmp', 'tandem-bench-'));
  const leave = async (): Promise<void> => { await closeBench(run); rmSync(folder, { recursive: true, force: true }); };
  const interrupted = new AbortController();
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) process.once(signal, () => { interrupted.abort(); leave().then(() => process.exit(code), () => process.exit(code)); });
  try {
    const bench = await openBench(run, folder, Math.max(...counts));
    const agent = await measureAgent(bench);
    const results: Result[] = [];
    for (const count of counts) results.push(await compare(bench, count, { script: runs, tandem: runs, pdsh: left.has('pdsh') ? 0 : runs, ansible: ansibleOn.includes(count) ? whole('ansible-runs', values['ansible-runs']) : 0 }));
    console.log([stageTable(results), stepTable(results), agentTable(agent), budgetTable(results, agent)].join('\n\n'));
  } catch (error) {
    if (interrupted.signal.aborted) await new Promise(() => undefined); // what failed was killed by us; the handler above ends this process
    throw error;
  } finally {
    await leave();
  }
}

await main();
