import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { login, parseSaveconfig, portal, wwnOf, type Acl, type Backstore, type Lio, type Login, type Target, type Tpg } from '../parse/saveconfig.ts';

/** What the unit `target` loads at boot (targetctl of RHEL 7: restore). */
export const SAVED = '/etc/target/saveconfig.json';
const RUNNING = '/sys/kernel/config/target';
/** Folders in core/ -> what rtslib calls the plugin. */
const PLUGINS: Record<string, string> = { iblock: 'block', rd_mcp: 'ramdisk' };
/** These have a device or a file; that of `user` is a text of another kind. */
const WITH_DEVICE = ['block', 'fileio', 'pscsi'];
const NOT_TARGETS = ['discovery_auth'];

/** The saved configuration; undefined where there is no file. Throws precondition_failed on a file that is none. */
export async function readSavedLio(probe: Probe): Promise<Lio | undefined> {
  const text = await probe.readFile(SAVED);
  if (text === undefined) return undefined;
  try { return parseSaveconfig(text); } catch (error) { throw new StepError('precondition_failed', `${SAVED} is not a configuration of targetcli: ${(error as TypeError).message}`); }
}

/** What runs in the kernel, read from configfs: files only. Nothing where the target modules are not loaded. */
export async function readRunningLio(probe: Probe): Promise<Lio> {
  const backstores: Backstore[] = [], targets: Target[] = [];
  for (const hba of await probe.list(`${RUNNING}/core`)) {
    const kind = /^(.+)_\d+$/.exec(hba)?.[1];
    if (kind === undefined) continue;
    for (const name of await folders(probe, `${RUNNING}/core/${hba}`)) backstores.push(await backstore(probe, PLUGINS[kind] ?? kind, name, `${RUNNING}/core/${hba}/${name}`));
  }
  for (const fabric of (await folders(probe, RUNNING)).filter((name) => name !== 'core')) {
    for (const wwn of (await folders(probe, `${RUNNING}/${fabric}`)).filter((name) => !NOT_TARGETS.includes(name))) {
      const at = `${RUNNING}/${fabric}/${wwn}`, tpgs: Tpg[] = [];
      for (const name of await numbered(probe, at, 'tpgt')) tpgs.push(await group(probe, fabric, Number(name.slice(5)), `${at}/${name}`));
      targets.push({ fabric, wwn: wwnOf(fabric, wwn), tpgs });
    }
  }
  const enforced = await word(probe, `${RUNNING}/iscsi/discovery_auth/enforce_discovery_auth`) === '1';
  return { backstores, targets, discovery: enforced ? await readLogin(probe, `${RUNNING}/iscsi/discovery_auth`) : [] };
}

async function backstore(probe: Probe, plugin: string, name: string, at: string): Promise<Backstore> {
  const info = await probe.readFile(`${at}/info`) ?? '', readOnly = /\breadonly: (\d)/.exec(info)?.[1];
  const device = await word(probe, `${at}/udev_path`) || (/\bFile: (\S+)/.exec(info)?.[1] ?? '');
  return {
    plugin, name, device: WITH_DEVICE.includes(plugin) ? device : '',
    serial: plugin === 'pscsi' ? '' : /: *(\S+)/.exec(await word(probe, `${at}/wwn/vpd_unit_serial`))?.[1] ?? '',
    attributes: { ...await readAttributes(probe, `${at}/attrib`), ...(readOnly === undefined ? {} : { readonly: readOnly }) },
  };
}

async function group(probe: Probe, fabric: string, tag: number, at: string): Promise<Tpg> {
  const luns: Tpg['luns'] = {}, acls: Acl[] = [];
  for (const name of await numbered(probe, `${at}/lun`, 'lun')) luns[name.slice(4)] = backstoreOf(await linkIn(probe, `${at}/lun/${name}`));
  for (const initiator of await folders(probe, `${at}/acls`)) {
    const acl = `${at}/acls/${initiator}`, mapped: Acl['mapped'] = {};
    for (const name of await numbered(probe, acl, 'lun')) {
      mapped[name.slice(4)] = { lun: Number(/lun_(\d+)$/.exec(await linkIn(probe, `${acl}/${name}`))?.[1]), readOnly: await word(probe, `${acl}/${name}/write_protect`) === '1' };
    }
    acls.push({ initiator: wwnOf(fabric, initiator), mapped, login: await readLogin(probe, `${acl}/auth`) });
  }
  return {
    tag, enabled: await word(probe, `${at}/enable`) !== '0', luns, acls,
    portals: (await folders(probe, `${at}/np`)).map((name) => portal(name.slice(0, name.lastIndexOf(':')), name.slice(name.lastIndexOf(':') + 1))),
    attributes: await readAttributes(probe, `${at}/attrib`), login: await readLogin(probe, `${at}/auth`),
  };
}

const word = async (probe: Probe, path: string): Promise<string> => (await probe.readFile(path) ?? '').trim();
const readLogin = async (probe: Probe, at: string): Promise<Login> =>
  login(await Promise.all(['userid', 'password', 'userid_mutual', 'password_mutual'].map((name) => word(probe, `${at}/${name}`))));

async function folders(probe: Probe, path: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of await probe.list(path)) if ((await probe.stat(`${path}/${name}`))?.type === 'directory') names.push(name);
  return names;
}

/** Folders NAME_0, NAME_1, ... in the order of their numbers. */
async function numbered(probe: Probe, path: string, name: string): Promise<string[]> {
  const found = (await probe.list(path)).filter((each) => new RegExp(`^${name}_\\d+$`).test(each));
  return found.sort((a, b) => Number(a.slice(name.length + 1)) - Number(b.slice(name.length + 1)));
}

/** Where the one link in a folder leads: configfs ties a lun to its backstore so, under a name that means nothing. */
async function linkIn(probe: Probe, path: string): Promise<string> {
  for (const name of await probe.list(path)) {
    const target = (await probe.stat(`${path}/${name}`))?.linkTarget;
    if (target !== undefined) return target;
  }
  return '';
}

function backstoreOf(link: string): string {
  const [, kind = '', name = ''] = /([^/]+)_\d+\/([^/]+)$/.exec(link) ?? [];
  return kind === '' ? 'nothing' : `${PLUGINS[kind] ?? kind}/${name}`;
}

/** Those that can be read and set: only such are saved. */
async function readAttributes(probe: Probe, path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await probe.list(path)) {
    if ((((await probe.stat(`${path}/${name}`))?.mode ?? 0) & 0o600) === 0o600) found[name] = await word(probe, `${path}/${name}`);
  }
  return found;
}
