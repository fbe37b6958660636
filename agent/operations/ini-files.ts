import leven from 'leven';
import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { parseIni, type Ini } from '../parse/ini.ts';

export interface IniFile { path: string; text: string; ini: Ini }

/** Reads a file as its consumer would. Throws StepError precondition_failed where it is missing, damaged or would be refused. */
export async function readIniFile(probe: Probe, path: string): Promise<IniFile> {
  const text = await readText(probe, path);
  return { path, text, ini: parseText(path, text) };
}

export async function readText(probe: Probe, path: string): Promise<string> {
  const text = await probe.readFile(path);
  if (text === undefined) throw new StepError('precondition_failed', `there is no ${path}`);
  if (text.includes('\uFFFD')) throw new StepError('precondition_failed', `${path} is not UTF-8: writing it would damage it`);
  return text;
}

export function parseText(path: string, text: string): Ini {
  try { return parseIni(text); } catch (error) { throw new StepError('precondition_failed', `${path}: ${(error as Error).message}; the service would refuse this file`); }
}

/** Of a file that is edited: what tells that it is as it was. A link is refused, since a new file would take its place. */
export async function stateOf(probe: Probe, path: string): Promise<{ sha256: string; mode: number; owner: string }> {
  const stat = await probe.stat(path);
  if (stat?.type !== 'file') throw new StepError('precondition_failed', `${path} is ${stat === undefined ? 'missing' : `a ${stat.type}`}, not a file: name the file itself`);
  return { sha256: await probe.sha256(path), mode: stat.mode, owner: `${String(stat.uid)}:${String(stat.gid)}` };
}

/** The section with the fewest other letters; marks between words do not count. */
export function nearestSection(section: string, known: readonly string[]): string {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_ .]/g, '');
  return [...known].sort((a, b) => leven(plain(section), plain(a)) - leven(plain(section), plain(b)))[0] ?? '';
}
