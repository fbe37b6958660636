import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { startCoordinator, type Coordinator } from './coordinator.ts';
import { inject } from './faults.ts';
import type { Fleet } from './fleet.ts';
import { endOf, isOfCoordinator, runOf, type Trial } from './generator.ts';
import type { FaultHost, Ground } from './host.ts';
import type { Observed } from './oracle.ts';
import { nextCall } from './person.ts';
import { writePlan } from './plan.ts';
import type { Proxy } from './proxy.ts';

/** A trial under way, as its fault sees it. */
export interface Scene {
  trial: Trial; ground: Ground; run: string;
  /** The coordinator's folder: plan, site, state. */
  folder: string;
  host: FaultHost; proxy: Proxy;
  /** All hosts. */
  places: readonly FaultHost[];
  /** The first call of the coordinator, and when its fault's moment comes. */
  call: Coordinator;
  reached: Promise<void>;
  /** Calls the coordinator once more and keeps what comes of it. */
  begin(run: string, argv: string[], folder: string): Promise<Coordinator>;
}
type Call = Observed['calls'][number] & { process: Coordinator };

// Only what hangs lasts so long, however much else the machine has to do.
const MOST_CALLS = 10, CALL_MS = 600_000;
const OPTIONS = ['--json', '--patience', '30'];

/** Carries a trial out, goes on until its run has ended well or cannot, and tells what was seen. */
export async function runTrial(trial: Trial, ground: Ground, folder: string, fleet: Fleet): Promise<Observed> {
  const run = runOf(trial.number), calls: Call[] = [], smallDisk = trial.fault === 'disk full on coordinator' ? join(folder, 'state') : undefined;
  mkdirSync(join(folder, 'synced'), { recursive: true });
  symlinkSync(ground.pki, join(folder, 'pki'));
  const begin = async (of: string, argv: string[], where: string, prepare?: Parameters<typeof startCoordinator>[4]): Promise<Coordinator> => {
    const process = await startCoordinator(ground, where, calls.length + 1, argv, prepare);
    const call: Call = { run: of, argv, exit: undefined, out: '', err: '', process };
    calls.push(call);
    let late = false;
    const timer = setTimeout(() => { late = true; process.kill(); }, CALL_MS);
    process.ended.then((exit) => { clearTimeout(timer); call.exit = late ? undefined : exit; }, () => undefined);
    return process;
  };
  try {
    if (smallDisk !== undefined) { mkdirSync(smallDisk); execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'fault', smallDisk]); }
    const hosts = await fleet.take(trial), { host, proxy } = hosts.get(trial.host)!;
    writePlan(folder, trial, ground.catalogueDigest, new Map([...hosts].map(([name, own]) => [name, own.proxy.port])));
    let reached: Promise<void> | undefined;
    const arm = (point: Coordinator['point']): void => { reached = point.arm(trial.moment); };
    const places = [...hosts.values()].map((own) => own.host), forward = ['run', '--plan', join(folder, 'plan.json'), '--run-id', run];
    if (trial.turn === 'back' && await (await begin(run, [...forward, ...OPTIONS], folder)).ended !== 0) return observe(run, places, calls, false); // nothing has happened to it yet
    if (!isOfCoordinator(trial.fault)) arm(host.point);
    const call = await begin(run, trial.turn === 'back' ? ['revert', run, '--to', trial.to, ...OPTIONS] : [...forward, ...OPTIONS], folder, isOfCoordinator(trial.fault) ? arm : undefined);
    const mended = inject({ trial, ground, run, folder, host, proxy, places, call, reached: reached!, begin });
    let exit = await call.ended;
    const came = await mended;
    if (exit !== endOf(trial)) await new Promise((resolve) => { setTimeout(resolve, trial.lateMs ?? 0); });
    for (let out = call.out(); exit !== endOf(trial) && calls.length < MOST_CALLS;) {
      const next = await begin(run, [...nextCall(trial, run, places, { exit, out }, forward), ...OPTIONS], folder);
      exit = await next.ended;
      out = next.out();
    }
    for (const place of places) await place.up(); // one that lost its power at the very end finds its torn line when it starts
    const seen = observe(run, places, calls, came);
    return trial.fault === 'agent clock back' && !jumped(seen, host.name) ? { ...seen, struck: false } : seen;
  } finally {
    for (const { process } of calls) { process.kill(); await process.ended; }
    if (smallDisk !== undefined) execFileSync('umount', [smallDisk]);
    rmSync(folder, { recursive: true, force: true });
  }
}

const linesOf = (path: string): string[] => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : []);

/** Whether the journal shows a clock that jumped back. */
function jumped({ hosts, run }: Observed, name: string): boolean {
  const times = [...(hosts.find((one) => one.name === name)?.journals[run] ?? '').matchAll(/"timeMs":(\d+)/g)].map(([, ms]) => Number(ms));
  return times.some((ms, at) => at > 0 && ms < times[at - 1]! - 10_000);
}

function observe(run: string, hosts: FaultHost[], calls: Call[], struck: boolean): Observed {
  return {
    run, struck, calls: calls.map(({ run: of, argv, exit, process }) => ({ run: of, argv, exit, out: process.out(), err: process.err() })),
    hosts: hosts.map(({ name, folder, writes, ownEnds, losses, heldBy }) => {
      const runs = join(folder, 'state/runs'), etc = join(folder, run, 'etc'), lasting = linesOf(join(folder, 'sysconfig/iptables')).find((line) => line.startsWith('-A INPUT'));
      const own = (existsSync(runs) ? readdirSync(runs) : []).filter((one) => (one === run || one.startsWith(`${run}-`)) && existsSync(join(runs, one, 'journal.jsonl')));
      return {
        name, ownEnds, losses, heldBy: heldBy(), effects: linesOf(join(folder, 'effects')), transactions: linesOf(join(folder, 'transactions')), strays: linesOf(join(folder, 'strays')),
        writes: Object.fromEntries(writes), lastingRules: lasting?.split(' ').find((_, at, words) => words[at - 1] === '--dport'), files: Object.fromEntries(readdirSync(etc).map((file) => [file, readFileSync(join(etc, file), 'utf8')])),
        journals: Object.fromEntries(own.map((one) => [one, readFileSync(join(runs, one, 'journal.jsonl'), 'utf8')])),
      };
    }),
  };
}
