import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as lab from '../lab/lab.ts';
import { timed } from './measure.ts';
import { iniFile, script, spec, UNITS } from './stage.ts';

const root = resolve(import.meta.dirname, '../..');
export const TANDEM = join(root, 'dist/tandem');

export interface BenchHost {
  name: string;
  address: string;
  /** Process id, out here, of the host's PID 1. */
  leader: string;
}

export interface Bench { run: string; folder: string; hosts: BenchHost[]; namespace: string }

/** Runs argv in a host; rejects when it does not end with 0. */
export async function inHost(run: string, host: string, argv: string[], input: string | Uint8Array = ''): Promise<string> {
  const { code, stdout, stderr } = await lab.exec(run, host, argv, { input });
  if (code !== 0) throw new Error(`${host}: ${argv.join(' ')} ended with ${String(code)}\n${stderr}`);
  return stdout;
}

/** Hosts with the agent on them, the sixty things true, the script delivered, and sshd. `folder` gets pki, keys and all that is generated. */
export async function openBench(run: string, folder: string, count: number): Promise<Bench> {
  const names = Array.from({ length: count }, (_, at) => `bench${String(at + 1)}`);
  const rpms = await buildPackages(folder);
  await timed([join(root, 'test/lab/start-agents'), run, folder, ...names.map((name) => `${name}=plain`)]);
  await timed(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', join(folder, 'ssh-key')]);
  const hosts: BenchHost[] = [];
  for (const [at, name] of names.entries()) {
    await prepare(run, name, rpms, readFileSync(join(folder, 'ssh-key.pub'), 'utf8'));
    hosts.push({ name, address: `10.77.0.${String(at + 1)}`, leader: await leaderOf(run, name) });
  }
  writeFileSync(join(folder, 'ssh-config'), `Host *\n  User root\n  IdentityFile ${folder}/ssh-key\n  UserKnownHostsFile ${folder}/known-hosts\n  StrictHostKeyChecking accept-new\n  LogLevel ERROR\n  BatchMode yes\n`);
  const bench = { run, folder, hosts, namespace: `/run/netns/tl-${run}` };
  // Learn the host keys once, so that no competitor pays for it.
  for (const { address } of hosts) await lab.net(run, ['ssh', '-F', join(folder, 'ssh-config'), address, 'true']);
  return bench;
}

/** A tar of the twenty packages. */
async function buildPackages(folder: string): Promise<Uint8Array> {
  const top = join(folder, 'rpmbuild');
  mkdirSync(top, { recursive: true });
  writeFileSync(join(top, 'bench.spec'), spec());
  await timed(['rpmbuild', '--quiet', '--define', `_topdir ${top}`, '--define', '_binary_payload w6.gzdio', '-bb', join(top, 'bench.spec')]);
  await timed(['tar', '-C', join(top, 'RPMS/noarch'), '-cf', join(folder, 'packages.tar'), '.']);
  return readFileSync(join(folder, 'packages.tar'));
}

async function prepare(run: string, host: string, rpms: Uint8Array, key: string): Promise<void> {
  await inHost(run, host, ['sh', '-ec', 'mkdir -p /root/rpms && tar -x -C /root/rpms && rpm -i --nosignature /root/rpms/*.rpm && rm -r /root/rpms'], rpms);
  await inHost(run, host, ['sh', '-ec', 'mkdir -p /etc/bench && cat >/etc/bench/bench.conf'], iniFile());
  await inHost(run, host, ['sh', '-ec', 'cat >/root/bench.sh && chmod 755 /root/bench.sh'], script());
  await inHost(run, host, ['sh', '-ec', 'umask 077 && mkdir -p /root/.ssh && cat >/root/.ssh/authorized_keys'], key);
  await inHost(run, host, ['sh', '-ec', `systemctl daemon-reload; systemctl --quiet enable --now ${UNITS.join(' ')}; ssh-keygen -A >/dev/null; systemctl --quiet unmask ssh; systemctl start ssh; yum -q makecache`]);
}

async function leaderOf(run: string, host: string): Promise<string> {
  const parts = join(root, 'test/lab/hosts');
  return (await timed(['bash', '-c', `. ${parts}/run.sh; . ${parts}/host.sh; leader ${run} ${host}`])).stdout.trim();
}

/** Ends the run; the hosts' sshd, agents and all connections end with them. */
export async function closeBench(run: string): Promise<void> { await lab.down(run); }

/** A site file of the first `count` hosts, beside the runbook folder. */
export function writeSite(bench: Bench, count: number, book: { head: string; phase: string }): string {
  const into = join(bench.folder, 'runbook');
  mkdirSync(into, { recursive: true });
  writeFileSync(join(into, 'runbook.yaml'), book.head);
  writeFileSync(join(into, 'step.yaml'), book.phase);
  const hosts = bench.hosts.slice(0, count).map(({ name, address }) => `  ${name}: {role: plain, address: ${address}, fqdn: ${name}.example.test}\n`).join('');
  const path = join(bench.folder, `site-${String(count)}.yaml`);
  writeFileSync(path, `tandem: 1\nsite: lab\nrunbook: ./runbook\npki: ./pki\ncoordinator: {address: 10.77.0.254}\nhosts:\n${hosts}`);
  return path;
}

