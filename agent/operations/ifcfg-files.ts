import { createHash } from 'node:crypto';
import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { readInterfaces, type Interface } from '../facts/network.ts';
import { octal } from '../facts/tree.ts';
import type { FileStat, Host, Probe } from '../host/host.ts';
import { isMadeBySoftware, parseIfcfg, renamed, renamedRoutes, renamedValues, setIfcfg } from '../parse/ifcfg.ts';
import { absolutePath } from './fields.ts';

/** As the kernel takes it (15 bytes at most), with an alias's number. */
export const interfaceName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}(?::\d{1,4})?$/, 'expected the name of a network interface');
const key = z.string().regex(/^[A-Za-z_]\w*$/, 'expected a KEY of an ifcfg file');

/** What net.ifcfg takes, and net.ovs.bridge for the files of its bridge and ports. */
export const ifcfgArgs = z.strictObject({
  from: absolutePath.describe('Folder of the backup with the ifcfg files, .../etc/sysconfig/network-scripts'),
  interfaces: z.array(interfaceName).min(1).describe('Interfaces whose files are taken (ifcfg-, route-, route6-, rule-, rule6-NAME), by their names in the backup'),
  optional: z.array(interfaceName).default([]).describe('Those of them that may have no file: bridges without an address, which Open vSwitch keeps in its own database'),
  nameMap: z.record(interfaceName, interfaceName).default({}).describe('Name in the backup to name on this host, also inside the files; HWADDR becomes that of the interface named'),
  set: z.record(key, z.string().regex(/^[^\n\0]*$/)).default({ NM_CONTROLLED: 'no' }).describe('Keys set in every ifcfg file'),
  drop: z.array(key).default(['UUID']).describe('Keys left out of every ifcfg file'),
});
export type IfcfgArgs = z.infer<typeof ifcfgArgs>;

export const SCRIPTS = '/etc/sysconfig/network-scripts';
const ROUTES = ['route', 'route6', 'rule', 'rule6'] as const;
const FILE_MODE = 0o644;

export interface WantedFile { path: string; content: string }

/** Seconds to read the backup. It may lie on a network that a bridge step has just cut: that must not keep the host from going back. */
const READ_S = 3;

/** The files as this host needs them. Throws StepError precondition_failed for what would not work here, timed_out where the backup does not answer. */
export async function wantedFiles(probe: Probe, args: IfcfgArgs): Promise<WantedFile[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(new StepError('timed_out', `${args.from} cannot be read within ${String(READ_S)} s: is its file system reachable?`)); }, 1000 * READ_S); });
  try { return await Promise.race([readAndFit(probe, args), late]); } finally { clearTimeout(timer); }
}

async function readAndFit(probe: Probe, { from, interfaces, optional, nameMap, set, drop }: IfcfgArgs): Promise<WantedFile[]> {
  if ((await probe.stat(SCRIPTS))?.type !== 'directory') throw new StepError('precondition_failed', `${SCRIPTS} is no folder on this host: are RHEL's network scripts installed?`);
  const here = await readInterfaces(probe), files: WantedFile[] = [];
  for (const name of interfaces) {
    const text = await probe.readFile(`${from}/ifcfg-${name}`);
    if (text === undefined && optional.includes(name)) continue;
    if (text === undefined) throw new StepError('precondition_failed', `there is no ${from}/ifcfg-${name}; there are ${(await probe.list(from)).filter((file) => file.startsWith('ifcfg-')).join(', ') || 'none'}`);
    const target = renamed(name, nameMap), old = parseIfcfg(text), values = renamedValues(old, nameMap);
    const hwaddr = old.get('HWADDR');
    if (!isMadeBySoftware(old)) {
      const real = mustExist(here, name, target, nameMap);
      if (hwaddr !== undefined) values.set('HWADDR', hardwareAddress({ here, name, target, mapped: Object.hasOwn(nameMap, name), hwaddr, real }));
    }
    for (const [one, value] of Object.entries(set)) values.set(one, value);
    files.push({ path: `${SCRIPTS}/ifcfg-${target}`, content: setIfcfg(text, values, drop) });
    for (const kind of ROUTES) {
      const routes = await probe.readFile(`${from}/${kind}-${name}`);
      if (routes !== undefined) files.push({ path: `${SCRIPTS}/${kind}-${target}`, content: renamedRoutes(routes, nameMap) });
    }
  }
  const twice = files.find(({ path }, at) => files.findIndex((other) => other.path === path) !== at);
  if (twice !== undefined) throw new StepError('precondition_failed', `two interfaces would share ${twice.path}`);
  return files;
}

function mustExist(here: Map<string, Interface>, name: string, target: string, nameMap: IfcfgArgs['nameMap']): Interface {
  const real = here.get(target);
  if (real !== undefined) return real;
  const names = [...here.keys()].filter((one) => one !== 'lo').join(', ') || 'none';
  throw new StepError('precondition_failed', `ifcfg-${name} would be for ${target}, which this host has not; it has ${names}${Object.hasOwn(nameMap, name) ? '' : ' (nameMap says which it is here)'}`);
}

/** HWADDR ties a file to one card: ifup refuses it on another. A map says which card is meant; else it must be this one. */
function hardwareAddress({ here, name, target, mapped, hwaddr, real }: { here: Map<string, Interface>; name: string; target: string; mapped: boolean; hwaddr: string; real: Interface }): string {
  if (mapped) return real.mac;
  if (hwaddr.toLowerCase() === real.mac) return hwaddr;
  const owner = [...here].find(([, { mac }]) => mac === hwaddr.toLowerCase())?.[0];
  throw new StepError('precondition_failed', `ifcfg-${name} is tied to ${hwaddr}, ${owner === undefined ? 'which no interface of this host has' : `which is ${owner} here`}; ${target} has ${real.mac}. nameMap says which interface is meant`);
}

/** Each file as it is, for `found`: its hash, mode and owner; null for none. And what differs from what is wanted. */
export async function lookAtFiles(probe: Probe, wanted: WantedFile[]): Promise<{ found: Record<string, string | null>; differences: Difference[] }> {
  const found: Record<string, string | null> = {}, differences: Difference[] = [];
  for (const { path, content } of wanted) {
    const { stat, now, state } = await fileNow(probe, path);
    found[path] = state;
    const want = `file ${octal(FILE_MODE)} 0:0 ${createHash('sha256').update(content).digest('hex')}`;
    if (found[path] !== want) differences.push({ what: path, found: stat === undefined ? 'missing' : now === content ? `${stat.type} ${octal(stat.mode)} ${String(stat.uid)}:${String(stat.gid)}` : unlike(now, content), wanted: stat === undefined || now !== content ? unlike(content, now) : `file ${octal(FILE_MODE)} 0:0` });
  }
  return { found, differences };
}

/** A file as it is: its hash, mode and owner in one text; null for none. */
export async function fileNow(probe: Probe, path: string): Promise<{ stat: FileStat | undefined; now: string; state: string | null }> {
  const stat = await probe.stat(path), now = stat?.type === 'file' ? await probe.readFile(path) ?? '' : '';
  return { stat, now, state: stat === undefined ? null : `${stat.type} ${octal(stat.mode)} ${String(stat.uid)}:${String(stat.gid)} ${createHash('sha256').update(now).digest('hex')}` };
}

/** Lines of one text that the other has not. */
function unlike(text: string, other: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !other.split('\n').includes(line));
  return lines.length === 0 ? 'the same lines in another order or number' : lines.slice(0, 4).join(' | ') + (lines.length > 4 ? ` and ${String(lines.length - 4)} more` : '');
}

/** Every path that these arguments may write: also known when the backup is gone. */
const paths = ({ interfaces, nameMap }: IfcfgArgs): string[] => interfaces.flatMap((name) => ['ifcfg', ...ROUTES].map((kind) => `${SCRIPTS}/${kind}-${renamed(name, nameMap)}`));

const keptPath = async (host: Host): Promise<string> => `${await host.stepFolder()}/ifcfg.json`;

/** What is there now, for the way back, and what is to be written: later the backup may be out of reach. */
export const touchesFiles = (args: IfcfgArgs): { paths: string[] } => ({ paths: [args.from, ...paths(args)] });
export async function saveFiles(host: Host, args: IfcfgArgs): Promise<void> {
  for (const path of paths(args)) await host.save(path);
  await host.writeFile(await keptPath(host), JSON.stringify(await wantedFiles(host, args)), { mode: 0o600 });
}
export async function keptFiles(host: Host): Promise<WantedFile[]> {
  const text = await host.readFile(await keptPath(host));
  if (text === undefined) throw new StepError('precondition_failed', 'the files to be written are not on record');
  return JSON.parse(text) as WantedFile[];
}
export async function restoreFiles(host: Host, args: IfcfgArgs): Promise<void> { for (const path of paths(args)) await host.restore(path); }
export async function writeFiles(host: Host): Promise<void> {
  for (const { path, content } of await keptFiles(host)) await host.writeFile(path, content, { mode: FILE_MODE, uid: 0, gid: 0 });
}
