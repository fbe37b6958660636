import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { holdAlone } from '../../../agent/host/alone.ts';

test('one agent a state folder; what a killed one left behind keeps nobody out', async () => {
  const state = mkdtempSync(join(tmpdir(), 'alone-'));
  try {
    const first = await holdAlone(state);
    await expect(holdAlone(state)).rejects.toThrow(`another agent works on ${state}`);
    await new Promise<void>((resolve) => { first.close(resolve); });
    writeFileSync(join(state, 'agent.sock'), '');
    (await holdAlone(state)).close();
    const inOneMoment = await Promise.allSettled([1, 2, 3].map(async () => await holdAlone(state)));
    expect(inOneMoment.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  } finally { rmSync(state, { recursive: true, force: true }); }
});
