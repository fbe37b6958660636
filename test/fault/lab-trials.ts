import { mkdirSync, rmSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { startLabSite, type LabSite, type Started } from '../integration/lab-site.ts';
import * as lab from '../lab/lab.ts';
import { randomOf, type Random } from './random.ts';
import { commitNow } from './commit.ts';
import { judge, type Finding, type Observed } from './oracle.ts';
import type { TrialStep } from './steps.ts';
import { summarize, type Outcome } from './summary.ts';

/**
 * Trials on booted lab hosts with the packed file: real systemd units and real package scriptlets count themselves in
 * /var/log/tandem-lab/effects. The same oracle judges; a unit may be started once a boot, since what is enabled starts with the host.
 */
const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' }, from: { type: 'string', default: '0' }, to: { type: 'string', default: '20' }, out: { type: 'string' }, run: { type: 'string', default: `${process.env['TANDEM_LAB_PREFIX'] ?? 'f'}flt` } } });
const FAULTS = ['agent killed', 'PID 1 killed', 'rebooted', 'link cut', 'coordinator killed'] as const;
const HOSTS = ['one', 'two'], EFFECTS = '/var/log/tandem-lab/effects', PACKAGES = ['openstack-utils', 'openstack-selinux'];
const wait = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });
const seed = Number(values.seed), from = Number(values.from), to = Number(values.to);

const site = await startLabSite(values.run, ...HOSTS.map((name) => `${name}=plain`)), outcomes: Outcome[] = [], commit = commitNow(), began = performance.now();
try {
  await Promise.all(HOSTS.map((host) => site.sh(host, 'subscription-manager repos --disable=rhel-7-server-openstack-5.0-rpms --enable=rhel-7-server-openstack-6.0-rpms')));
  for (let number = from; number < to; number += 1) outcomes.push(await trial(number));
} finally {
  await site.down();
}
console.log(summarize(outcomes, (performance.now() - began) / 1000, { seed, from, to }));
process.exit(outcomes.every(({ findings }) => findings.length === 0) ? 0 : 1);

/** Units and packages in some order, a file between them. */
function makeSteps(random: Random, run: string): TrialStep[] {
  const unit = (id: string): TrialStep => ({ id, operation: 'service.running', args: { units: [`${run}-${id.toLowerCase()}`], stableForS: 0 }, acts: [`start ${run}-${id.toLowerCase()}.service`], undo: [] });
  const install = (id: string, name: string): TrialStep => ({ id, operation: 'package.installed', args: { names: [name] }, acts: [`installed ${name}`], undo: [] });
  const copy = (id: string): TrialStep => ({ id, operation: 'file.copied', args: { from: `/root/${run}/source`, to: `/root/${run}/copy` }, acts: [], undo: [], file: `/root/${run}/copy` });
  const middle = random.chance(0.5) ? [unit('F2'), install('F3', PACKAGES[0]!)] : [install('F2', PACKAGES[0]!), unit('F3')];
  return [unit('F1'), ...middle, copy('F4'), ...random.chance(0.5) ? [install('F5', PACKAGES[1]!)] : [], unit('F6')];
}

async function ready(steps: readonly TrialStep[], run: string): Promise<void> {
  const units = steps.filter(({ operation }) => operation === 'service.running').map(({ acts }) => acts[0]!.slice('start '.length));
  const file = (name: string): string => `[Unit]\nDescription=Counts its starts\n[Service]\nExecStartPre=/bin/sh -c 'sleep 0.3; echo start ${name} $$(cut -d" " -f22 /proc/1/stat) >>${EFFECTS}'\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n`;
  await Promise.all(HOSTS.map(async (host) => {
    site.anew(host);
    await site.sh(host, `set -e; mkdir -p /root/${run}; echo ${run} >/root/${run}/source; for package in ${PACKAGES.toReversed().join(' ')}; do ! rpm -q --quiet $package || rpm -e $package >/dev/null; done\n${units.map((name) => `cat >/etc/systemd/system/${name} <<'END'\n${file(name)}END\n`).join('')}systemctl daemon-reload; : >${EFFECTS}`);
  }));
  const folder = join(site.folder, run), operations = steps.map(({ id, operation, args }) => ({ id, title: `Step ${id}`, operation, with: args }));
  mkdirSync(folder);
  writeFileSync(join(folder, 'runbook.yaml'), stringify({ tandem: 1, name: 'fault', title: 'Fault trial', roles: { plain: { min: 1 } }, phases: ['phase.yaml'] }));
  writeFileSync(join(folder, 'phase.yaml'), stringify({ phase: 'fault', title: 'Fault trial', stages: [{ stage: 'all', on: 'plain', strategy: 'parallel', steps: operations }] }));
  site.useRunbook(folder);
  await site.must('plan');
}

/** Does it to a host; resolves when the host is as it was. */
async function strike(fault: (typeof FAULTS)[number], host: string, cutMs: number, started: Started): Promise<void> {
  if (fault === 'agent killed') await lab.exec(values.run, host, ['systemctl', 'kill', '--kill-who=main', '--signal=KILL', 'tandem-agent']);
  if (fault === 'PID 1 killed') await lab.kill(values.run, host);
  if (fault === 'rebooted') await lab.reboot(values.run, host);
  if (fault === 'coordinator killed') started.child.kill('SIGKILL');
  if (fault === 'link cut') {
    await lab.cut(values.run, host);
    await wait(cutMs);
    await lab.mend(values.run, host);
  }
}

async function trial(number: number): Promise<Outcome> {
  const random = randomOf(seed, number), run = `l${String(number)}`, fault = random.pick(FAULTS), host = random.pick(HOSTS), delayMs = random.int(200, 4000), cutMs = random.int(500, 6000), start = performance.now();
  const steps = makeSteps(random, run), calls: Observed['calls'] = [];
  let findings: Finding[], struck = false as boolean;
  try {
    await ready(steps, run);
    const call = async (argv: string[], strikeIt?: (started: Started) => Promise<void>): Promise<Observed['calls'][number]['exit']> => {
      const started = site.begin(...argv, '--json', '--patience', '120'), mended = strikeIt?.(started);
      const ended = await Promise.race([started.ended, wait(240_000)]);
      await mended;
      const exit = ended === undefined ? undefined : ended.stderr.includes('(ended by SIGKILL)') ? 'killed' : ended.code;
      calls.push({ argv, run, exit, out: ended?.stdout ?? '', err: ended?.stderr ?? '' });
      if (ended === undefined) started.child.kill('SIGKILL');
      return exit;
    };
    let exit = await call(['run', '--run-id', run], async (started) => { struck = await Promise.race([wait(delayMs).then(() => true), started.ended.then(() => false)]); if (struck) await strike(fault, host, cutMs, started); });
    // 2: it was lost before it began, so that nothing is kept of it.
    for (let turn = 0; exit !== 0 && turn < 5; turn += 1) exit = await call(exit === 2 ? ['run', '--run-id', run] : ['resume', run]);
    const losses = fault === 'PID 1 killed' || fault === 'rebooted' ? 1 : 0;
    findings = judge({ stages: [{ strategy: 'parallel', steps: Object.fromEntries(HOSTS.map((name) => [name, steps])) }], hosts: HOSTS.map((name) => ({ name, start: { units: [], effects: [], files: {} } })) },
      { run, struck, calls, hosts: await Promise.all(HOSTS.map((name) => look(site, name, run, name === host ? losses : 0))) });
  } catch (error) {
    findings = [{ kind: 'no end', text: `the trial could not be made: ${String((error as Error).stack)}` }];
  }
  const outcome: Outcome = { seed, number, fault: `lab: ${fault}`, commit, struck, ms: Math.round(performance.now() - start), findings };
  if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify(outcome)}\n`);
  console.log(`lab trial ${String(number)} (${fault} on ${host} after ${String(delayMs)} ms, ${String(calls.length)} calls, ${(outcome.ms / 1000).toFixed(0)} s): ${findings.length === 0 ? 'passed' : 'FAILED'}${struck ? '' : ', ended before the fault came'}`);
  for (const { kind, text } of findings) console.log(`  ${kind}: ${text}`);
  rmSync(join(site.folder, run), { recursive: true, force: true });
  return outcome;
}

/** A host as the oracle sees it. Starts of one unit in several boots count as one, as do scriptlets of a transaction that the host's loss broke. */
async function look(on: LabSite, name: string, run: string, losses: number): Promise<Observed['hosts'][number]> {
  on.anew(name);
  const counted = (await on.sh(name, `cat ${EFFECTS}`)).split('\n').filter((line) => line.startsWith(`start ${run}-`) || line.startsWith('rpm post ')).map((line) => line.replace(/^rpm post (\S+).*/, 'installed $1'));
  const seen = new Map<string, number>();
  const effects = counted.filter((line, at) => {
    const [act, object, boot] = line.split(' '), key = `${String(act)} ${String(object)}`, before = seen.get(key) ?? 0;
    seen.set(key, before + 1);
    if (act === 'installed') return before === 0 || before > losses;
    return !counted.slice(0, at).some((other) => other.startsWith(`${key} `) && other !== `${key} ${String(boot)}`);
  });
  const copied = await on.sh(name, `cmp -s /root/${run}/source /root/${run}/copy && echo same || true`);
  return {
    name, effects, losses, transactions: [], strays: [], ownEnds: [], writes: copied === 'same' ? { copy: 1 } : {}, files: {}, lastingRules: undefined,
    heldBy: (JSON.parse(await on.sh(name, 'cat /var/lib/tandem/lease.json 2>/dev/null || echo "{\\"run\\":\\"\\"}"')) as { run: string }).run,
    journals: { [run]: (await on.sh(name, `cat /var/lib/tandem/runs/${run}/journal.jsonl 2>/dev/null || true`)).replace(/(?<=.)$/, '\n') },
  };
}
