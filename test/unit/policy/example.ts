import { argsJsonSchema, type Operation } from '../../../agent/operations/catalogue.ts';

type Args = Record<string, unknown>;
/** A default has two sides, before and now. */
const drift = (args: Args): Args => ({ ...args['drift'] as Args, defaults: { 'a.b': ['1', '2'] } });
/** What a schema alone does not say: arguments that must go together. */
const TOGETHER: Record<string, (args: Args) => Args> = {
  'config.migrated': (args) => ({ ...args, drift: drift(args), set: [{ section: 'name', key: 'name', value: 'value' }] }),
  'config.reviewed': (args) => ({ ...args, drift: drift(args) }),
  'django.settings': ({ set: _, ...args }) => ({ ...args, carry: ['NAME'], compress: { ...args['compress'] as Args, names: ['NAME'] } }),
  'file.copied': (args) => ({ ...args, consumer: args['to'] }),
  'ini.set': (args) => ({ ...args, settings: { other: 'value' }, knownSections: [args['section']] }),
  'rpc.capped': (args) => ({ ...args, drop: { other: 'why' } }),
  'repository.selected': ({ disable: _, ...args }) => args,
  'backup.restored': (args) => ({ ...args, paths: ['/made/up/path'] }),
  'database.synced': (args) => ({ ...args, sync: ['keystone-manage', 'db_sync'], versionTool: ['keystone-manage', 'db_version'], flush: ['keystone-manage', 'token_flush'] }),
};

/** Arguments that an operation takes, each of them given. `own` decides texts by their schema and place. */
export function argumentsOf(operation: Operation, own: (schema: Node, where: string) => string | undefined): Args {
  const args = exampleOf(argsJsonSchema(operation), own) as Args;
  return TOGETHER[operation.name]?.(args) ?? args;
}

/** JSON Schema, as far as the catalogue uses it. */
export interface Node {
  type?: string | string[]; pattern?: string; format?: string; properties?: Record<string, Node>; items?: Node; additionalProperties?: Node | boolean; propertyNames?: Node;
  anyOf?: Node[]; allOf?: Node[]; enum?: unknown[]; const?: unknown; minimum?: number; minLength?: number;
}

/** Texts of which at least one fits each pattern in the catalogue. */
const TEXTS = ['name', '0', '3', '1.5', '/made/up', '0640', 'iqn.2010-10.org.openstack:volume-1', 'block/volume-1', 'AbCdEf-AbCd-AbCd-AbCd-AbCd-AbCd-AbCdEf', '10.0.0.1', '10.0.0.1:3260', '-A INPUT -j ACCEPT', 'user_t', 'HWADDR', 'file:/made/up', 'c950f523-f390-45bc-8c2b-08d8a7cb8d1c', 'ssh-rsa AAAA', '52:54:00:00:00:01', 'net.core.somaxconn'];
const FORMATS: Record<string, string> = { ipv4: '10.0.0.1', ipv6: 'fe80::1', cidrv4: '10.0.0.1/24', cidrv6: 'fe80::1/64', uri: 'http://10.0.0.1/' };

/** A value that fits, with every property given, one element in each list and one entry in each map. `own` decides a text itself, or leaves it (undefined). */
function exampleOf(schema: Node, own: (schema: Node, where: string) => string | undefined, where = ''): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) return exampleOf(schema.anyOf[0] as Node, own, where);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object': {
      const given = Object.entries(schema.properties ?? {}).map(([key, one]) => [key, exampleOf(one, own, where === '' ? key : `${where}.${key}`)] as const);
      const values = typeof schema.additionalProperties === 'object' && Object.keys(schema.additionalProperties).length > 0 ? schema.additionalProperties : undefined;
      const entry = values === undefined ? [] : [[exampleOf(schema.propertyNames ?? { type: 'string' }, () => undefined), exampleOf(values, own, `${where}{}`)] as const];
      return Object.fromEntries([...given, ...entry]);
    }
    case 'array': return [exampleOf(schema.items ?? {}, own, `${where}[]`)];
    case 'string': return own(schema, where) ?? FORMATS[schema.format ?? ''] ?? textFor(schema, where);
    case 'integer': case 'number': return Math.max(schema.minimum ?? 1, 1);
    case 'boolean': return true;
    default: throw new Error(`${where}: no example of ${JSON.stringify(schema)}`);
  }
}

/** Every pattern that a text must match. */
export const patternsOf = (schema: Node): string[] => [schema, ...schema.allOf ?? []].flatMap(({ pattern }) => pattern ?? []);

function textFor(schema: Node, where: string): string {
  const patterns = patternsOf(schema), text = TEXTS.find((one) => patterns.every((pattern) => new RegExp(pattern).test(one)));
  if (text === undefined) throw new Error(`${where}: no example fits ${patterns.join(' and ')}`);
  return text;
}
