import { createHash } from 'node:crypto';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import type { Finding } from '../../../agent/operations/operation.ts';
import { perform } from '../../../agent/perform.ts';
import { StepError } from '../../../proto/errors.ts';
import { recordedHost, recordingSchema, type RecordedHost } from '../recorded-host.ts';

const sum = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface Kept { path: string; content?: string; mode?: string; owner?: string; group?: string; uid?: number; gid?: number }

/** A backup of one host as the capture script leaves it: copies of the files, folders as far as needed, the manifest and its checksum. */
export function backupOf(folder: string, host: string, entries: Kept[], mode: 'hot' | 'cold' = 'cold'): Record<string, object | string> {
  const lines = entries.map(({ path, content, mode: bits = content === undefined ? '0755' : '0640', owner = 'root', group = 'root', uid = 0, gid = 0 }) =>
    [content === undefined ? 'd' : 'f', bits, uid, gid, owner, group, content?.length ?? 0, 8, 1_400_000_000, content === undefined ? '-' : sum(content), '-', '-', path, '-'].join('\t')).sort((a, b) => (a.split('\t')[12]! < b.split('\t')[12]! ? -1 : 1));
  const manifest = `#tandem-manifest 1\n#host\t${host}\n#captured\t2026-01-02T03:04:05Z\n#mode\t${mode}\n#root\t/\n${lines.map((line) => `${line}\n`).join('')}#end\t${String(lines.length)}\n`;
  return {
    [`${folder}/manifest.tsv`]: manifest, [`${folder}/manifest.tsv.sha256`]: `${sum(manifest)}  manifest.tsv\n`,
    ...Object.fromEntries(entries.map(({ path, content, mode: bits, uid = 0, gid = 0 }) => [folder + path, content === undefined ? { type: 'directory', mode: bits ?? '0755', uid, gid } : { content, mode: bits ?? '0640', uid, gid }])),
  };
}

export type Recording = Parameters<typeof recordingSchema.parse>[0];
export interface Ended { result?: string; code?: string; reason: string; host: RecordedHost }

/** One step on a recorded host, from look to proof, as the agent carries it. */
export async function carry(operation: string, args: unknown, recording: Recording, mode: 'apply' | 'check' = 'apply'): Promise<Ended> {
  const found = findOperation(operation)!, host = recordedHost(recordingSchema.parse(recording));
  const work = { operation: found, args: found.args.parse(args), mode, earlier: undefined, revertTo: undefined };
  try {
    return { ...await perform(work, host, ({ kind }) => { host.mayWrite = kind === 'checked'; }), host };
  } catch (error) {
    if (!(error instanceof StepError) || host.complaints.length > 0) throw error;
    return { code: error.code, reason: error.message, host };
  }
}

/** One look, with everything that it found. */
export async function look(operation: string, args: unknown, recording: Recording): Promise<Finding> {
  const found = findOperation(operation)!;
  return await found.check(recordedHost(recordingSchema.parse(recording)), found.args.parse(args));
}
