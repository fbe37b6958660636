/** A target configuration of LIO by its meaning, as the kernel runs it or as a saved file has it. */
export interface Lio { backstores: Backstore[]; targets: Target[]; discovery: Login }
/** `attributes`: text of each, as configfs shows it. */
export interface Backstore { plugin: string; name: string; /** Device or file; empty where it has none. */ device: string; /** Serial number of the unit; empty where it has none of its own. */ serial: string; attributes: Record<string, string> }
export interface Target { fabric: string; wwn: string; tpgs: Tpg[] }
export interface Tpg { tag: number; enabled: boolean; /** Number -> PLUGIN/NAME. */ luns: Record<string, string>; /** ADDRESS:PORT. */ portals: string[]; acls: Acl[]; attributes: Record<string, string>; login: Login }
export interface Acl { initiator: string; /** Number the initiator sees -> number in the group. */ mapped: Record<string, { lun: number; readOnly: boolean }>; login: Login }
/** CHAP names and passwords: a secret. Compared, and never part of any output. Empty: none. */
export type Login = readonly string[];

type Fields = Record<string, unknown>;
const fields = (value: unknown, what: string): Fields => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new TypeError(`${what} is no object`);
  return value as Fields;
};
const list = (value: unknown, what: string): Fields[] => {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new TypeError(`${what} is no list`);
  return value.map((each) => fields(each, `an entry of ${what}`));
};
const text = (value: unknown, what: string): string => {
  if (typeof value !== 'string' && typeof value !== 'number') throw new TypeError(`${what} is missing`);
  return String(value);
};
const texts = (value: unknown): Record<string, string> => Object.fromEntries(Object.entries(fields(value ?? {}, 'attributes')).map(([name, each]) => [name, String(each)]));

/** The four parts of a login, none when all are empty; configfs shows NULL for a part that is not set. */
export function login(parts: readonly unknown[]): Login {
  const given = parts.map((part) => (typeof part !== 'string' || part === 'NULL' ? '' : part));
  return given.every((part) => part === '') ? [] : given;
}
const loginOf = (entry: Fields, prefix: string): Login => login(['userid', 'password', 'mutual_userid', 'mutual_password'].map((name) => entry[prefix + name]));

/** Address and port as one: [::0]:3260 and ::0 3260 are the same portal. */
export const portal = (address: string, port: string | number): string => `${address.replace(/^\[|\]$/g, '').replace(/^::0$/, '::')}:${port}`;
/** One spelling for names that configfs of Fibre Channel and the like writes in another way than rtslib. */
export const wwnOf = (fabric: string, wwn: string): string => (fabric === 'iscsi' ? wwn : wwn.replace(/^(naa|ib|eui)\.|^0x/, '').replaceAll(':', '').toLowerCase());
/** As the folder in configfs is called. */
const fabricOf = (name: string): string => (name === 'tcm_fc' ? 'fc' : name);

/**
 * /etc/target/saveconfig.json as rtslib-fb writes it: 2.1.fb46 of RHEL 7 and later (saveconfig.json(5); dump() of its
 * root.py, tcm.py and target.py). Throws TypeError whose message holds nothing of the text: there may be passwords in it.
 */
export function parseSaveconfig(json: string): Lio {
  let whole: Fields;
  try { whole = fields(JSON.parse(json), 'the text'); } catch { throw new TypeError('not a JSON object'); }
  const iscsi = list(whole['fabric_modules'], 'fabric_modules').find((each) => each['name'] === 'iscsi' && each['discovery_enable_auth'] === true);
  return {
    backstores: list(whole['storage_objects'], 'storage_objects').map(backstore),
    targets: list(whole['targets'], 'targets').map((each) => {
      const fabric = fabricOf(text(each['fabric'], 'the fabric of a target'));
      return { fabric, wwn: wwnOf(fabric, text(each['wwn'], 'the wwn of a target')), tpgs: list(each['tpgs'], 'tpgs').map((tpg) => group(tpg, fabric)) };
    }),
    discovery: iscsi === undefined ? [] : loginOf(iscsi, 'discovery_'),
  };
}

function backstore(each: Fields): Backstore {
  const plugin = text(each['plugin'], 'the plugin of a storage object'), readOnly = each['readonly'];
  return {
    plugin, name: text(each['name'], 'the name of a storage object'),
    device: typeof each['dev'] === 'string' ? each['dev'] : '', serial: typeof each['wwn'] === 'string' ? each['wwn'] : '',
    attributes: { ...texts(each['attributes']), ...(typeof readOnly === 'boolean' ? { readonly: String(Number(readOnly)) } : {}) },
  };
}

function group(tpg: Fields, fabric: string): Tpg {
  return {
    tag: Number(tpg['tag'] ?? 1), enabled: tpg['enable'] !== false,
    luns: Object.fromEntries(list(tpg['luns'], 'luns').map((lun) => [text(lun['index'], 'the index of a lun'), text(lun['storage_object'], 'the storage object of a lun').replace(/^\/backstores\//, '')])),
    portals: list(tpg['portals'], 'portals').map((each) => portal(text(each['ip_address'], 'the address of a portal'), text(each['port'], 'the port of a portal'))),
    acls: list(tpg['node_acls'], 'node_acls').map((acl) => ({
      initiator: wwnOf(fabric, text(acl['node_wwn'], 'the node_wwn of an ACL')), login: loginOf(acl, 'chap_'),
      mapped: Object.fromEntries(list(acl['mapped_luns'], 'mapped_luns').map((lun) => [text(lun['index'], 'the index of a mapped lun'), { lun: Number(lun['tpg_lun']), readOnly: lun['write_protect'] === true || lun['write_protect'] === 1 }])),
    })),
    attributes: texts(tpg['attributes']), login: loginOf(tpg, 'chap_'),
  };
}
