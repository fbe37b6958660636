import { inHost, type Bench } from './hosts.ts';
import { median } from './measure.ts';

export interface AgentFigures {
  /** Memory of the agents ten seconds after their last work, median of the hosts, in 10^6 bytes: resident, and with shared pages divided among their users. */
  residentMB: number;
  proportionalMB: number;
  /** From systemd's start of the process to its line "listening", by the journal's monotonic stamps; median of the warm starts. */
  startMs: number;
  startsMs: number[];
}

const UNIT = 'tandem-agent.service';
const WARM_STARTS = 5;

async function mainPid(bench: Bench, host: string): Promise<string> {
  return /MainPID=(\d+)/.exec(await inHost(bench.run, host, ['systemctl', 'show', '-p', 'MainPID', UNIT]))?.[1] ?? '0';
}

/** One restart: the first was paid before, so the file is in the page cache. */
async function startOnce(bench: Bench, host: string): Promise<number> {
  await inHost(bench.run, host, ['systemctl', 'restart', UNIT]);
  const pid = await mainPid(bench, host);
  for (let tries = 0; tries < 100; tries += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    const lines = (await inHost(bench.run, host, ['journalctl', '-q', '-o', 'json', `_PID=${pid}`])).trim().split('\n').filter((line) => line !== '');
    const listening = lines.map((line) => JSON.parse(line) as { MESSAGE: string; __MONOTONIC_TIMESTAMP: string }).find(({ MESSAGE }) => MESSAGE.includes('listening on port'));
    if (listening === undefined) continue;
    const started = /=(\d+)/.exec(await inHost(bench.run, host, ['systemctl', 'show', '-p', 'ExecMainStartTimestampMonotonic', UNIT]))?.[1];
    return (Number(listening.__MONOTONIC_TIMESTAMP) - Number(started)) / 1000;
  }
  throw new Error(`${host}: the agent did not say within 20 s that it listens`);
}

export async function measureAgent(bench: Bench): Promise<AgentFigures> {
  const [first] = bench.hosts;
  if (first === undefined) throw new Error('no host');
  const startsMs: number[] = [];
  for (let turn = 0; turn < WARM_STARTS; turn += 1) startsMs.push(await startOnce(bench, first.name));
  await new Promise((resolve) => { setTimeout(resolve, 10_000); });
  const memory = await Promise.all(bench.hosts.map(async ({ name }) => {
    const pid = await mainPid(bench, name);
    const text = await inHost(bench.run, name, ['cat', `/proc/${pid}/status`, `/proc/${pid}/smaps_rollup`]);
    const kilobytes = (label: string): number => Number(new RegExp(`^${label}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
    return { resident: kilobytes('VmRSS') * 1024 / 1e6, proportional: kilobytes('Pss') * 1024 / 1e6 };
  }));
  return { residentMB: median(memory.map(({ resident }) => resident)), proportionalMB: median(memory.map(({ proportional }) => proportional)), startMs: median(startsMs), startsMs };
}
