import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCutOffHost, type CutOffHost } from './cut-off.ts';
import { resultsOf } from './lab-site.ts';
import { runId } from './step-host.ts';

/** The agent dies with the host in the middle of its step; the coordinator dials again, and the stage goes on after the boot. */
const id = runId('rb');
let host: CutOffHost;
beforeAll(async () => { host = await startCutOffHost(id); });
afterAll(() => host.site.down());

test('the host reboots in the middle of a stage, and the stage goes on after the boot; a new run has nothing to do', async () => {
  await host.change('host.rebooted', { label: 'first' });
  const before = await host.sh('stat -c %Y /proc/1; cut -d" " -f22 /proc/1/stat');
  // Longer than any patience for a broken link: the step says how long its host may be away.
  const ran = await host.site.tandem('run', '--run-id', 'boots', '--patience', '1');
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  host.restarted();
  expect(await host.sh('stat -c %Y /proc/1; cut -d" " -f22 /proc/1/stat'), 'another life').not.toBe(before);
  expect(resultsOf(await host.site.report('boots'), 'one')).toMatchObject({ F2: 'changed', F3: 'changed' });
  expect(await host.sh('test -e /root/after && systemctl is-active multi-user.target')).toBe('active');
  expect(await host.site.tandem('run', '--run-id', 'again')).toMatchObject({ code: 0 });
  expect(resultsOf(await host.site.report('again'), 'one')).toMatchObject({ F2: 'unchanged', F3: 'unchanged' });
});
