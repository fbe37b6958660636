import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import type { Plugin } from 'esbuild';

export type Role = 'agent' | 'coordinator';

/**
 * How a process under test is run: none lives long enough for V8 to optimize it or for its heap to be worth collecting, and memory in large pages is quicker to take, to
 * fork and to give back. An eighth of a trial's processor time. A snapshot is made and begun with the same flags.
 */
export const FLAGS = ['--single-threaded', '--no-opt', '--no-maglev', '--min-semi-space-size=32', '--max-semi-space-size=32'];
export const MEMORY = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1' };

/** tandem.ts is begun later, not run at once. */
export const BEGUN = { file: 'tandem.ts', line: 'run(process.argv.slice(2)).then(', by: 'export const begin = () => run(process.argv.slice(2)).then(' };

/**
 * Loads what a role needs in a trial, and leaves the product at the first line that tandem.ts would run. What is made once at first use, and
 * is the same in each process, is made here: the schemas of the operations, the codecs of the messages.
 */
export const ENTRY = `const { Root } = require('protobufjs/light.js'), { fromJSON } = Root;
let contract;
Root.fromJSON = (...args) => (contract = fromJSON(...args));
const { begin } = require('./tandem.ts'), { argsJsonSchema, catalogue } = require('./agent/operations/catalogue.ts');
if (process.env.ROLE === 'agent') { require('./agent/main.ts'); require('./agent/worker.ts'); require('./agent/idle.ts'); require('./agent/host/probe.ts'); }
else { require('./coordinator/main.ts'); require('./coordinator/commands/run.ts'); require('./coordinator/commands/resume.ts'); require('./coordinator/commands/revert.ts'); }
Root.fromJSON = fromJSON;
const ready = (part) => { part.setup?.(); part.nestedArray?.forEach(ready); };
ready(contract);
for (const entry of catalogue) argsJsonSchema(entry);
require('v8').startupSnapshot.setDeserializeMainFunction(begin);
`;

// V8 cannot keep what these of Node's modules hold: they are loaded when something of them is called. Their constants are needed before.
const LATE = ['http', 'http2', 'https', 'tls'];

/** Modules of LATE become objects that load them at first use. */
export const late: Plugin = { name: 'late', setup(on) {
  on.onResolve({ filter: /^(node:)?(https?|http2|tls)$/ }, ({ path, namespace }) => (namespace === 'late' ? { path, external: true } : { path: path.replace('node:', ''), namespace: 'late' }));
  on.onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => {
    if (!LATE.includes(path)) throw new Error(`node:${path} is not known as a module to be loaded late`);
    const module = createRequire(import.meta.url)(`node:${path}`) as Record<string, unknown>;
    return { contents: `const names = ${JSON.stringify(Object.keys(module))}, constants = ${JSON.stringify(module['constants'] ?? null)};
      const { isBuildingSnapshot } = require('v8').startupSnapshot;
      const get = (_, name) => {
        if (!isBuildingSnapshot()) return require('${path}')[name];
        if (name === 'constants') return constants;
        if (typeof name === 'symbol' || name === '__esModule' || name === 'default') return undefined;
        return (...args) => require('${path}')[name](...args);
      };
      module.exports = new Proxy({}, { get, ownKeys: () => names, has: (_, name) => names.includes(name),
        getOwnPropertyDescriptor: (_, name) => names.includes(name) ? { enumerable: true, configurable: true, writable: true, value: undefined } : undefined });` };
  });
} };

/**
 * Starts cost most of a trial's processor time, and loading modules most of a start. So `script` is loaded once, and V8 keeps the process
 * as it is then in `blob` (a startup snapshot); each process under test begins there. No module of Tandem looks at time,
 * environment, arguments or files while it is loaded.
 */
export async function keepLoaded(node: string, script: string, role: Role, blob: string): Promise<string> {
  await promisify(execFile)(node, [...FLAGS, '--snapshot-blob', blob, '--build-snapshot', script], { env: { ROLE: role } });
  return blob;
}
