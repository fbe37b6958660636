import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Ran } from '../../../agent/host/host.ts';
import { notifySystemd } from '../../../agent/host/notify.ts';

/** The way by descriptor 900 is proven on lab hosts: test/rpm/watchdog-test. Here there is no such descriptor. */
const said: { argv: string[]; socket: string | undefined }[] = [];
const host = async () => ({
  act: async (argv: string[], options?: { env?: Record<string, string> }): Promise<Ran> => {
    said.push({ argv, socket: options?.env?.['NOTIFY_SOCKET'] });
    return { argv, exitCode: 0, signal: '', stdout: '', stderr: '' };
  },
});
beforeEach(() => { said.length = 0; vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

test('an agent that systemd did not start tells nobody', async () => {
  expect(await notifySystemd({}, host)).toBe('none');
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(said).toEqual([]);
});

test('without the stub, systemd-notify speaks for it; what may have been lost is said again, four times a period', async () => {
  expect(await notifySystemd({ NOTIFY_SOCKET: '@/notify', WATCHDOG_USEC: '120000000' }, host)).toBe('command');
  expect(said).toEqual([{ argv: ['systemd-notify', `--pid=${process.pid}`, 'READY=1'], socket: '@/notify' }]);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(said.slice(1).map(({ argv }) => argv.slice(2))).toEqual(Array.from({ length: 4 }, () => ['READY=1', 'WATCHDOG=1']));
});

test('a unit without a watchdog gets no beats, and a failing command does not end the agent', async () => {
  const complaint = vi.spyOn(console, 'error').mockReturnValue(undefined);
  await notifySystemd({ NOTIFY_SOCKET: '/run/systemd/notify' }, () => Promise.reject(new Error('no systemd-notify')));
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(complaint.mock.calls).toEqual([['systemd was not told: no systemd-notify']]);
  complaint.mockRestore();
});
