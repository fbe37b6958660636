import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { digestOf, type Plan, type PlanStep } from '../../coordinator/plan-format.ts';
import type { Json } from '../../proto/events.ts';
import { startCoordinator, type Coordinator } from './coordinator.ts';
import { inject } from './faults.ts';
import type { Trial } from './generator.ts';
import { makeHost, type FaultHost, type Ground } from './host.ts';
import type { Observed } from './oracle.ts';
import { startProxy, type Proxy } from './proxy.ts';

/** A trial under way, as the faults see it. */
export interface Scene {
  trial: Trial; ground: Ground; folder: string; run: string;
  hosts: Map<string, FaultHost>;
  proxies: Map<string, Proxy>;
  /** Host losses so far. */
  losses: Map<string, number>;
  /** The coordinator's call under way. */
  call: Coordinator;
  /** Resolves when the first call has ended. */
  firstEnd: Promise<unknown>;
  /** Starts another call and keeps what came of it. */
  begin(run: string, argv: string[], folder: string): Promise<Coordinator>;
}

const RUN = 'trial', CALLS = 10, CALL_MS = 60_000, PATIENCE_S = '30';
/** Disks of the trial's hosts and of its coordinator that can be filled. */
export const diskOf = (folder: string): string => join(folder, 'state');

function writePlan({ trial, ground, folder, proxies }: Pick<Scene, 'trial' | 'ground' | 'folder' | 'proxies'>): void {
  const planned = (id: string, operation: string, args: Json): PlanStep => ({ id, rows: [id], title: `Step ${id}`, operation, args, sentence: `${operation} of ${id}`, timeoutS: 60, mayKill: operation !== 'package.installed', changes: true, reverts: true, needs: [] });
  const content: Omit<Plan, 'digest'> = {
    format: 1, site: 'fault', runbook: { name: 'fault', title: 'Fault campaign', digest: '' }, catalogueDigest: ground.catalogueDigest, inputs: [],
    hosts: trial.hosts.map(({ name }) => ({ name, role: 'plain', address: '127.0.0.1', port: proxies.get(name)!.port, fqdn: `${name}.example.test` })),
    stages: trial.stages.map(({ strategy, steps }, at) => ({ phase: 'fault', stage: `stage${String(at + 1)}`, strategy, maxFailures: 0, hosts: Object.entries(steps).map(([host, own]) => ({ host, steps: own.map(({ id, operation, args }) => planned(id, operation, args as Json)) })) })),
  };
  writeFileSync(join(folder, 'plan.json'), JSON.stringify({ ...content, digest: digestOf(content) }));
  writeFileSync(join(folder, 'site.yaml'), `tandem: 1\nsite: fault\nrunbook: osp5-to-osp6\ncoordinator: {address: 127.0.0.1}\nhosts:\n${content.hosts.map(({ name, port, fqdn }) => `  ${name}: {role: controller, address: 127.0.0.1, port: ${String(port)}, fqdn: ${fqdn}}\n`).join('')}`);
}

/** Bytes after what was synced are lost, torn or something else; what was synced stays. */
export function cutTail(journal: string, synced: string, { kept, then }: Trial['tail']): void {
  if (!existsSync(journal)) return;
  const size = statSync(journal).size, safe = existsSync(synced) ? Number(readFileSync(synced, 'latin1')) : 0;
  const left = safe + Math.floor(kept * (size - safe));
  truncateSync(journal, left);
  if (then !== 'nothing' && left < size) writeFileSync(journal, then === 'zeros' ? Buffer.alloc(size - left) : '#'.repeat(size - left), { flag: 'a' });
}

export async function runTrial(trial: Trial, ground: Ground, base: string, portOf: () => number): Promise<Observed> {
  const folder = join(base, `t${String(trial.number)}`), hosts = new Map<string, FaultHost>(), proxies = new Map<string, Proxy>(), losses = new Map<string, number>();
  mkdirSync(join(folder, 'synced'), { recursive: true });
  symlinkSync(ground.pki, join(folder, 'pki'));
  const small = trial.fault === 'disk full on coordinator' ? diskOf(folder) : trial.fault === 'disk full on agent' ? diskOf(join(folder, trial.host)) : undefined;
  const calls: { run: string; argv: string[]; call: Coordinator; exit: number | 'killed' | undefined }[] = [];
  try {
    if (small !== undefined) { mkdirSync(small, { recursive: true }); execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'fault', small]); }
    for (const { name, start } of trial.hosts) {
      const host = makeHost(ground, join(folder, name), name, portOf(), start, trial);
      hosts.set(name, host);
      host.restartMs = trial.restartMs;
      proxies.set(name, await startProxy(host.port));
    }
    writePlan({ trial, ground, folder, proxies });
    const atCoordinator = trial.fault.startsWith('coordinator') || trial.fault === 'disk full on coordinator';
    const faulty = hosts.get(trial.host)!;
    faulty.next = { ...atCoordinator ? {} : { moment: trial.moment }, clock: trial.fault === 'agent clock back' };
    if (faulty.next.clock === true) writeFileSync(join(faulty.folder, 'clock'), '+0');
    await Promise.all([...hosts.values()].map(async (host) => { await host.boot(); await host.up(); }));
    const begin = async (run: string, argv: string[], where: string, moment = undefined as Trial['moment'] | undefined): Promise<Coordinator> => {
      const call = await startCoordinator(ground, where, join(where, 'state'), argv, moment);
      const entry = { run, argv, call, exit: undefined as number | 'killed' | undefined };
      calls.push(entry);
      const late = setTimeout(() => { call.kill(); }, CALL_MS);
      call.ended.then((exit) => { if (late.hasRef()) clearTimeout(late); entry.exit = exit; }, () => undefined);
      return call;
    };
    const options = ['--json', '--patience', PATIENCE_S];
    let call = await begin(RUN, ['run', '--plan', join(folder, 'plan.json'), '--run-id', RUN, ...options], folder, atCoordinator ? trial.moment : undefined);
    const scene: Scene = { trial, ground, folder, run: RUN, hosts, proxies, losses, call, firstEnd: call.ended, begin };
    const faults = inject(scene);
    let exit = await call.ended;
    await faults;
    while (exit !== 0 && calls.length < CALLS) {
      call = await begin(RUN, ['resume', RUN, ...options], folder);
      exit = await call.ended;
    }
    return observe(scene, calls);
  } finally {
    for (const { call } of calls) call.kill();
    await Promise.all([...hosts.values()].map((host) => host.remove()));
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
    if (small !== undefined) execFileSync('umount', [small]);
    rmSync(folder, { recursive: true, force: true });
  }
}

const linesOf = (path: string): string[] => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : []);

function observe({ folder, hosts, losses, run }: Scene, calls: { run: string; argv: string[]; call: Coordinator; exit: number | 'killed' | undefined }[]): Observed {
  return {
    run, calls: calls.map(({ call, ...rest }) => ({ ...rest, out: call.out(), err: call.err() })),
    hosts: [...hosts.values()].map((host) => {
      const runs = join(host.folder, 'state/runs');
      const etc = join(host.folder, 'etc');
      return {
        name: host.name, effects: linesOf(join(host.folder, 'effects')), transactions: linesOf(join(host.folder, 'transactions')), strays: linesOf(join(host.folder, 'strays')),
        writes: Object.fromEntries(host.writes), files: Object.fromEntries(readdirSync(etc).map((name) => [name, readFileSync(join(etc, name), 'utf8')])), ownEnds: host.ownEnds, losses: losses.get(host.name) ?? 0,
        journals: Object.fromEntries((existsSync(runs) ? readdirSync(runs) : []).map((name) => [name, readFileSync(join(runs, name, 'journal.jsonl'), 'utf8')])),
      };
    }),
  };
  void folder;
}
