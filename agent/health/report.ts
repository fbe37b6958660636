import { cpus } from 'node:os';
import { StepError } from '../../proto/errors.ts';
import { readListeners } from '../facts/listeners.ts';
import { readVolumeGroups } from '../facts/volume-groups.ts';
import type { Probe } from '../host/host.ts';
import { openProbe, readFileSystems } from '../host/probe.ts';
import { worst, type Health, type HealthItem } from './health.ts';
import {
  bridgesItem, certificateItem, clockItem, offsetFromChrony, offsetFromNtpq, packagesItem, portsItem, selinuxItem, targetsItem, unitsItem, volumeGroupsItem,
} from './services.ts';
import { disksItem, loadItem, memoryItem } from './system.ts';

export interface HealthSubject { host: string; agentVersion: string; certificate: Buffer; authority: Buffer; policy: HealthItem; revocations: HealthItem }

async function memory(): Promise<HealthItem> {
  const { mem } = await import('systeminformation'); // a large module: loaded at the first question, not at the start
  return memoryItem(await mem());
}

async function units(probe: Probe): Promise<HealthItem> {
  return unitsItem((await probe.read(['systemctl', 'list-units', '--state=failed', '--no-legend', '--no-pager', '--full'])).stdout);
}

/** Any package will do: a database that cannot be read says so whether the package is there or not. */
async function packages(probe: Probe): Promise<HealthItem> {
  return packagesItem((await probe.read(['rpm', '-q', '--qf', '%{NAME}\n', 'redhat-release-server'], { okCodes: [0, 1] })).stderr);
}

async function selinux(probe: Probe): Promise<HealthItem> {
  return selinuxItem(await probe.readFile('/sys/fs/selinux/enforce'), await probe.readFile('/etc/selinux/config'));
}

/** lvm2 writes a backup of each group it knows; without one there is nothing to ask it for. */
async function volumeGroups(probe: Probe): Promise<HealthItem> {
  const known = await probe.list('/etc/lvm/backup');
  return volumeGroupsItem(known.length === 0 ? [] : await readVolumeGroups(probe));
}

async function targets(probe: Probe): Promise<HealthItem> {
  const running = (await probe.list('/sys/kernel/config/target/iscsi')).filter((name) => name.startsWith('iqn.'));
  return targetsItem(running, running.length === 0 ? undefined : await probe.readFile('/etc/target/saveconfig.json'));
}

async function bridges(probe: Probe): Promise<HealthItem> {
  if (await probe.stat('/var/run/openvswitch/db.sock') === undefined) return bridgesItem(undefined);
  return bridgesItem((await probe.read(['ovs-vsctl', '--timeout=5', 'list-br'])).stdout.split('\n').filter((line) => line !== ''));
}

async function clock(probe: Probe): Promise<HealthItem> {
  if (await probe.stat('/var/run/chronyd.pid') !== undefined || await probe.stat('/var/run/chrony/chronyd.pid') !== undefined) {
    return clockItem(offsetFromChrony((await probe.read(['chronyc', 'tracking'])).stdout), 'chronyd has no time source yet');
  }
  if (await probe.stat('/var/run/ntpd.pid') !== undefined) return clockItem(offsetFromNtpq((await probe.read(['ntpq', '-pn'])).stdout), 'ntpd has chosen no peer yet');
  return clockItem(undefined, 'neither chronyd nor ntpd runs: nobody keeps the clock right');
}

/** A subsystem that cannot be asked is unknown with the reason; the others still answer. */
async function ask(subsystem: string, question: Promise<HealthItem>): Promise<HealthItem> {
  try {
    return await question;
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return { subsystem, grade: 'unknown', reason: error.message, values: {} };
  }
}

async function look({ host, agentVersion, certificate, authority, policy, revocations }: HealthSubject): Promise<Health> {
  const probe = openProbe();
  const items = await Promise.all([
    ask('load', probe.readFile('/proc/loadavg').then((text) => loadItem(text ?? '', cpus().length))),
    ask('memory', memory()), ask('disks', readFileSystems(probe).then(disksItem)), ask('clock', clock(probe)), ask('units', units(probe)),
    ask('rpm database', packages(probe)), ask('selinux', selinux(probe)), ask('volume groups', volumeGroups(probe)), ask('lio targets', targets(probe)),
    ask('ovs bridges', bridges(probe)), ask('ports', readListeners(probe).then((listeners) => portsItem(listeners.map(({ port }) => port)))),
    ask('certificate', Promise.resolve(certificateItem(certificate, authority, Date.now()))), Promise.resolve(revocations), Promise.resolve(policy),
  ]);
  return { host, agentVersion, timeMs: Date.now(), grade: worst(items.map((each) => each.grade)), items };
}

/** A report stays good this long, so that many who ask cost as much as one. */
const FRESH_MS = 2000;
let last: { atMs: number; report: Promise<Health> } | undefined;

/** How this host is, each subsystem graded with its reason. Costs the host two or three short processes at most every two seconds. */
export async function readHealth(subject: HealthSubject): Promise<Health> {
  if (last === undefined || Date.now() - last.atMs > FRESH_MS) last = { atMs: Date.now(), report: look(subject) };
  return await last.report;
}
