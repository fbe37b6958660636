import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { main } from '../../../agent/main.ts';

test('an agent does not start on a key that others may read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-key-')), said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  try {
    for (const name of ['ca.crt', 'agent.crt', 'agent.key']) writeFileSync(join(folder, name), '');
    chmodSync(join(folder, 'agent.key'), 0o644);
    expect(await main(['serve', '--certs', folder, '--state', join(folder, 'state')])).toBe(1);
    expect(said).toHaveBeenCalledWith(`tandem agent: ${join(folder, 'agent.key')} has mode 0644: others may read it; expected 0600`);
  } finally {
    said.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
