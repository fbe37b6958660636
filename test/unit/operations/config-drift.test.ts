import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import { perform } from '../../../agent/perform.ts';
import { parseYaml } from '../../../coordinator/input/document.ts';
import type { Drift } from '../../../agent/parse/drift.ts';
import { effective, groupName, parseIni } from '../../../agent/parse/ini.ts';
import { effectiveIn, placeOf } from '../../../agent/parse/ini-sections.ts';
import { planned, stepOf } from '../errata/real-plan.ts';
import { recordedHost, recordingSchema, type RecordedHost } from '../recorded-host.ts';

const text = readFileSync(join(import.meta.dirname, '../../../runbooks/osp5-to-osp6/drift.yaml'), 'utf8');
const drifts = parse(text) as Record<string, Drift>;
const operation = findOperation('config.migrated')!;

async function migrate(files: Record<string, string>, given: Record<string, unknown>): Promise<{ host: RecordedHost; ended: unknown }> {
  const host = recordedHost(recordingSchema.parse({ files }));
  const work = { operation, args: operation.args.parse({ files: Object.keys(files), ...given }), mode: 'apply' as const, earlier: undefined, revertTo: undefined };
  const ended = await perform(work, host, (event) => { host.mayWrite = event.kind === 'checked'; }).catch((error: unknown) => error);
  return { host, ended };
}
const content = (host: RecordedHost, path: string): string => host.files.get(path)?.content ?? '';

describe('the runbook\'s drift', () => {
  test('is read as runbook data are, fits both operations, and names no section that the service lacks', () => {
    expect(parseYaml('drift.yaml', text).value).toEqual(drifts);
    expect(Object.fromEntries(Object.entries(drifts).map(([name, one]) => [name, [one.moved, one.ignored].map((names) => Object.keys(names).length)]))).toEqual({ keystone: [16, 0], glance: [50, 0], cinder: [0, 0], neutron: [0, 0], nova: [31, 97] });
    for (const [name, drift] of Object.entries(drifts)) {
      for (const one of ['config.migrated', 'config.reviewed']) expect(findOperation(one)?.args.safeParse({ files: ['/etc/x.conf'], drift }).error, name).toBeUndefined();
      const known = drift.sections.map(groupName);
      for (const [from, to] of [...Object.entries(drift.moved), ...Object.entries(drift.ignored)]) for (const place of [from, to]) expect(known, place).toContain(groupName(placeOf(place).section));
      expect(known).not.toContain('upgrade-levels');
    }
  });

  test('the 97 names that nova ignores come to stand under their new ones, each with its value', async () => {
    const names = Object.entries(drifts['nova']?.ignored ?? {});
    const sections = [...new Set(names.map(([from]) => placeOf(from).section))];
    const old = sections.map((section) => `[${section}]\n${names.flatMap(([from], at) => (placeOf(from).section === section ? [`${placeOf(from).key} = value-${String(at)}\n`] : [])).join('')}`).join('\n');
    const { host, ended } = await migrate({ '/etc/nova/nova.conf': old }, { drift: drifts['nova'] });
    expect(ended).toMatchObject({ result: 'changed' });
    const now = parseIni(content(host, '/etc/nova/nova.conf'));
    const wrong = names.filter(([from, to], at) => effective(now, placeOf(to).section, placeOf(to).key) !== `value-${String(at)}` || effective(now, placeOf(from).section, placeOf(from).key) !== undefined);
    // the one whose new name was removed as well is a comment
    expect(wrong.map(([from]) => from)).toEqual(['DEFAULT.libvirt_vif_driver']);
    expect(content(host, '/etc/nova/nova.conf')).toMatch(/^# vif_driver = value-\d+$/m);
  });
});

test('E1, E2: each printed section is an error of the merge, with the right name', async () => {
  for (const section of ['upgrade-levels', 'upgrade levels']) {
    const { ended } = await migrate({ '/etc/nova/nova.conf': `[DEFAULT]\n[${section}]\ncompute = 3.23.1\n` }, { drift: drifts['nova'] });
    expect(ended).toMatchObject({ code: 'precondition_failed', message: expect.stringContaining(`[${section}], so that what it sets is ignored; did you mean [upgrade_levels]?`) as string });
  }
});

test('trap 26: a distribution\'s file that turns notifications off counts, unless the site\'s file says otherwise', async () => {
  const dist = '/usr/share/neutron/neutron-dist.conf', own = '/etc/neutron/neutron.conf', key = 'notify_nova_on_port_status_changes';
  const files = { [dist]: `[DEFAULT]\n${key} = False\n`, [own]: '[DEFAULT]\ncore_plugin = ml2\n' };
  expect(effectiveIn(Object.values(files).map((one) => parseIni(one)), 'DEFAULT', key), 'as restored').toBe('False');
  const { host, ended } = await migrate(files, { readOnly: [dist], drift: drifts['neutron'], set: [{ section: 'DEFAULT', key, value: 'True' }] });
  expect(ended).toMatchObject({ result: 'changed' });
  expect(effectiveIn([dist, own].map((path) => parseIni(content(host, path))), 'DEFAULT', key)).toBe('True');
  expect(content(host, dist)).toBe(files[dist]);
});

test('trap 26: the runbook has them on for the Networking server where the site says nothing, and leaves what it says', async () => {
  const { args } = stepOf(planned(), 'C45.merged'), [dist = '', own = ''] = args['files'] as string[], keys = ['notify_nova_on_port_status_changes', 'notify_nova_on_port_data_changes'];
  const merged = async (site: string): Promise<(string | undefined)[]> => {
    const { host } = await migrate({ [dist]: `[DEFAULT]\n${keys.map((key) => `${key} = False\n`).join('')}`, [own]: `[DEFAULT]\n${site}` }, args);
    return keys.map((key) => effectiveIn([dist, own].map((path) => parseIni(content(host, path))), 'DEFAULT', key));
  };
  expect(await merged('nova_url = http://10.77.0.1:8774/v2\n')).toEqual(['True', 'True']);
  expect(await merged('notify_nova_on_port_status_changes = False\n')).toEqual(['False', 'True']);
});

test('trap 31: the iSCSI helper counts in DEFAULT and in the section of each LVM backend, and in no other', async () => {
  const path = '/etc/cinder/cinder.conf';
  const old = '[DEFAULT]\nenabled_backends = gold,files\niscsi_helper = tgtadm\n[gold]\nvolume_driver = cinder.volume.drivers.lvm.LVMISCSIDriver\n[files]\nvolume_driver = cinder.volume.drivers.nfs.NfsDriver\n';
  const { host } = await migrate({ [path]: old }, { drift: drifts['cinder'], set: [
    { section: 'DEFAULT', key: 'iscsi_helper', value: 'lioadm' },
    { sectionsIn: 'DEFAULT.enabled_backends', where: { key: 'volume_driver', contains: 'LVM', absentToo: true }, key: 'iscsi_helper', value: 'lioadm' },
  ] });
  const now = parseIni(content(host, path));
  expect(['DEFAULT', 'gold', 'files'].map((section) => effective(now, section, 'iscsi_helper'))).toEqual(['lioadm', 'lioadm', undefined]);
});
