import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Once before the tests: step-runner.ts with the product's modules that it imports, packed as the product is (one file, its own C library). Tests of single operations
 * start it in a host; it lies in dist/test, which comes there with the packed file. Ten seconds.
 */
export async function setup(): Promise<void> {
  const root = join(import.meta.dirname, '../..');
  await promisify(execFile)(process.execPath, [join(root, 'scripts/pack.ts'), '--entry', join(import.meta.dirname, 'step-runner.ts'), '--output', join(root, 'dist/test/step-runner')]);
}
