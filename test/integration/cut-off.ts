import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import type { Event } from '../../proto/events.ts';
import * as lab from '../lab/lab.ts';
import { startLabSite, until, type LabSite, type Started } from './lab-site.ts';

/**
 * One host on which a change may cut the link, with real processes and a real cable. Its stage has three steps: F1 waits for a
 * gate, where a test wants to come before the change; F2 is the change; F3 is what comes after.
 */
export interface CutOffHost {
  site: LabSite;
  sh(command: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
  /** From now on F2 is this; planned. */
  change(operation: string, args: Record<string, unknown>): Promise<void>;
  /** Begins a run, lets `before` come between F1 and F2, then opens the gate. The whole stage is streamed ahead by then. */
  beginAtGate(run: string, before?: (started: Started) => Promise<unknown>): Promise<Started>;
  journal(run: string): Promise<Event[]>;
  /** Waits for an event of F2. */
  awaitEvent(run: string, kind: Event['kind']): Promise<void>;
  /** Whether a new connection to the agent is taken. */
  reachable(): Promise<boolean>;
  /** The host has gone back by itself within the time and is reachable; what came after was not begun, and the journal says why. */
  expectBack(run: string, reason: string, withinMs: number): Promise<void>;
  /** The host was restarted: commands go to a new shell. */
  restarted(): void;
}

export async function startCutOffHost(id: string, role = 'plain'): Promise<CutOffHost> {
  const host = 'one', site = await startLabSite(id, `${host}=${role}`), folder = join(site.folder, 'cut-off');
  const sh = (command: string): Promise<string> => site.sh(host, command);
  const journal = async (run: string): Promise<Event[]> => (await sh(`cat /var/lib/tandem/runs/${run}/journal.jsonl 2>/dev/null || true`)).split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { at: Event }).at);
  const eventsOf = async (run: string, step: string): Promise<Event[]> => (await journal(run)).filter((event) => event.step === step);
  const has = async (run: string, step: string, kind: Event['kind']): Promise<boolean> => (await eventsOf(run, step)).some((event) => event.kind === kind);
  const reachable = async (): Promise<boolean> => (await lab.net(id, ['timeout', '1', 'bash', '-c', 'exec 3<>/dev/tcp/10.77.0.1/7443'])).code === 0;
  await sh(`printf '[Service]\\nExecStartPre=/bin/sh -c "until [ -e /root/gate ]; do sleep 0.1; done"\\nExecStart=/bin/sleep 1000000\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/gate.service; systemctl daemon-reload; touch /root/gate /root/before`);
  return {
    site, sh, journal, reachable,
    async write(path, text) { expect(await lab.exec(id, host, ['sh', '-c', `cat >${path}`], { input: text })).toMatchObject({ code: 0 }); },
    async change(operation, args) {
      const step = (id: string, title: string, operation: string, given: Record<string, unknown>): Record<string, unknown> => ({ id, title, operation, with: given });
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'runbook.yaml'), stringify({ tandem: 1, name: 'cut-off', title: 'A change that may cut the host off', roles: { [role]: { min: 1 } }, phases: ['phase.yaml'] }));
      writeFileSync(join(folder, 'phase.yaml'), stringify({ phase: 'cut-off', title: 'A change that may cut the host off', stages: [{ stage: 'cut-off', on: role, strategy: 'serial', steps: [
        step('F1', 'A unit that waits for a gate', 'service.running', { units: ['gate'], stableForS: 0 }), step('F2', 'The change', operation, args),
        step('F3', 'What comes after', 'file.copied', { from: '/root/before', to: '/root/after' }),
      ] }] }));
      site.useRunbook(folder);
      await site.must('plan');
    },
    async beginAtGate(run, before = async () => undefined) {
      await sh('systemctl stop gate; rm -f /root/gate');
      const started = site.begin('run', '--run-id', run);
      await until('the whole stage is there and F1 in hand', async () => (await journal(run)).filter(({ kind }) => kind === 'accepted').length === 3 && await has(run, 'F1', 'checked'));
      await before(started);
      await sh('touch /root/gate');
      return started;
    },
    async awaitEvent(run, kind) { 
      await until(`${kind} of F2`, async () => (await has(run, 'F2', kind)) || await has(run, 'F2', 'finished'));
      expect((await eventsOf(run, 'F2')).map((event) => event.kind)).toContain(kind);
    },
    async expectBack(run, reason, withinMs) {
      await until('the host is back', async () => (await has(run, 'F2', 'finished')) && await reachable());
      await until('what came after is skipped', async () => await has(run, 'F3', 'finished'));
      const events = await eventsOf(run, 'F2'), armed = events.find(({ kind }) => kind === 'armed')!, finished = events.find(({ kind }) => kind === 'finished')!;
      expect(finished).toMatchObject({ result: 'reverted', reason: `${reason}; the host is back in the state found before` });
      expect(finished.timeMs - armed.timeMs, 'time cut off at most').toBeLessThan(withinMs);
      expect((await eventsOf(run, 'F3')).find(({ kind }) => kind === 'finished')).toMatchObject({ result: 'skipped', reason: 'F2 before it ended as reverted' });
      expect(await sh('test -e /root/after || echo none')).toBe('none');
    },
    restarted() { site.anew(host); },
  };
}
