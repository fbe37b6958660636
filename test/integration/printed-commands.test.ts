import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { runId, startStepHost, type StepHost } from './step-host.ts';

/**
 * Three commands of the printed procedure exit 0 and do nothing (mission analysis, procedure.md section 0; errata E1, E6, E7).
 * Each is run as printed, on a compute host, and then carried by an operation.
 */
const run = runId('prn');
const BACKUP = '/mnt/backup/compute1.example.test';
/** A stand-in for oslo.config 1.4.0, by its rules for groups: names are lower-cased and nothing else; options by their exact name. */
const readAsNova = (group: string, option: string): string => `python3 - <<'END'
import configparser
conf = configparser.RawConfigParser(strict=False, default_section='-')
conf.optionxform = str
conf.read('/etc/nova/nova.conf')
groups = {}
for name in conf.sections():
    groups.setdefault(name if name == 'DEFAULT' else name.lower(), {}).update(conf.items(name))
print(groups.get('${group}', {}).get('${option}'))
END`;
let host: StepHost;
beforeAll(async () => {
  host = await startStepHost(run, 'compute1');
  // what the packages openstack-nova-compute and libvirt bring: the service's user, and libvirt's folder with its own file
  await host.sh('groupadd -r -g 162 nova; useradd -r -u 162 -g nova -d /var/lib/nova -s /sbin/nologin nova; mkdir /etc/libvirt; echo "# as packaged" >/etc/libvirt/libvirtd.conf');
});
afterAll(() => lab.down(run));

describe('printed commands that succeed and do nothing', () => {
  test('E7: rsync with one argument (N21) lists, restores nothing; backup.restored restores, and its proof fails on what rsync leaves', async () => {
    const args = { backup: BACKUP, host: 'compute1.example.test', paths: ['/etc/nova'], exclude: ['/etc/nova/release'] };
    expect(await host.trySh(`rsync -a ${BACKUP}/etc/nova`)).toMatchObject({ code: 0 });
    expect((await host.trySh('test -e /etc/nova')).code, 'nothing was restored').toBe(1);
    expect(await host.verify('backup.restored', args)).toMatchObject({ satisfied: false, differences: expect.arrayContaining([{ what: '/etc/nova/nova.conf', found: 'absent', wanted: expect.any(String) as string }]) as [] });
    expect(await host.perform('apply', 'backup.restored', args)).toMatchObject({ result: 'changed' });
    expect(await host.sh(`diff -r ${BACKUP}/etc/nova /etc/nova || true`)).toBe(`Only in ${BACKUP}/etc/nova: release`);
    expect(await host.sh("stat -c '%a %U:%G' /etc/nova/nova.conf")).toBe('640 root:nova');
  });

  test('E1: [upgrade-levels] (C53) is written and ignored; ini.set refuses it with the right name, and sets what nova reads', async () => {
    const section = (name: string, knownSections = ['DEFAULT', 'upgrade_levels', 'libvirt']): Record<string, unknown> => ({ file: '/etc/nova/nova.conf', section: name, settings: { compute: 'icehouse' }, knownSections });
    expect(await host.trySh("printf '\\n[upgrade-levels]\\ncompute = 3.23.1\\nconductor = 3.23.1\\n' >>/etc/nova/nova.conf")).toMatchObject({ code: 0 });
    expect(await host.sh(readAsNova('upgrade_levels', 'compute')), 'the cap is not in force').toBe('None');
    expect(await host.verify('ini.set', section('upgrade_levels'))).toMatchObject({
      satisfied: false, differences: [{ what: '[upgrade_levels] compute', found: 'absent (one stands in [upgrade-levels], which does not count)', wanted: 'icehouse' }],
    });
    const before = await host.sh('sha256sum /etc/nova/nova.conf');
    for (const name of ['upgrade-levels', 'upgrade levels']) {
      expect(await host.perform('apply', 'ini.set', section(name))).toMatchObject({ code: 'invalid_args', reason: expect.stringContaining(`nothing reads section [${name}]: a value there would be written and ignored; did you mean [upgrade_levels]?`) as string });
    }
    expect(await host.sh('sha256sum /etc/nova/nova.conf'), 'refused before anything was written').toBe(before);
    expect(await host.perform('apply', 'ini.set', section('upgrade_levels'))).toMatchObject({ result: 'changed' });
    expect(await host.sh(readAsNova('upgrade_levels', 'compute'))).toBe('icehouse');
  });

  test('E6: cp to /etc/libvirtd.conf (N9), a path nobody reads; file.copied refuses it, and copies to where libvirt reads', async () => {
    const from = `${BACKUP}/etc/libvirt/libvirtd.conf`, consumer = '/etc/libvirt/libvirtd.conf';
    expect(await host.trySh(`cp ${from} /etc/libvirtd.conf`)).toMatchObject({ code: 0 });
    expect(await host.sh(`cat ${consumer}`), 'what libvirt reads is as before').toBe('# as packaged');
    expect(await host.verify('file.copied', { from, to: consumer, consumer })).toMatchObject({ satisfied: false, differences: [{ what: `sha256 of ${consumer}` }] });
    await host.sh('rm /etc/libvirtd.conf');
    expect(await host.perform('apply', 'file.copied', { from, to: '/etc/libvirtd.conf', consumer }))
      .toMatchObject({ code: 'invalid_args', reason: expect.stringContaining(`the copy would go to /etc/libvirtd.conf, but what reads it reads ${consumer}: it would succeed and do nothing`) as string });
    expect((await host.trySh('test -e /etc/libvirtd.conf')).code, 'refused before anything was copied').toBe(1);
    expect(await host.perform('apply', 'file.copied', { from, to: consumer, consumer })).toMatchObject({ result: 'changed' });
    expect(await host.sh(`cmp ${from} ${consumer} && echo same`)).toBe('same');
  });
});
