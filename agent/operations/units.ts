import * as z from 'zod';
import type { Json } from '../../proto/events.ts';
import { isRunning, readUnits, unitName, type UnitState } from '../facts/units.ts';
import type { Host, Probe } from '../host/host.ts';

/** What the service operations share: how units are named, what is kept of their state, how that state comes back. */
export const unitNames = z.array(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$/, 'expected a unit name such as openvswitch or openvswitch.service'))
  .min(1).describe('Units by name; without a suffix, .service is meant.');

/** Loaded, running, enabled: what `revert` needs, and nothing that changes from look to look. */
export type FoundUnits = Record<string, { load: string; running: boolean; enabled: string }>;

export const touchesUnits = (args: { units: string[] }): { units: string[] } => ({ units: args.units.map(unitName) });
export const looksAtUnits = (args: { units: string[] }): { sight: 'units'; names: string[] } => ({ sight: 'units', names: args.units.map(unitName) });

export async function lookAtUnits(probe: Probe, units: string[]): Promise<{ states: Map<string, UnitState>; found: FoundUnits }> {
  const states = await readUnits(probe, units);
  const found = Object.fromEntries([...states].map(([name, unit]) => [name, { load: unit.load, running: isRunning(unit), enabled: unit.enabled }]));
  return { states, found };
}

/** A state in systemd's words: `active (running)`, `not-found`. */
export const wordsOf = (unit: UnitState): string => (unit.load === 'loaded' ? `${unit.active} (${unit.sub})` : unit.load);

export const listOf = (units: string[]): string => units.map(unitName).join(', ');

/** Starts nothing for an empty list. */
export async function systemctl(host: Host, verb: 'enable' | 'disable' | 'start' | 'stop' | 'mask' | 'unmask', units: string[]): Promise<void> {
  if (units.length > 0) await host.act(['systemctl', verb, ...units]);
}

/** Brings each unit back to what `found` says: masked or not, enabled or not, running or not. */
export async function restoreUnits(host: Host, args: { units: string[] }, wanted: Json): Promise<void> {
  const before = wanted as FoundUnits;
  type Change = (was: FoundUnits[string], is: FoundUnits[string]) => boolean;
  const pick = (now: FoundUnits, change: Change): string[] => Object.keys(now).filter((name) => {
    const was = before[name], is = now[name];
    return was !== undefined && is !== undefined && change(was, is);
  });
  const look = async (): Promise<FoundUnits> => (await lookAtUnits(host, args.units)).found;
  const masked = pick(await look(), (was, is) => was.load !== 'masked' && is.load === 'masked');
  await systemctl(host, 'unmask', masked);
  const now = await look();
  await systemctl(host, 'stop', pick(now, (was, is) => !was.running && is.running));
  await systemctl(host, 'disable', pick(now, (was, is) => was.enabled === 'disabled' && is.enabled === 'enabled'));
  await systemctl(host, 'enable', pick(now, (was, is) => was.enabled === 'enabled' && is.enabled === 'disabled'));
  await systemctl(host, 'start', pick(now, (was, is) => was.running && !is.running));
}
