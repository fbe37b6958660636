import { createHash } from 'node:crypto';
import { StepError } from '../../proto/errors.ts';
import type { Json } from '../../proto/events.ts';
import { FAMILIES, type Family } from '../facts/firewall.ts';
import type { Host, Probe } from '../host/host.ts';
import { parseRules, render, type RuleSet } from '../parse/iptables-save.ts';

/** Rules that firewall.replaced keeps in the step's folder: `before`, those that ran; `wanted`, those to be loaded. */
export type Kept = 'before' | 'wanted';
const liveText = async (probe: Probe, family: Family): Promise<string> => (await probe.read([`${FAMILIES[family].tool}-save`])).stdout;
export const keptPath = async (host: Host, family: Family, what: Kept): Promise<string> => `${await host.stepFolder()}/${FAMILIES[family].tool}.${what}`;

/** In one load, tables that the kernel has and these rules do not emptied. */
export async function loadRules(host: Host, family: Family, text: string): Promise<void> {
  await host.act([`${FAMILIES[family].tool}-restore`], { stdin: text + emptied(parseRules(text), parseRules(await liveText(host, family))) });
}

export async function keptText(host: Host, family: Family, what: Kept): Promise<string> {
  const text = await host.readFile(await keptPath(host, family, what));
  if (text === undefined) throw new StepError('precondition_failed', what === 'before' ? 'the rules that were loaded before are not on record' : 'the rules to be loaded are not on record');
  return text;
}

/** Hashes of what runs, in its canonical text, and of what the next start reads. */
export async function stateOf(probe: Probe, family: Family, live: string): Promise<Json> {
  const text = await probe.readFile(FAMILIES[family].file), stat = await probe.stat(FAMILIES[family].file);
  return { live: hash(live), file: text === undefined ? null : hash(text), mode: stat?.mode ?? null };
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A second call keeps the first copy: after an interruption the rules loaded now may be the new ones. */
export async function keepLive(host: Host, family: Family): Promise<void> {
  const path = await keptPath(host, family, 'before');
  if (await host.stat(path) === undefined) await host.writeFile(path, await liveText(host, family), { mode: 0o600 });
}

/** Tables that the kernel has and the new rules do not: loaded empty, as they would be after a reboot. */
function emptied(want: RuleSet, live: RuleSet): string {
  const others = live.tables.filter(({ name }) => !want.tables.some((table) => table.name === name));
  return others.length === 0 ? '' : render({ tables: others.map(({ name }) => ({ name, chains: [], rules: [] })) }, 'tables without rules');
}
