import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRunningLio } from '../../../agent/facts/lio.ts';
import { forgotten, unsaved } from '../../../agent/facts/lio-compare.ts';
import { login, parseSaveconfig, portal, type Lio } from '../../../agent/parse/saveconfig.ts';
import { recordedHost, recordingSchema } from '../recorded-host.ts';

const iqn = 'iqn.2010-10.org.openstack:volume-1', host = 'iqn.1994-05.com.redhat:compute1';

/** By hand, with the keys that dump() of rtslib-fb 2.1.fb46 (RHEL 7) writes; later releases add alua_tpgs, alias, offload and more. */
const rhel7 = (tpg: Record<string, unknown> = {}): string => JSON.stringify({
  fabric_modules: [{ name: 'iscsi', discovery_enable_auth: true, discovery_userid: 'd', discovery_password: 'discover-Me-1' }],
  storage_objects: [
    { attributes: { block_size: 512 }, dev: '/dev/cinder-volumes/volume-1', name: 'volume-1', plugin: 'block', readonly: false, write_back: false, wwn: '9ea6da68' },
    { attributes: {}, name: 'ram0', nullio: true, plugin: 'ramdisk', size: 8589934592, wwn: 'abc' },
    { dev: '/dev/sg1', name: 'tape', plugin: 'pscsi' }],
  targets: [{ fabric: 'iscsi', wwn: iqn, tpgs: [{
    attributes: { authentication: 0, generate_node_acls: 1 }, enable: true, luns: [{ index: 0, storage_object: '/backstores/block/volume-1' }],
    node_acls: [{ node_wwn: host, chap_userid: 'u', chap_password: 'let-Me-In-2', mapped_luns: [{ index: 3, tpg_lun: 0, write_protect: true }] }],
    parameters: { AuthMethod: 'CHAP,None' }, portals: [{ ip_address: '[::0]', iser: false, port: 3260 }], tag: 1, ...tpg }] }],
}, null, 2).replaceAll(',\n', ', \n'); // as json of Python 2 leaves it

test('a saved configuration by its meaning', () => {
  const { backstores, targets, discovery } = parseSaveconfig(rhel7());
  expect(backstores.map(({ plugin, name, device, serial, attributes }) => [plugin, name, device, serial, attributes])).toEqual([
    ['block', 'volume-1', '/dev/cinder-volumes/volume-1', '9ea6da68', { block_size: '512', readonly: '0' }], ['ramdisk', 'ram0', '', 'abc', {}], ['pscsi', 'tape', '/dev/sg1', '', {}]]);
  expect(targets).toEqual([{ fabric: 'iscsi', wwn: iqn, tpgs: [{
    tag: 1, enabled: true, luns: { 0: 'block/volume-1' }, portals: [':::3260'], attributes: { authentication: '0', generate_node_acls: '1' }, login: [],
    acls: [{ initiator: host, mapped: { 3: { lun: 0, readOnly: true } }, login: ['u', 'let-Me-In-2', '', ''] }] }] }]);
  expect(discovery).toEqual(['d', 'discover-Me-1', '', '']);
});
test('the empty one, and one made by hand with the least that saveconfig.json(5) asks for', () => {
  expect(parseSaveconfig('{"fabric_modules": [], "storage_objects": [], "targets": []}')).toEqual({ backstores: [], targets: [], discovery: [] });
  expect(parseSaveconfig('{"targets": [{"fabric": "tcm_fc", "wwn": "naa.20000025B5", "tpgs": [{}]}]}').targets).toEqual([
    { fabric: 'fc', wwn: '20000025b5', tpgs: [{ tag: 1, enabled: true, luns: {}, portals: [], acls: [], attributes: {}, login: [] }] }]);
});
test('what is none is refused, and nothing of it is told', () => {
  for (const text of ['', '[]', 'null', '{"chap_password": "let-Me-In-2"', '{"targets": {"chap_password": "let-Me-In-2"}}', '{"targets": ["let-Me-In-2"]}', '{"targets": [{"fabric": "iscsi"}]}', '{"storage_objects": [{"name": "x", "chap_password": "let-Me-In-2"}]}']) {
    expect(() => parseSaveconfig(text), text).toThrow(TypeError);
    expect(() => parseSaveconfig(text), text).not.toThrow(/let-Me-In/);
  }
});
test('any other text is refused or read, never worse', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.jsonValue().map((value) => JSON.stringify({ targets: [value], storage_objects: [value] }))), (text) => {
    try { parseSaveconfig(text); } catch (error) { expect(error).toBeInstanceOf(TypeError); }
  }));
});
test('portals and logins as configfs shows them', () => {
  expect([portal('[::0]', 3260), portal('::', '3260'), portal('0.0.0.0', 3260)]).toEqual([':::3260', ':::3260', '0.0.0.0:3260']);
  expect([login(['NULL', 'NULL', '', undefined]), login(['u', 'NULL', '', ''])]).toEqual([[], ['u', '', '', '']]);
});

const one = (tpg?: Record<string, unknown>): Lio => parseSaveconfig(rhel7(tpg));
const none: Lio = { backstores: [], targets: [], discovery: [] };
test('equal ones do not differ; each part that does is named', () => {
  expect(unsaved(one(), one())).toEqual([]);
  const of = (tpg: Record<string, unknown>): string[] => unsaved(one(tpg), one()).map((each) => `${each.what}: ${each.found} / ${each.wanted}`);
  expect(of({ enable: false })).toEqual([`${iqn} tpg1: disabled / enabled`]);
  expect(of({ luns: [] })).toEqual([`${iqn} tpg1 lun 0: not saved / block/volume-1`]);
  expect(of({ portals: [] })).toEqual([`${iqn} tpg1 portal :::3260: not saved / there`]);
  expect(of({ attributes: { authentication: 1 } })).toEqual([`attribute authentication of ${iqn} tpg1: 1 / 0`]);
  expect(of({ node_acls: [] })).toEqual([`${iqn} tpg1 initiator ${host}: not saved / let in`, `${iqn} tpg1 initiator ${host} sees lun 3: not saved / lun 0, read-only`, `login of initiator ${host} at ${iqn} tpg1: none saved / the one that runs`]);
  expect(of({ chap_userid: 'x', chap_password: 'let-Me-In-3' })).toEqual([`login of ${iqn} tpg1: another one saved / none`]);
});
test('what saving would forget, but for what may be', () => {
  expect(forgotten(one(), one(), [])).toEqual([]);
  expect(forgotten(none, one(), [])).toEqual([]);
  expect(forgotten(one(), none, [])).toEqual(['backstore block/volume-1', 'backstore ramdisk/ram0', 'backstore pscsi/tape', `target ${iqn}`]);
  expect(forgotten(one(), none, ['block/volume-1', 'ramdisk/ram0', 'pscsi/tape', iqn])).toEqual([]);
  expect(forgotten(one(), one({ luns: [] }), [])).toEqual([`lun 0 (block/volume-1) of ${iqn}`]);
  expect(forgotten(one(), one({ luns: [] }), [iqn])).toEqual([]);
  expect(forgotten(one(), one({ node_acls: [] }), []), 'initiators come and go').toEqual([]);
});

/** Taken in the lab's virtual machine: configfs of Linux 6.1 with three backstores, and what targetcli 2.1.53 with rtslib-fb 2.1.75 saved of it. */
const lab = (name: string): string => readFileSync(join(import.meta.dirname, '../../fixtures/lio', name), 'utf8');
test('a real kernel and a real saved file, read apart, are the same configuration', async () => {
  const running = await readRunningLio(recordedHost(recordingSchema.parse({ files: JSON.parse(lab('lab-running.json')) as unknown })));
  expect(running.backstores.map(({ plugin, name, device }) => `${plugin}/${name} ${device}`)).toEqual(['fileio/file-1 /srv/file1', 'block/volume-1 /dev/cinder-volumes/volume-1', 'ramdisk/ram-1 ']);
  expect(running.targets.map(({ wwn, tpgs }) => [wwn, tpgs.map(({ tag, enabled, luns, portals, acls }) => [tag, enabled, luns, portals, acls])])).toEqual([
    [iqn, [[1, true, { 0: 'block/volume-1' }, ['0.0.0.0:3260'], [{ initiator: 'iqn.1993-08.org.debian:01:c576d9ac47d', mapped: { 0: { lun: 0, readOnly: false } }, login: ['cinder', 'chap-Secret-77', '', ''] }]]]]]);
  const saved = parseSaveconfig(lab('lab-saveconfig.json'));
  expect(unsaved(saved, running)).toEqual([]);
  expect(saved.backstores.map((each) => Object.keys(each.attributes).length > 20)).toEqual([true, true, true]);
});
