import { expect } from 'vitest';
import type { Difference } from '../../proto/events.ts';
import { foundBy, type Args, type StepHost } from './step-host.ts';

/** A state broken by hand after apply: verify must find exactly this, and apply must cure it (or `mend` does). */
export interface Break { by: string; finds: { what: unknown; found: unknown; wanted: unknown }[]; mend?: string }
export interface Proof {
  operation: string;
  args: Args;
  /** Shell commands that look past the product, and what they print once the step is done. Before, they print something else. */
  looks: Record<string, string | RegExp>;
  breaks: [Break, ...Break[]];
  /** Whether it can be undone: then each look prints afterwards what it printed before. */
  reverts: boolean;
}

const phases = ['checked', 'applied', 'verified'];

/**
 * One operation on a real host: a dry run would change it and writes nothing; changed, seen by another path, unchanged the second time; each break found by verify,
 * and cured; undone. Ends with the step done, or undone where it can be.
 */
export async function prove(host: StepHost, { operation, args, looks, breaks, reverts }: Proof): Promise<void> {
  const before = await lookAll(host, looks);
  const written = await host.writtenDuring(async () => { expect(await host.perform('check', operation, args), 'dry run').toMatchObject({ result: 'would_change' }); });
  expect(written, 'written by a dry run').toEqual([]);
  const first = await host.perform('apply', operation, args);
  expect(first, 'first apply').toMatchObject({ result: 'changed' });
  expect(first.events.map(({ kind }) => kind).filter((kind) => phases.includes(kind))).toEqual(phases);
  await expectLooks(host, looks);
  for (const [look, printed] of Object.entries(before)) expect(await host.trySh(look), `${look} tells before from after`).not.toMatchObject({ printed });
  expect(await host.perform('apply', operation, args), 'second apply').toMatchObject({ result: 'unchanged' });
  expect(await host.verify(operation, args), 'verify of the whole state').toMatchObject({ satisfied: true, differences: [] });
  for (const { by, finds, mend } of breaks) {
    await host.sh(by);
    expect(await host.verify(operation, args), by).toMatchObject({ satisfied: false, differences: finds as Difference[] });
    // a cure is a step of its own: what the first step kept for its revert stays as it is
    if (mend === undefined) expect(await host.perform('apply', operation, args, { as: `${operation}-cure` }), `apply after ${by}`).toMatchObject({ result: 'changed' });
    else await host.sh(mend);
  }
  await expectLooks(host, looks);
  if (!reverts) return;
  expect(await host.perform('revert', operation, args, { revertTo: foundBy(first) }), 'revert').toMatchObject({ result: 'reverted' });
  // what follows a unit (PartOf=) stops a moment after it
  await expect.poll(() => lookAll(host, looks), { message: 'looks after revert', timeout: 10_000, interval: 500 }).toEqual(before);
}

/** An assertion on a real host: holds, fails with exactly this finding once broken by hand, holds again when mended. */
export async function proveAssertion(host: StepHost, operation: string, args: Args, breaks: [Required<Break>, ...Required<Break>[]]): Promise<void> {
  expect(await host.perform('apply', operation, args), 'holds').toMatchObject({ result: 'unchanged' });
  for (const { by, finds, mend } of breaks) {
    await host.sh(by);
    const failed = await host.perform('apply', operation, args);
    expect(failed, by).toMatchObject({ code: 'verify_failed' });
    expect(failed.events.find(({ kind }) => kind === 'checked'), by).toMatchObject({ satisfied: false, differences: finds });
    await host.sh(mend);
    expect(await host.perform('apply', operation, args), mend).toMatchObject({ result: 'unchanged' });
  }
}

async function lookAll(host: StepHost, looks: Proof['looks']): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  for (const look of Object.keys(looks)) seen[look] = (await host.trySh(look)).printed;
  return seen;
}

async function expectLooks(host: StepHost, looks: Proof['looks']): Promise<void> {
  for (const [look, wanted] of Object.entries(looks)) {
    const { printed } = await host.trySh(look);
    if (typeof wanted === 'string') expect(printed, look).toBe(wanted);
    else expect(printed, look).toMatch(wanted);
  }
}
