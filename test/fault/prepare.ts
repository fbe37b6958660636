import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { catalogueDigest } from '../../agent/operations/catalogue.ts';
import { initPki, issueFor } from '../../coordinator/pki/folder.ts';
import type { Sabotage } from './sabotage.ts';
import type { Ground } from './host.ts';

const root = join(import.meta.dirname, '../..');
export const HOST_NAMES = ['h1', 'h2', 'h3', 'h4'];

/** Replaces what a sabotage names, or the version number, while bundling; each must stand there once. */
function altered(changes: readonly Sabotage['changes'][number][]): Plugin {
  return { name: 'altered', setup(on) {
    on.onLoad({ filter: /\.(ts|json)$/ }, ({ path }) => {
      const name = relative(root, path), own = changes.filter(({ file }) => file === name);
      if (own.length === 0) return undefined;
      let text = readFileSync(path, 'utf8');
      for (const { line, by } of own) {
        if (text.split(line).length !== 2) throw new Error(`${name}: expected exactly one "${line}"`);
        text = text.replace(line, () => by);
      }
      return { contents: text, loader: path.endsWith('.json') ? 'json' : 'ts' };
    });
  } };
}

async function bundle(outfile: string, changes: readonly Sabotage['changes'][number][]): Promise<string> {
  const seen = new Set<string>();
  await build({ entryPoints: [join(root, 'tandem.ts')], outfile, bundle: true, platform: 'node', target: 'node24', format: 'cjs', absWorkingDir: root, minifyWhitespace: true, minifySyntax: true, logLevel: 'error', metafile: true, plugins: [altered(changes)] })
    .then(({ metafile }) => { for (const input of Object.keys(metafile.inputs)) seen.add(input); });
  for (const { file } of changes) if (!seen.has(file)) throw new Error(`${file} is not in the bundle`);
  return outfile;
}

/** Every line that a sabotage replaces is still there, once. */
export function checkSabotages(sabotages: readonly Sabotage[]): void {
  for (const { name, changes } of sabotages) for (const { file, line } of changes) if (readFileSync(join(root, file), 'utf8').split(line).length !== 2) throw new Error(`sabotage "${name}": ${file} does not hold exactly once: ${line}`);
}

/** Builds the product, certificates and faultpoint.so under `folder`; takes some seconds. */
export async function prepare(folder: string, sabotage: Sabotage | undefined, node: string): Promise<Ground> {
  const changes = sabotage?.changes ?? [], library = join(folder, 'faultpoint.so'), pki = join(folder, 'pki'), cache = { agent: join(folder, 'cache-agent'), coordinator: join(folder, 'cache-coordinator') }, faketime = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
  const { version } = JSON.parse(readFileSync(join(root, 'generated/version.json'), 'utf8')) as { version: string };
  const [own, other] = await Promise.all([bundle(join(folder, 'tandem.cjs'), changes), bundle(join(folder, 'other.cjs'), [...changes, { file: 'generated/version.json', line: `"${version}"`, by: `"${version}-other"` }])]);
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'faultpoint.c'), '-ldl']);
  await initPki(pki, 'fault', Date.now());
  for (const name of HOST_NAMES) await issueFor(pki, 'agent', name, [], Date.now());
  await issueFor(pki, 'operator', 'second', [], Date.now());
  return { node, bundle: own, otherBundle: other, library, faketime: existsSync(faketime) ? faketime : undefined, cache, pki, catalogueDigest: catalogueDigest() };
}
