import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { catalogueDigest } from '../../agent/operations/catalogue.ts';
import { initPki, issueFor } from '../../coordinator/pki/folder.ts';
import type { Sabotage } from './sabotage.ts';
import type { Ground } from './host.ts';
import { BEGUN, ENTRY, keepLoaded, late } from './snapshot.ts';

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

/** The product as one script, in which the version has this tail. */
async function bundle(changes: readonly Sabotage['changes'][number][]): Promise<(tail: string) => string> {
  const { version } = JSON.parse(readFileSync(join(root, 'generated/version.json'), 'utf8')) as { version: string }, mark = '-version-of-a-trial';
  const all = [...changes, BEGUN, { file: 'generated/version.json', line: `"${version}"`, by: `"${version}${mark}"` }];
  const { metafile, outputFiles } = await build({ stdin: { contents: ENTRY, resolveDir: root }, write: false, bundle: true, platform: 'node', target: 'node24', format: 'cjs', absWorkingDir: root, minifyWhitespace: true, minifySyntax: true, logLevel: 'error', metafile: true, plugins: [altered(all), late] });
  for (const { file } of all) if (metafile.inputs[file] === undefined) throw new Error(`${file} is not in the bundle`);
  return (tail) => outputFiles[0]!.text.replaceAll(mark, tail);
}

/** Every line that a sabotage replaces is still there, once. */
export function checkSabotages(sabotages: readonly Sabotage[]): void {
  for (const { name, changes } of sabotages) for (const { file, line } of changes) if (readFileSync(join(root, file), 'utf8').split(line).length !== 2) throw new Error(`sabotage "${name}": ${file} does not hold exactly once: ${line}`);
}

/** Builds the product, certificates and faultpoint.so under `folder`; takes some seconds. */
export async function prepare(folder: string, sabotage: Sabotage | undefined, node: string): Promise<Ground> {
  const library = join(folder, 'faultpoint.so'), pki = join(folder, 'pki'), faketime = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
  if (!existsSync(faketime)) throw new Error(`${faketime} is missing`);
  const script = join(folder, 'tandem.cjs'), other = join(folder, 'other.cjs'), text = await bundle(sabotage?.changes ?? []);
  writeFileSync(script, text(''));
  writeFileSync(other, text('-other'));
  const loaded = [keepLoaded(node, script, 'coordinator', join(folder, 'coordinator')), keepLoaded(node, script, 'agent', join(folder, 'agent')), keepLoaded(node, other, 'agent', join(folder, 'other-agent'))] as const;
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'faultpoint.c'), '-ldl']);
  await initPki(pki, 'fault', Date.now());
  for (const name of HOST_NAMES) await issueFor(pki, 'agent', name, [], Date.now());
  await issueFor(pki, 'operator', 'second', [], Date.now());
  const [coordinator, agent, otherAgent] = await Promise.all(loaded);
  return { node, coordinator, agent, otherAgent, library, faketime, pki, catalogueDigest: catalogueDigest() };
}
