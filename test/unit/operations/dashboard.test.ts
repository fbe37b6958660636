import { expect, test } from 'vitest';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import { perform } from '../../../agent/perform.ts';
import { recordedHost, recordingSchema, type RecordedHost } from '../recorded-host.ts';

const FROM = '/mnt/backup/c/etc/openstack-dashboard/local_settings', TO = '/etc/openstack-dashboard/local_settings';
const operation = findOperation('django.settings')!;

/** check and apply on a host; what was written, and which commands were started. */
async function merge(old: string, now: string, given: Record<string, unknown>): Promise<{ host: RecordedHost; started: string[][]; told: string }> {
  const host = recordedHost(recordingSchema.parse({ files: { [FROM]: old, [TO]: now }, users: { root: 0 }, groups: { root: 0, apache: 48 } }));
  const started: string[][] = [], events: unknown[] = [];
  const acting = Object.assign(Object.create(host) as RecordedHost, {
    act: async (argv: string[]) => { started.push(argv); return { argv, exitCode: 0, signal: '', stdout: '', stderr: '' }; },
    read: async (argv: string[]) => ({ argv, exitCode: 0, signal: '', stdout: '', stderr: '' }), // Python's own reading: see the transcripts
  });
  const work = { operation, args: operation.args.parse({ from: FROM, to: TO, group: 'apache', ...given }), mode: 'apply' as const, earlier: undefined, revertTo: undefined };
  await perform(work, acting, (event) => { events.push(event); host.mayWrite = event.kind === 'checked'; });
  return { host, started, told: JSON.stringify(events) };
}

test('trap 40: compressed pages are made again when HORIZON_CONFIG changes, and only then', async () => {
  const compress = { manage: '/usr/share/openstack-dashboard/manage.py', names: ['HORIZON_CONFIG'] };
  const changed = await merge("HORIZON_CONFIG = {'help_url': 'http://ours'}\n", "HORIZON_CONFIG = {'help_url': 'http://theirs'}\n", { carry: ['HORIZON_CONFIG'], compress });
  expect(changed.started).toEqual([['python', '/usr/share/openstack-dashboard/manage.py', 'compress', '--force']]);
  const other = await merge("HORIZON_CONFIG = {'a': 1}\nOPENSTACK_HOST = 'ours'\n", "HORIZON_CONFIG = { 'a' : 1 }\nOPENSTACK_HOST = 'theirs'\n", { carry: ['HORIZON_CONFIG', 'OPENSTACK_HOST'], compress });
  expect(other.started).toEqual([]);
  expect(other.host.files.get(TO)?.content).toContain("OPENSTACK_HOST = 'ours'");
});

test('trap 42: SECRET_KEY comes from the old settings and not from a file under /tmp; its value is told nowhere', async () => {
  const now = "LOCAL_PATH = '/tmp'\nSECRET_KEY = secret_key.generate_or_read_from_file(os.path.join(LOCAL_PATH, '.secret_key_store'))\n";
  const { host, told } = await merge("SECRET_KEY = 'PLANTED-key'\n", now, { carry: ['SECRET_KEY'] });
  expect(host.files.get(TO)?.content).toBe("LOCAL_PATH = '/tmp'\nSECRET_KEY = 'PLANTED-key'\n");
  expect(told).not.toContain('PLANTED');
  expect(told).toContain('SECRET_KEY');
});
