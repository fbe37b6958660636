import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, watch, writeFileSync, type FSWatcher } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { makePoint, type Point } from './point.ts';
import { runOf, type Trial } from './generator.ts';
import { FLAGS, MEMORY } from './snapshot.ts';
import { rulesText } from './steps.ts';

/** What all hosts of a campaign share. */
export interface Ground {
  node: string;
  /** The product with its modules loaded (snapshot.ts), and an agent with another version number. */
  coordinator: string; agent: string; otherAgent: string;
  /** faultpoint.c, compiled; libfaketime. */
  library: string; faketime: string;
  pki: string; catalogueDigest: string;
}

/**
 * A host of the campaign: namespaces of its own for processes and mounts, in which /mnt is its disk and PATH leads to the stand-ins
 * (`boot`). Its agent is the real entry in a process of its own, which its unit (here: this object) starts again whenever it
 * ends. Hosts live on from trial to trial.
 */
export interface FaultHost {
  name: string; folder: string; port: number; point: Point;
  /** How often each file of the trial was put in place. */
  writes: Map<string, number>;
  /** Ends of the agent that nobody caused, with what it said; in this trial. */
  ownEnds: string[];
  /** Times all its processes died at once; in this trial. */
  losses: number;
  /** Run that holds the host, as its lease.json says; empty for none. */
  heldBy: () => string;
  /** Starts of the agent. */
  lives: number;
  /** The agent's version and clock from its next start on. */
  other: boolean; clock: boolean;
  /** What happens before the next start, once; and how long each takes to come. */
  whileDown: (() => void) | undefined; restartMs: number;
  /** The host as a trial finds it. */
  begin(trial: Trial): Promise<void>;
  /** Resolves when the agent listens. */
  up(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** PID 1 is killed, and with it every process of the host; it boots anew. */
  lose(): Promise<void>;
  remove(): Promise<void>;
}

const killNow = (pid: number | undefined, signal: NodeJS.Signals = 'SIGKILL'): void => { if (pid !== undefined && pid > 1) try { process.kill(pid, signal); } catch { /* gone by itself */ } };
const childOf = (pid: number | undefined): number | undefined => {
  try { return Number(readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'latin1').trim().split(' ')[0]) || undefined; } catch { return undefined; }
};
const wait = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });
const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;
const ended = async (child: ChildProcess | undefined): Promise<void> => { if (child !== undefined && !isOver(child)) await new Promise((resolve) => { child.once('exit', resolve); }); };

export async function makeHost(ground: Ground, folder: string, name: string, port: number): Promise<FaultHost> {
  for (const part of ['state', 'synced', 'sysconfig']) mkdirSync(join(folder, part), { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'fault', join(folder, 'state')]); // a disk that can be filled
  const log = join(folder, 'agent.log'), write = (file: string, text: string): void => { writeFileSync(join(folder, file), text); };
  let watcher: FSWatcher | undefined, space: ChildProcess | undefined, agent: ChildProcess | undefined, listening = false, removed = false, caused = false, alive: Promise<void> | undefined, dying: ChildProcess | undefined;

  // Both change while a life is awaited.
  const wasCaused = (): boolean => caused, isRemoved = (): boolean => removed;

  async function boot(): Promise<void> {
    const child = space = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', join(import.meta.dirname, 'boot'), folder, randomUUID()], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text; if (said.startsWith('up\n')) resolve(); });
      child.once('exit', () => { if (dying === child) resolve(); else reject(new Error(`host ${name} did not boot: ${said}`)); });
    });
  }
  /** One life of the agent. */
  async function live(): Promise<void> {
    const init = childOf(space?.pid);
    if (init === undefined) return; // lost at this very moment
    const faked = host.clock ? { LD_PRELOAD: `${ground.library}:${ground.faketime}`, FAKETIME_TIMESTAMP_FILE: '/mnt/clock', FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' } : {};
    const out = openSync(log, 'w'), said = (): string => readFileSync(log, 'utf8');
    caused = false;
    const child = agent = spawn('nsenter', ['--target', String(init), '--mount', '--pid', ground.node, ...FLAGS, '--snapshot-blob', host.other ? ground.otherAgent : ground.agent, 'tandem', 'agent', 'serve', '--state', '/mnt/state', '--certs', join(ground.pki, 'issued', name), '--listen', `127.0.0.1:${String(port)}`],
      { stdio: ['ignore', out, out], env: { ...MEMORY, PATH: process.env['PATH'], ...host.point.environment, ...faked } });
    closeSync(out);
    host.lives += 1;
    while (!isOver(child) && !/listening on port \d+\npolicy: .*\n/.test(said())) await wait(10);
    listening = !isOver(child);
    await ended(child);
    listening = false;
    if (!wasCaused()) host.ownEnds.push(said());
  }
  /** What a unit with Restart=always does. */
  async function keepUp(): Promise<void> {
    while (!isRemoved()) {
      await ended(dying); // nothing is started in a host that is about to be gone
      if (space === undefined || isOver(space)) await boot();
      await live();
      host.whileDown?.();
      host.whileDown = undefined;
      if (!isRemoved()) await wait(host.restartMs);
    }
  }
  const host: FaultHost = {
    name, folder, port, point: await makePoint(ground.library, folder, '/mnt'), writes: new Map(), ownEnds: [], losses: 0, lives: 0, other: false, clock: false, whileDown: undefined, restartMs: 0,
    async begin(trial) {
      const { start } = trial.hosts.find((one) => one.name === name)!, own = runOf(trial.number);
      for (const part of ['etc', 'from']) mkdirSync(join(folder, own, part), { recursive: true });
      for (const file of ['transactions', 'strays', 'slow', 'broken', 'blind', 'sysconfig/iptables']) rmSync(join(folder, file), { force: true });
      write('effects', start.effects.map((act) => `${act} start\n`).join(''));
      if (start.rules !== undefined) write('sysconfig/iptables', rulesText(start.rules));
      write('units', start.units.map((unit) => `${unit}\n`).join(''));
      write('yum-takes', `${String(trial.yumTakesS)}\n`);
      if (trial.actTakesS > 0) write('slow', `${String(trial.actTakesS)}\n`);
      if (trial.broken?.host === name) write('broken', `${trial.broken.unit}\n`);
      for (const [path, text] of Object.entries(start.files)) write(path.slice('/mnt/'.length), text);
      write('clock', '+0');
      Object.assign(host, { writes: new Map(), ownEnds: [], losses: 0, restartMs: trial.restartMs, other: false });
      watcher?.close();
      // One event of the kernel for each rename to a name; what the agent has not finished has other names.
      watcher = watch(join(folder, own, 'etc'), (event, file) => { if (event === 'rename' && file !== null) host.writes.set(file, (host.writes.get(file) ?? 0) + 1); });
      const clock = trial.fault === 'agent clock back' && trial.host === name;
      if (host.clock !== clock && alive !== undefined) { host.clock = clock; await host.kill(); }
      host.clock = clock;
      await host.up();
    },
    heldBy: () => (JSON.parse(readFileSync(join(folder, 'state/lease.json'), 'utf8')) as { run: string }).run,
    async up() {
      if (alive === undefined) (alive = keepUp()).catch(() => undefined); // told by whoever waits for it
      await Promise.race([alive, (async () => { while (!listening) await wait(5); })()]);
    },
    async kill(signal) {
      if (agent === undefined || isOver(agent)) return;
      caused = true;
      killNow(childOf(agent.pid) ?? agent.pid, signal);
      await ended(agent);
    },
    async lose() {
      caused = true;
      host.losses += 1;
      dying = space;
      killNow(childOf(space?.pid));
      await Promise.all([ended(space), ended(agent)]);
    },
    async remove() {
      removed = true;
      await host.lose();
      await alive?.catch(() => undefined); // what went wrong is a finding of its trial
      host.point.close();
      watcher?.close();
      execFileSync('umount', [join(folder, 'state')]);
      rmSync(folder, { recursive: true });
    },
  };
  return host;
}
