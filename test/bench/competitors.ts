import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inHost, TANDEM, writeSite, type Bench, type BenchHost } from './hosts.ts';
import { cgroupOf, cpuMs, timed, type Ended } from './measure.ts';
import { CHECKS, playbook, runbook } from './stage.ts';

/** One turn of one competitor on some hosts. */
export interface Turn {
  /** From the start of the command on the coordinator's side to its end. */
  wallMs: number;
  /** CPU used on the hosts, all of them together, and on the coordinator's side. */
  hostCpuMs: number;
  coordinatorCpuMs: number;
  /** Tandem only: of wallMs, what is neither the start of the command's process nor its report: first record to last of the run's journal. */
  runMs?: number;
  /** Milliseconds of each check on each host, in the order of CHECKS, where the competitor tells. */
  steps: { host: string; stepMs: number[] }[];
}

export type Competitor = 'script' | 'tandem' | 'pdsh' | 'ansible';

/** Takes the accounts before and after. */
async function account(bench: Bench, hosts: BenchHost[], work: () => Promise<{ wallMs: number; steps?: Turn['steps'] }>): Promise<Turn> {
  const groups = hosts.map(({ name }) => cgroupOf(bench.run, name)), own = coordinatorGroup(bench);
  const sum = (): number => groups.map(cpuMs).reduce((a, b) => a + b, 0);
  const hostsBefore = sum(), ownBefore = cpuMs(own);
  const { wallMs, steps } = await work();
  return { wallMs, steps: steps ?? [], hostCpuMs: sum() - hostsBefore, coordinatorCpuMs: cpuMs(own) - ownBefore };
}

function coordinatorGroup(bench: Bench): string {
  const group = cgroupOf(bench.run, 'coordinator');
  mkdirSync(group, { recursive: true });
  return group;
}

/** A command at the coordinator's place, in its own cgroup. */
const atCoordinator = (bench: Bench, argv: string[], env: Record<string, string> = {}): Promise<Ended> =>
  timed(['nsenter', `--net=${bench.namespace}`, '--', ...argv], { cgroup: coordinatorGroup(bench), env });

const microseconds = (host: string, line: string): Turn['steps'][number] => {
  const stepMs = line.trim().split(' ').map((text) => Number(text) / 1000);
  if (stepMs.length !== CHECKS.length) throw new Error(`${host}: the script told of ${String(stepMs.length)} checks: ${line}`);
  return { host, stepMs };
};

/** The script by itself, started on all hosts at once, in place: no wire. */
export async function runScript(bench: Bench, hosts: BenchHost[]): Promise<Turn> {
  return await account(bench, hosts, async () => {
    const begun = performance.now();
    const steps = await Promise.all(hosts.map(async ({ name, leader }) => {
      const enter = ['nsenter', `--target=${leader}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--', 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C'];
      return microseconds(name, (await timed([...enter, '/root/bench.sh'], { cgroup: cgroupOf(bench.run, name) })).stdout);
    }));
    return { wallMs: performance.now() - begun, steps };
  });
}

/** The same script through pdsh and ssh. */
export async function runPdsh(bench: Bench, hosts: BenchHost[]): Promise<Turn> {
  return await account(bench, hosts, async () => await atCoordinator(bench, ['pdsh', '-S', '-R', 'ssh', '-w', hosts.map(({ address }) => address).join(','), '/root/bench.sh'],
    { PDSH_SSH_ARGS: `-F ${bench.folder}/ssh-config -2 -a -x -l%u %h` }));
}

export async function runAnsible(bench: Bench, hosts: BenchHost[]): Promise<Turn> {
  const { folder } = bench, config = join(folder, 'ansible.cfg');
  writeFileSync(join(folder, 'playbook.yaml'), playbook());
  writeFileSync(join(folder, 'inventory'), hosts.map(({ name, address }) => `${name} ansible_host=${address} ansible_user=root ansible_python_interpreter=/usr/bin/python3\n`).join(''));
  writeFileSync(config, `[defaults]\ninventory = ${folder}/inventory\nforks = ${String(hosts.length)}\ngathering = explicit\nlocal_tmp = ${folder}/ansible\nretry_files_enabled = False\n`
    + `[ssh_connection]\npipelining = True\nssh_args = -C -o ControlMaster=auto -o ControlPersist=60s -F ${folder}/ssh-config\ncontrol_path_dir = ${folder}/cp\n`);
  return await account(bench, hosts, async () => {
    const ended = await atCoordinator(bench, ['ansible-playbook', join(folder, 'playbook.yaml')], { ANSIBLE_CONFIG: config, ANSIBLE_HOME: join(folder, 'ansible'), ANSIBLE_NOCOLOR: '1' });
    for (const { name } of hosts) {
      const recap = new RegExp(`^${name} +: +ok=${String(CHECKS.length)} +changed=0 +unreachable=0 +failed=0`, 'm');
      if (!recap.test(ended.stdout)) throw new Error(`ansible found something to do on ${name}:\n${ended.stdout.slice(-2000)}`);
    }
    return ended;
  });
}

let turns = 0;

/** The packed file: a plan made beforehand, carried out as a new run. Step times are those of the agents' own journals. */
export async function runTandem(bench: Bench, hosts: BenchHost[]): Promise<Turn> {
  const run = `bench-${String(++turns)}`, common = ['--site', writeSite(bench, hosts.length, runbook()), '--state', join(bench.folder, 'state')];
  const plan = join(bench.folder, `plan-${String(hosts.length)}.json`);
  await atCoordinator(bench, [TANDEM, ...common, 'plan', '--out', plan]);
  const turn = await account(bench, hosts, async () => await atCoordinator(bench, [TANDEM, ...common, 'run', '--plan', plan, '--run-id', run]));
  const steps = await Promise.all(hosts.map(async ({ name }) => ({ host: name, stepMs: journalTimes(name, await inHost(bench.run, name, ['cat', `/var/lib/tandem/runs/${run}/journal.jsonl`])) })));
  const records = readFileSync(join(bench.folder, 'state/runs', run, 'journal.jsonl'), 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { at: { type: string; timeMs: number } }).at);
  const timeOf = (type: string): number => records.find((record) => record.type === type)?.timeMs ?? NaN;
  return { ...turn, steps, runMs: timeOf('ended') - timeOf('begun') };
}

/** Milliseconds of each step by the agent's journal: from the result before it (or the first acceptance) to its own, fdatasync included. */
function journalTimes(host: string, text: string): number[] {
  const events = text.trim().split('\n').map((line) => (JSON.parse(line) as { at: { kind: string; step: string; timeMs: number; result?: string } }).at);
  const finished = events.filter(({ kind }) => kind === 'finished');
  const wrong = finished.find(({ result }, at) => result !== 'unchanged' || finished[at]?.step !== CHECKS[at]?.id);
  if (wrong !== undefined || finished.length !== CHECKS.length) throw new Error(`${host}: expected ${String(CHECKS.length)} steps unchanged, in order; ${JSON.stringify(wrong ?? finished.length)}`);
  return finished.map(({ timeMs }, at) => timeMs - (finished[at - 1] ?? events[0] ?? { timeMs }).timeMs);
}
