import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import type { Host, Probe } from '../host/host.ts';
import { pause, refusal } from './acts.ts';
import { named, readServer, type Server } from './servers.ts';
import { sameHost } from './services.ts';
import type { Cloud } from './session.ts';

/** A volume as an administrator sees it. */
export interface Volume { id: string; status: string; attachments: { server_id: string; device: string | null }[]; 'os-vol-host-attr:host': string | null }

const attachment = z.strictObject({ volume: z.string(), server: z.string(), device: z.string().nullable() });
/** One volume at one instance. */
export type Attachment = z.infer<typeof attachment>;
const record = z.strictObject({ attachments: z.array(attachment) });

export const keyOf = (one: Attachment): string => `volume ${one.volume} at instance ${one.server}`;

/** The attachments that were kept in a file; undefined for no file. Throws StepError precondition_failed for one of another form. */
export async function readRecord(probe: Probe, path: string): Promise<Attachment[] | undefined> {
  const text = await probe.readFile(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try { value = JSON.parse(text); } catch { value = undefined; } // said below
  const parsed = record.safeParse(value);
  if (!parsed.success) throw new StepError('precondition_failed', `${path} is no record of attachments`);
  return parsed.data.attachments;
}

/** Adds to the record, never takes away: a second try finds what the first one detached no more. */
export async function keepRecord(host: Host, path: string, more: Attachment[]): Promise<void> {
  const all = new Map([...await readRecord(host, path) ?? [], ...more].map((one) => [keyOf(one), one]));
  await host.writeFile(path, `${JSON.stringify({ attachments: [...all.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) }, undefined, 1)}\n`, { mode: 0o600, uid: 0, gid: 0 });
}

/** Whether a volume is on one of these hosts; a pool behind the name does not count, since one release adds it. */
export const isOn = (volume: Volume, hosts: string[]): boolean => hosts.some((one) => sameHost((volume['os-vol-host-attr:host'] ?? '').replace(/#.*$/, ''), one));

export const readVolumes = (cloud: Cloud, type: string): Promise<Volume[]> => cloud.list<Volume>(type, '/volumes/detail?all_tenants=1', 'volumes');
export const attachmentsOf = (volumes: Volume[]): Attachment[] => volumes.flatMap((one) => one.attachments.map((at) => ({ volume: one.id, server: at.server_id, device: at.device })));

/** Which of the attachments are not there, with what is instead. */
export function missing(wanted: Attachment[], volumes: Volume[]): Difference[] {
  const there = new Set(attachmentsOf(volumes.filter((one) => one.status === 'in-use')).map(keyOf));
  const stateOf = new Map(volumes.map((one) => [one.id, one.status]));
  return wanted.filter((one) => !there.has(keyOf(one))).map((one) => ({ what: keyOf(one), found: stateOf.get(one.volume) ?? 'no such volume', wanted: `attached${one.device === null ? '' : ` as ${one.device}`}` }));
}

/** Why a volume may not be taken from an instance. */
export function keeps(server: Server & { image?: unknown }, one: Attachment, fromRunning: boolean): string | undefined {
  if (server.image === '' && /^(?:\/dev\/)?(?:x?v|s|h)da$/.test(one.device ?? '')) return `it is the root disk of ${named(server)}: that instance is shut down and treated apart`;
  return fromRunning || server.status === 'SHUTOFF' ? undefined : `${named(server)} is ${server.status}: the guest may be writing; shut it down, or have it unmounted and allow it (fromRunning)`;
}

/** Takes volumes from their instances, one after the other. Gives what stands in the way; each is tried. */
export async function detach(host: Host, cloud: Cloud, type: string, all: Attachment[], deadlineS: number, fromRunning: boolean): Promise<string[]> {
  const problems: string[] = [];
  for (const one of all) {
    const server = await readServer(cloud, one.server);
    const why = server === undefined ? 'the instance is not there: reset the volume by hand' : keeps(server, one, fromRunning);
    if (why !== undefined) { problems.push(`${keyOf(one)}: ${why}`); continue; }
    host.progress(`detaching ${keyOf(one)}`);
    const answer = await cloud.act(host, 'compute', 'DELETE', `/servers/${one.server}/os-volume_attachments/${one.volume}`);
    if (answer.status !== 202) { problems.push(refusal('compute', `the detaching of ${keyOf(one)}`, answer).message); continue; }
    const status = await waitFor(cloud, type, one.volume, 'available', deadlineS);
    if (status !== 'available') problems.push(`${keyOf(one)}: detaching was accepted, and the volume is ${status} ${deadlineS} s later`);
  }
  return problems;
}

/** Gives volumes back to their instances; as `detach`. */
export async function attach(host: Host, cloud: Cloud, type: string, all: Attachment[], deadlineS: number): Promise<string[]> {
  const problems: string[] = [];
  for (const one of all) {
    host.progress(`attaching ${keyOf(one)}`);
    const answer = await cloud.act(host, 'compute', 'POST', `/servers/${one.server}/os-volume_attachments`, { volumeAttachment: { volumeId: one.volume, device: one.device } });
    if (answer.status !== 200) { problems.push(refusal('compute', `the attaching of ${keyOf(one)}`, answer).message); continue; }
    const status = await waitFor(cloud, type, one.volume, 'in-use', deadlineS);
    if (status !== 'in-use') problems.push(`${keyOf(one)}: attaching was accepted, and the volume is ${status} ${deadlineS} s later`);
  }
  return problems;
}

async function waitFor(cloud: Cloud, type: string, id: string, wanted: string, deadlineS: number): Promise<string> {
  for (const untilMs = performance.now() + deadlineS * 1000; ;) {
    const { volume } = await cloud.get<{ volume: Volume }>(type, `/volumes/${id}`);
    if (volume.status === wanted || performance.now() >= untilMs) return volume.status;
    await pause();
  }
}
