import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const unit = readFileSync(new URL('../../../packaging/systemd/tandem-agent.service', import.meta.url), 'utf8');

/** Directives that may be used, out of src/core/load-fragment-gperf.gperf.m4 and src/shared/install.c of systemd 208. */
const SYSTEMD_208: Record<string, string[]> = {
  Unit: ['Description', 'Documentation', 'After', 'Before', 'Wants', 'Requires', 'Conflicts', 'ConditionPathExists', 'RequiresMountsFor'],
  Service: ['Type', 'ExecStart', 'ExecStartPre', 'ExecReload', 'ExecStop', 'Restart', 'RestartSec', 'TimeoutStartSec', 'TimeoutStopSec', 'StartLimitInterval',
    'StartLimitBurst', 'KillMode', 'KillSignal', 'SendSIGKILL', 'User', 'Group', 'UMask', 'Environment', 'EnvironmentFile', 'WorkingDirectory', 'LimitNOFILE',
    'LimitCORE', 'Nice', 'OOMScoreAdjust', 'StandardOutput', 'StandardError', 'SyslogIdentifier', 'WatchdogSec', 'NotifyAccess'],
  Install: ['WantedBy', 'RequiredBy', 'Also', 'Alias'],
};

function directives(text: string): [section: string, name: string, value: string][] {
  let section = '';
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).flatMap((line) => {
    const head = /^\[(\w+)\]$/.exec(line)?.[1];
    if (head !== undefined) { section = head; return []; }
    const cut = line.indexOf('=');
    return [[section, line.slice(0, cut), line.slice(cut + 1)] as [string, string, string]];
  });
}

test('the unit uses nothing newer than systemd 208', () => {
  expect(directives(unit).filter(([section, name]) => SYSTEMD_208[section]?.includes(name) !== true)).toEqual([]);
  expect(directives(unit).length).toBeGreaterThan(5);
});

const service = Object.fromEntries(directives(unit).filter(([section]) => section === 'Service').map(([, name, value]) => [name, value]));

test('systemd waits for the agent to be ready and watches it; its memory, which may hold a secret, goes into no core', () => {
  expect(service).toMatchObject({ Type: 'notify', WatchdogSec: '120', NotifyAccess: 'all', LimitCORE: '0' });
});

test('the settings that come with it are those that the unit has without them', () => {
  const settings = readFileSync(new URL('../../../packaging/systemd/agent.env', import.meta.url), 'utf8');
  const listen = settings.split('\n').find((line) => line.startsWith('TANDEM_LISTEN='));
  expect(service).toMatchObject({ Environment: listen, EnvironmentFile: '-/etc/tandem/agent.env', ExecStart: expect.stringContaining('--listen ${TANDEM_LISTEN}') as string });
});

test('a restart of the agent kills nothing that the agent started, and it always comes back', () => {
  expect(service).toMatchObject({ KillMode: 'process', Restart: 'always', StartLimitInterval: '0' });
});
