import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference, Json } from '../../proto/events.ts';
import { octal } from '../facts/tree.ts';
import type { Probe } from '../host/host.ts';
import { parseHostKeys, withAuthorized, withHostKeys } from '../parse/known-hosts.ts';
import { absolutePath, accountName, hostName } from './fields.ts';
import { finding, operation, type Finding } from './operation.ts';

const args = z.strictObject({
  user: accountName.describe('Account that logs in from host to host'),
  hosts: z.array(hostName).min(1).describe('The other hosts, by the names under which the account calls them'),
  home: absolutePath.describe('Its home folder, as the host\'s accounts have it; the key pair lies in .ssh there, restored from the backup'),
  shell: absolutePath.default('/bin/bash').describe('Its login shell'),
  key: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'expected the name of a file').default('id_rsa').describe('Name of the private key'),
  hostKeys: z.record(hostName, z.array(z.string().regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$/, 'expected TYPE KEY'))).default({}).describe('Host to its public keys, as TYPE KEY; the others are asked by ssh-keyscan'),
});
type Args = z.infer<typeof args>;
type Found = { shell: string; folder: { mode: number; uid: number; gid: number }; files: Record<string, string> };
interface Wanted { uid: number; gid: number; shell: string; texts: Map<string, string> }

/**
 * This host's side of a mesh of logins (row N5, trap 37): every host has the account's one key pair, out of the backup of its home, so that no
 * private key crosses the wire; here it is authorised, the other hosts' present keys are known (a reinstalled host has new ones), and the account
 * has a shell. Labels: selinux.fcontext and selinux.relabeled. That the others let it in is asserted by ssh.reached, when all have their side.
 * Errors: precondition_failed for no account, another home, no key pair, a host that shows no key, or a link where the folder or its files should be.
 */
export const sshMesh = operation({
  name: 'ssh.mesh',
  summary: 'An account may log in to this host from others of its mesh, and knows them',
  args, timeoutS: 300, mayKill: true,
  describe: ({ user, hosts, shell }) => `Let ${user} (${shell}) log in from and to ${hosts.join(', ')} with the key of its home`,
  touches: ({ home, shell }) => ({ paths: [home, shell] }),
  async check(probe, a) { return await look(probe, a); },
  async apply(host, a) {
    const { uid, gid, shell, texts } = await read(host, a);
    for (const [path] of modes(a).slice(1)) await host.save(path);
    for (const [path, text] of texts) await host.writeFile(path, text, { uid, gid, mode: 0o600 });
    for (const [path, mode] of modes(a)) await host.setOwnership(path, { uid, gid, mode });
    if (shell !== a.shell) await host.act(['usermod', '-s', a.shell, a.user]);
  },
  async verify(probe, a) {
    const looked = await look(probe, a), unknown: Difference[] = [];
    for (const host of a.hosts) {
      const { exitCode } = await probe.read(['ssh-keygen', '-F', host, '-f', `${folderOf(a)}/known_hosts`], { okCodes: [0, 1] });
      if (exitCode !== 0) unknown.push({ what: `${host}, as ssh looks it up`, found: 'unknown', wanted: 'known' });
    }
    return finding(looked.found, [...looked.differences, ...unknown]);
  },
  async revert(host, a, found) {
    const { shell, folder } = found as Found;
    await refuseLinks(host, a);
    for (const [path] of modes(a).slice(1)) await host.restore(path);
    await host.setOwnership(folderOf(a), folder);
    if ((await account(host, a)).shell !== shell) await host.act(['usermod', '-s', shell, a.user]);
  },
});

async function look(probe: Probe, a: Args): Promise<Finding> {
  const want = await read(probe, a), differences: Difference[] = [];
  if (want.shell !== a.shell) differences.push({ what: `login shell of ${a.user}`, found: want.shell, wanted: a.shell });
  for (const [path, text] of want.texts) if ((await probe.readFile(path) ?? '') !== text) differences.push({ what: path, found: 'lacks a key', wanted: path.endsWith('known_hosts') ? `the keys of ${a.hosts.join(', ')}` : 'the account\'s own key' });
  for (const [path, mode] of modes(a)) {
    const stat = await probe.stat(path), now = stat === undefined ? 'missing' : `${octal(stat.mode)} ${String(stat.uid)}:${String(stat.gid)}`, wanted = `${octal(mode)} ${String(want.uid)}:${String(want.gid)}`;
    if (now !== wanted) differences.push({ what: path, found: now, wanted });
  }
  return finding(await stateOfFolder(probe, a, want.shell), differences);
}

const folderOf = ({ home }: Args): string => `${home}/.ssh`;

async function account(probe: Probe, { user, home }: Args): Promise<{ uid: number; gid: number; shell: string }> {
  const { stdout, exitCode } = await probe.read(['getent', 'passwd', user], { okCodes: [0, 2] });
  const [, , uid, gid, , its, shell = ''] = stdout.trim().split(':');
  if (exitCode !== 0) throw new StepError('precondition_failed', `this host knows no user ${user}: install its package first`);
  if (its !== home) throw new StepError('precondition_failed', `the home of ${user} is ${its ?? 'unknown'}, not ${home}: that is where ssh looks`);
  return { uid: Number(uid), gid: Number(gid), shell };
}

/** The account owns the folder, and root works in it: a link there would lead root's hand to a file of somebody else. */
async function refuseLinks(probe: Probe, a: Args): Promise<void> {
  const folder = await probe.stat(folderOf(a));
  if (folder !== undefined && folder.type !== 'directory') throw new StepError('precondition_failed', `${folderOf(a)} is a ${folder.type}, not a folder`);
  for (const [path] of modes(a).slice(1)) {
    const stat = await probe.stat(path);
    if (stat !== undefined && stat.type !== 'file') throw new StepError('precondition_failed', `${path} is a ${stat.type}, not a regular file`);
    if ((stat?.links ?? 1) > 1) throw new StepError('precondition_failed', `${path} is one of ${String(stat?.links)} names of one file: which others it has cannot be told`);
  }
}

/** What the files should hold. */
async function read(probe: Probe, a: Args): Promise<Wanted> {
  const who = await account(probe, a), folder = folderOf(a), privateKey = `${folder}/${a.key}`;
  await refuseLinks(probe, a);
  if (await probe.stat(privateKey) === undefined) throw new StepError('precondition_failed', `there is no ${privateKey}: restore ${folder} from the backup first; every host of the mesh has the same pair`);
  const publicKey = (await probe.read(['ssh-keygen', '-y', '-f', privateKey])).stdout;
  const asked = a.hosts.filter((host) => !(host in a.hostKeys));
  const keys = parseHostKeys(asked.length === 0 ? '' : (await probe.read(['ssh-keyscan', '-T', '10', '-t', 'rsa,ecdsa', ...asked], { okCodes: [0, 1] })).stdout);
  for (const host of asked) if (!keys.has(host)) throw new StepError('precondition_failed', `${host} shows no key of ssh: is its sshd running, and the name right?`);
  for (const [host, list] of Object.entries(a.hostKeys)) if (a.hosts.includes(host)) keys.set(host, [...list].sort());
  const now = async (name: string): Promise<string> => await probe.readFile(`${folder}/${name}`) ?? '';
  return { ...who, texts: new Map([[`${folder}/authorized_keys`, withAuthorized(await now('authorized_keys'), publicKey)], [`${folder}/known_hosts`, withHostKeys(await now('known_hosts'), keys)]]) };
}

const modes = (a: Args): [string, number][] => [[folderOf(a), 0o700], ...[a.key, 'authorized_keys', 'known_hosts'].map((name): [string, number] => [`${folderOf(a)}/${name}`, 0o600])];

async function stateOfFolder(probe: Probe, a: Args, shell: string): Promise<Found & Json> {
  const files: Record<string, string> = {}, of = await probe.stat(folderOf(a));
  for (const name of await probe.list(folderOf(a))) {
    const path = `${folderOf(a)}/${name}`, stat = await probe.stat(path);
    if (stat?.type === 'file') files[name] = `${octal(stat.mode)} ${String(stat.uid)}:${String(stat.gid)} ${await probe.sha256(path)}`;
  }
  return { shell, folder: { mode: of?.mode ?? 0, uid: of?.uid ?? 0, gid: of?.gid ?? 0 }, files };
}
