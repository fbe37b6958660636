import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { RunRecord } from '../../coordinator/store/runstore.ts';
import type { Event } from '../../proto/events.ts';
import { root, startLabSite, until, type LabSite, type Started } from '../integration/lab-site.ts';
import * as lab from '../lab/lab.ts';

/** Trials with a real loss of power: QEMU is killed, and what the guest had not synced is gone with its memory. */
export interface PowerHost {
  site: LabSite;
  sh(command: string): Promise<string>;
  /** Resolves once the agent answers a call. */
  answers(): Promise<void>;
  /** `tandem run --run-id RUN` or `tandem resume RUN`, returned when the host is held by it; then the gate is opened. */
  begin(args: string[], gate?: number): Promise<Started>;
  /** The moment that this event stands in the coordinator's journal the power fails, on the coordinator a little later; then the host is started. */
  cutAt(run: string, step: string, kind: Event['kind'], started: Started): Promise<void>;
  /** What the coordinator was told and the host no longer has: lines of its journal, and what results say of the host. */
  losses(run: string): Promise<string[]>;
}

const HOST = 'one', EFFECTS = '/mnt/effects';

/** Three stretches, each behind a gate (a port) that a test opens: a package, by the stand-in of yum; units, by systemd; a file's owner. */
const gate = (port: number): Record<string, unknown> => ({ id: `G${String(port)}`, operation: 'port.listening', with: { port, deadlineS: 3600 } });
const install = (id: string, name: string): Record<string, unknown> => ({ id, operation: 'package.installed', with: { names: [name] } });
const STEPS: Record<string, unknown>[] = [
  gate(1), install('P1', 'first'),
  gate(2), { id: 'E1', operation: 'service.enabled', with: { units: ['counted-1', 'counted-2'] } }, install('P2', 'second'),
  gate(3), { id: 'O1', operation: 'file.owned', with: { path: '/srv/owned', user: 'nobody' } }, install('P3', 'third'),
  { id: 'I1', operation: 'ini.set', with: { file: '/srv/ini', section: 'DEFAULT', settings: { key: 'value' } } }, install('P4', 'fourth'),
];
const PACKAGES: Record<string, string> = { P1: 'first', P2: 'second', P3: 'third', P4: 'fourth' };
/** Looks past the product, for results that are no package. */
const LOOKS: Record<string, string> = { E1: 'systemctl is-enabled counted-1 counted-2 | tr "\\n" " " | grep -q "enabled enabled"', O1: '[ "$(stat -c %U /srv/owned)" = nobody ]', I1: 'grep -q "key *= *value" /srv/ini' };

export async function startPowerHost(id: string): Promise<PowerHost> {
  const site = await startLabSite(id, `${HOST}=vm`), sh = (command: string): Promise<string> => site.sh(HOST, command);
  for (const name of ['yum', 'rpm']) await lab.exec(id, HOST, ['sh', '-c', `cat >/usr/sbin/${name}; chmod 755 /usr/sbin/${name}`], { input: readFileSync(join(root, 'test/fault/stand-ins', name)) });
  await lab.exec(id, HOST, ['sh', '-c', 'cat >/srv/without-sync; chmod 755 /srv/without-sync'], { input: readFileSync(join(import.meta.dirname, 'without-sync')) });
  // The kernel writes nothing to the disk merely because time has passed: what is not synced is lost, also on a slow machine.
  await sh('set -e; printf "vm.dirty_writeback_centisecs=0\\nvm.dirty_expire_centisecs=360000\\n" >/etc/sysctl.d/power.conf; systemctl restart systemd-sysctl; [ "$(cat /proc/sys/vm/dirty_writeback_centisecs)" = 0 ]');
  // Verifying a package takes a while: the moment between what was applied and its result is a wide one.
  await sh(`set -e; sed -i 's/^  -V) ;;/  -V) sleep 5 ;;/' /usr/sbin/rpm; grep -q 'sleep 5' /usr/sbin/rpm
    for n in 1 2; do printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/counted-$n.service; done; systemctl daemon-reload`);
  const folder = join(site.folder, 'power');
  mkdirSync(folder);
  writeFileSync(join(folder, 'runbook.yaml'), stringify({ tandem: 1, name: 'power', title: 'Power is lost', roles: { vm: { min: 1 } }, phases: ['phase.yaml'] }));
  writeFileSync(join(folder, 'phase.yaml'), stringify({ phase: 'power', title: 'Power is lost', stages: [{ stage: 'all', on: 'vm', strategy: 'serial', steps: STEPS.map((step) => ({ title: `Step ${String(step['id'])}`, ...step })) }] }));
  site.useRunbook(folder);
  await site.must('plan');

  const told = (run: string): Event[] => {
    let text = '';
    try { text = readFileSync(join(site.folder, 'state/runs', run, 'journal.jsonl'), 'utf8'); } catch { /* nothing is told yet */ }
    return text.split('\n').filter((line) => line.endsWith('}')).map((line) => (JSON.parse(line) as { at: RunRecord }).at).flatMap((record) => (record.type === 'event' ? [record.event] : []));
  };
  // A started unit does not answer yet, and on a machine with other work not soon.
  const answers = async (): Promise<void> => { await until('the agent answers', async () => (await site.tandem('hosts')).code === 0, 300_000); };
  const fence = async (): Promise<string> => await sh('grep -o "fence.:[0-9]*" /var/lib/tandem/lease.json 2>/dev/null || true');
  return {
    site, sh, answers,
    async begin(args, port) {
      const before = await fence(), end = Date.now() + 300_000;
      let started = site.begin(...args);
      while (await fence() === before) {
        if (Date.now() > end) throw new Error(`not held within 300 s\n${started.printed()}`);
        if (started.child.exitCode === null) continue;
        // On a machine with much other work an emulated one answers too late; nothing was begun then.
        if (started.child.exitCode !== 5) throw new Error(`tandem ${args.join(' ')} ended\n${started.printed()}`);
        started = site.begin(...args);
      }
      if (port !== undefined) await sh(`systemd-run -q socat TCP-LISTEN:${String(port)},fork,reuseaddr /dev/null`);
      return started;
    },
    async cutAt(run, step, kind, started) {
      const end = Date.now() + 120_000;
      while (!told(run).some((event) => event.step === step && event.kind === kind)) {
        if (Date.now() > end) throw new Error(`${kind} of ${step} was not told within two minutes\n${started.printed()}`);
        await new Promise((resolve) => { setTimeout(resolve, 2); });
      }
      process.kill(Number(readFileSync(`/var/tmp/tandem-lab-${id}/${HOST}/machine.pid`, 'utf8')), 'SIGKILL');
      await new Promise((resolve) => { setTimeout(resolve, 200); }); // what was under way is put on record
      started.child.kill('SIGKILL');
      await started.ended;
      await until('the host starts', async () => await lab.start(id, HOST).then(() => true, (error: unknown) => {
        if (/is running/.test(String(error))) return false; // its end is still being seen to
        throw error;
      }), 600_000);
      site.anew(HOST);
      await answers();
    },
    async losses(run) {
      const looks = Object.entries(LOOKS).map(([step, look]) => `if ${look}; then echo ${step}; fi`).join('; ');
      const [journal = '', effects = '', holds = ''] = (await sh(`cat /var/lib/tandem/runs/${run}/journal.jsonl 2>/dev/null; echo =====; cat ${EFFECTS}; echo =====; ${looks}`)).split('=====');
      const lines = journal.trim().split('\n').flatMap((line) => { try { return [(JSON.parse(line) as { at: Event }).at]; } catch { return []; } });
      const bySeq = new Map(lines.map((event) => [event.seq, event])), found: string[] = [];
      for (const event of told(run)) {
        const there = bySeq.get(event.seq);
        if (there?.kind !== event.kind || there.command !== event.command || there.timeMs !== event.timeMs) found.push(`line ${String(event.seq)}, ${event.kind} of ${event.step}, was told and is not in the host's journal`);
        if (event.kind !== 'finished' || !['changed', 'unchanged'].includes(event.result)) continue;
        const name = PACKAGES[event.step], times = effects.split('\n').filter((line) => line.startsWith(`installed ${name ?? ''} `)).length;
        if (name !== undefined && times !== 1) found.push(`${event.step} was told as ${event.result}, and ${name} was installed ${String(times)} times`);
        if (event.step in LOOKS && !holds.split('\n').includes(event.step)) found.push(`${event.step} was told as ${event.result}, and is not so`);
      }
      return found;
    },
  };
}
