import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { commandId } from '../../proto/command.ts';
import { StepError } from '../../proto/errors.ts';
import type { EventKind } from '../../proto/events.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

// A run of three steps, each of which adds a line; imported, it begins and ends with each test of the file.

/** The acts, in order; the agent, over the wire; a coordinator's site. Anew for each test. */
export let effects: string[], agent: AgentHere, site: SiteHere;
/** Texts whose step fails, cannot be looked at, waits, or is found done and cannot be proven: taken out by the test as a person would mend it. */
export const fails = new Set<string>(), blind = new Set<string>(), held = new Map<string, () => void>(), holds = new Set<string>(), unsteady = new Set<string>();

const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string(), secret: z.string().optional() }),
  check: (_probe, { text }) => (blind.has(text) ? Promise.reject(new StepError('command_failed', 'cannot look', { argv: ['look', '--at', text], exitCode: 1, signal: '', stderrTail: '' }))
    : Promise.resolve(finding({ there: effects.includes(text) }, effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }]))),
  async apply(host, { text, secret }) {
    if (holds.has(text)) await new Promise<void>((resolve) => { held.set(text, resolve); });
    if (secret !== undefined) await host.secret(secret);
    if (fails.has(text)) throw new StepError('command_failed', 'it broke');
    effects.push(text);
  },
  verify: (_probe, { text }) => blind.has(`proof of ${text}`) ? Promise.reject(new StepError('command_failed', 'no proof')) : Promise.resolve(finding({}, unsteady.has(text) ? [{ what: text, found: 'unsteady', wanted: 'steady' }] : effects.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }])),
});
export const STEPS = [{ id: 'A1', args: { text: 'a' } }, { id: 'A2', args: { text: 'b' } }, { id: 'A3', args: { text: 'c' } }] as const;
export const run = async (...more: string[]): ReturnType<SiteHere['tandem']> => await site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1', ...more);
export const results = async (): Promise<string[]> => (JSON.parse((await site.tandem('report', '--format', 'json')).out) as { hosts: { steps: { id: string; result: string }[] }[] }).hosts.flatMap(({ steps }) => steps.map(({ id, result }) => `${id} ${result}`));
/** What the proofs of this step found, in order. */
export const verifiedOf = (step: string): boolean[] => [...agent.dispatcher.known('r1')?.commands.values() ?? []].filter(({ accepted }) => accepted.step === step).flatMap(({ verified }) => (verified === undefined ? [] : [verified.satisfied]));

beforeEach(async () => {
  effects = [];
  for (const set of [fails, blind, holds, held, unsteady]) set.clear();
  agent = await startAgent([lineAdded]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
  site.plan([...STEPS]);
});
afterEach(async () => { site.remove(); await agent.remove(); });

/** The agent is started again, with other words for its catalogue where some are given. */
export async function restart(...catalogue: string[]): Promise<void> { agent = await agent.restart(...catalogue); }

/** What a host did of this step in an attempt whose coordinator has died, as its journal has it; then the agent starts again. */
export async function begunElsewhere(step: string, text: string, more: EventKind[] = [], needsSecrets = false): Promise<void> {
  const planDigest = (JSON.parse((await site.tandem('report', '--format', 'json')).out) as { planDigest: string }).planDigest;
  const id = commandId({ run: 'r1', planDigest, step, host: 'h1', mode: 'apply', attempt: 2 }), log = agent.dispatcher.run('r1');
  log.record(id, step, { kind: 'accepted', operation: 'line.added', args: { text }, mode: 'apply', batch: 'one/only/2', timeoutS: 5, attempt: 2, needsSecrets, fence: 1 });
  for (const event of more) log.record(id, step, event);
  await restart();
}
export const INTENT: EventKind = { kind: 'checked', satisfied: false, found: { there: false }, differences: [], reason: '' };
