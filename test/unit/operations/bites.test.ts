import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { expect, test } from 'vitest';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import { perform } from '../../../agent/perform.ts';
import { recordedHost, recordingSchema, type Entry } from '../recorded-host.ts';

/** A transcript that ends `changed`, and something that breaks the state right after `applied`: verify must see it. */
const file = (content: string, over: Partial<Entry> = {}): Entry => ({ type: 'file', content, mode: 0o640, uid: 163, gid: 163, mtimeS: 0, ...over });

test.each<[string, string, (files: Map<string, Entry>) => void, RegExp]>([
  ['backup.restored', 'changed-merges', (f) => f.set('/etc/keystone/keystone.conf', file('other', { uid: 0 })), /keystone\.conf is file 0640 0:163 /],
  ['backup.restored', 'changed-merges', (f) => f.set('/etc/keystone/a', file('twice', { uid: 0 })), /\/etc\/keystone\/a is file 0640 0:163/],
  ['backup.restored', 'changed-merges', (f) => f.set('/etc/keystone/a', file('twice', { mode: 0o644 })), /\/etc\/keystone\/a is file 0644/],
  ['backup.restored', 'changed-merges', (f) => f.delete('/etc/keystone/b'), /\/etc\/keystone\/b is absent/],
  ['backup.restored', 'changed-merges', (f) => f.set('/etc/keystone/policy.ini', file('', { type: 'symlink', linkTarget: 'elsewhere' })), /policy\.ini is symlink 163:163 elsewhere/],
  ['backup.restored', 'changed-merges', (f) => f.set('/etc/keystone', file('', { type: 'directory', mode: 0o755, uid: 0 })), /\/etc\/keystone is directory 0755/],
  ['backup.restored', 'once-changed', (f) => f.delete('/etc/keystone/.tandem-restored'), /\.tandem-restored is absent/],
  ['file.copied', 'changed', (f) => f.delete('/root/.my.cnf'), /\/root\/\.my\.cnf is missing/],
  ['file.copied', 'changed', (f) => f.set('/root/.my.cnf', file('[client]\nuser=root\n', { mode: 0o644, uid: 0, gid: 0 })), /mode of \/root\/\.my\.cnf is 0644, wanted 0600/],
  ['file.copied', 'changed', (f) => f.set('/root/.my.cnf', file('', { mode: 0o600, uid: 0, gid: 0 })), /sha256 of \/root\/\.my\.cnf/],
  ['file.copied', 'changed', (f) => f.set('/root/.my.cnf', file('[client]\nuser=root\n', { mode: 0o600, uid: 27, gid: 0 })), /owner of \/root\/\.my\.cnf is 27:0, wanted 0:0/],
  ['file.owned', 'changed', (f) => f.set('/var/lib/mysql/ibdata1', file('x', { uid: 0, gid: 27 })), /owner of \/var\/lib\/mysql\/ibdata1 is root:mysql, wanted mysql:mysql/],
  ['file.owned', 'changed', (f) => f.set('/var/lib/mysql/new', file('x', { uid: 0, gid: 0 })), /owner of \/var\/lib\/mysql\/new is root:root/],
  ['ini.set', 'changed', (f) => f.set('/etc/nova/nova.conf', file('[DEFAULT]\n[upgrade-levels]\ncompute = icehouse\n')), /\[upgrade_levels\] compute is absent \(one stands in \[upgrade-levels\], which does not count\)/],
  ['ini.set', 'changed', (f) => f.set('/etc/nova/nova.conf', file('[upgrade_levels]\ncompute = icehouse\ncompute = juno\n')), /\[upgrade_levels\] compute is juno, wanted icehouse/],
  ['ini.set', 'changed', (f) => f.set('/etc/nova/nova.conf', file('[DEFAULT]\ncompute = icehouse\n')), /is absent \(one stands in \[DEFAULT\]/],
  ['rpc.capped', 'changed-printed-text', (f) => f.set('/etc/nova/nova.conf', file('[upgrade-levels]\ncompute = icehouse\n')), /\[upgrade-levels\] in .* is a section that no service reads.*as the service reads it is absent: no cap/],
  ['rpc.capped', 'changed-printed-text', (f) => f.set('/etc/nova/nova.conf', file('[upgrade_levels]\ncompute = icehouse\nconductor = 2.0\n')), /\[upgrade_levels\] conductor in .* is 2\.0, wanted absent/],
  ['rpc.uncapped', 'changed', (f) => f.set('/etc/nova/nova.conf', file('[upgrade_levels]\ncompute = icehouse\n')), /\[upgrade_levels\] compute in .* is icehouse, wanted absent/],
  ['ini.set', 'changed-secret', (f) => f.set('/etc/nova/nova.conf', file('[DEFAULT]\nrabbit_password = PLANTED-other\n')), /rabbit_password is \(secret\), wanted \(secret\), another one/],
])('%s, %s: broken after apply, verify sees it (%#)', async (name, transcript, breakIt, reason) => {
  const text = readFileSync(join(import.meta.dirname, '../../fixtures/transcripts', name, `${transcript}.yaml`), 'utf8');
  const one = parse(text) as Record<string, unknown>;
  const recording = recordingSchema.parse(Object.fromEntries(Object.entries(one).filter(([key]) => key in recordingSchema.shape)));
  const operation = findOperation(name);
  if (operation === undefined) throw new Error(`no ${name}`);
  const host = recordedHost(recording);
  const run = perform({ operation, args: operation.args.parse(one['args']), mode: 'apply', earlier: undefined, revertTo: undefined }, host, (event) => {
    host.mayWrite = event.kind === 'checked';
    if (event.kind === 'applied') breakIt(host.files);
  });
  await expect(run).rejects.toMatchObject({ code: 'verify_failed', message: expect.stringMatching(reason) as string });
});
