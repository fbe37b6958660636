// contents.ts BUNDLE: the list of contents, the licences and the guide's links of an unpacked bundle. TAP-like lines.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';

const bundle = resolve(process.argv[2] ?? '.'), root = join(import.meta.dirname, '../..');
const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');
function check(what: string, wrong: string[]): void {
  console.log(`${wrong.length === 0 ? 'ok' : 'not ok'} - ${what}${wrong.map((each) => `\n# ${each}`).join('')}`);
  if (wrong.length > 0) process.exitCode = 1;
}

interface Component { name: string; group?: string; version: string; purl: string; licenses?: unknown[]; hashes?: { alg: string; content: string }[]; components?: Component[] }
const text = read(bundle, 'sbom.cdx.json');
const bill = JSON.parse(text) as { serialNumber: string; metadata: { component: Component }; components: Component[]; dependencies: { ref: string; dependsOn?: string[] }[] };
const invalid = async (json: string): Promise<string[]> => {
  const error: unknown = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(json);
  return error === null ? [] : [JSON.stringify(error)];
};
check('SBOM: valid by the schema of CycloneDX 1.6', await invalid(text));
check('the validator finds what is not', (await invalid(text.replace('"type": "library"', '"type": "nothing"'))).length === 0 ? ['it took a type that is none'] : []);

// Asked of the lockfile here, and of nothing that the bundle was made with
const { packages } = JSON.parse(read(root, 'package-lock.json')) as { packages: Record<string, { version: string; dev?: boolean }> };
const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true).map(([path, { version }]) => ({ name: path.replace(/^.*node_modules\//, ''), version }));
const listed = new Set(bill.components.map(({ group, name, version }) => `${group === undefined ? '' : `${group}/`}${name} ${version}`));
check(`SBOM: each of ${String(shipped.length)} packages of the lockfile`, shipped.map(({ name, version }) => `${name} ${version}`).filter((each) => !listed.has(each)));
const libraries = read(root, 'packaging/onefile/libraries.txt').split('\n').filter((line) => /^[^#]/.test(line)).map((line) => line.split(' '));
check(`SBOM: each of ${String(libraries.length)} C libraries, with version and hash`, libraries.filter(([name, , version, hash]) => !bill.components.some((one) =>
  one.name === name && one.version === version && one.hashes?.some(({ content }) => content === hash))).map((row) => row.join(' ')));
check('there are nine of them', libraries.length === 9 ? [] : [String(libraries.length)]);
const node = bill.components.find(({ name }) => name === 'node');
const versions = new Map((node?.components ?? []).map(({ name, version }) => [name, version]));
check('SBOM: Node and what is in it, as this Node says', node?.version !== process.versions.node ? [`node ${String(node?.version)}`]
  : (['openssl', 'v8', 'uv', 'zlib', 'undici', 'llhttp', 'sqlite'] as const).filter((name) => versions.get(name) !== process.versions[name]));
check('SBOM: a licence, a hash and a purl for each', bill.components.filter(({ licenses, hashes, purl }) => licenses === undefined || hashes === undefined || !purl.startsWith('pkg:')).map(({ name }) => name));
check('SBOM: the hash of the file itself', bill.metadata.component.hashes?.[0]?.content === createHash('sha256').update(readFileSync(join(bundle, 'tandem'))).digest('hex') ? [] : ['another']);

const licences = new Set(readdirSync(join(bundle, 'licences')));
const wanted = ['tandem', 'node', 'LGPL-2.1', 'GPL-3', 'SOURCE-OF-LIBRARIES', ...shipped.map(({ name, version }) => `${name.replace('/', '__')}-${version}`)];
check('licences: of Tandem, Node, every package and the C libraries', wanted.filter((name) => !licences.has(name) || read(bundle, 'licences', name).length < 30));
const sources = read(bundle, 'licences/SOURCE-OF-LIBRARIES');
check('each library is named with its exact source package', libraries.filter(([name = '', from = '', version = '']) =>
  !new RegExp(`^${name.replaceAll(/[.+]/g, '\\$&')} .*of ${from.replaceAll('+', '\\+')} ${version.replaceAll('+', '\\+')}`, 'm').test(sources)).map(([name]) => String(name)));
check('the GCC exception is there in words', /GCC Runtime Library Exception/i.test(Array.from(licences).filter((name) => name.startsWith('gcc-')).map((name) => read(bundle, 'licences', name)).join('')) ? [] : ['no']);

// The guide's links, those of the README too, must lead to something in the bundle
const pages = ['README.md', ...readdirSync(join(bundle, 'guide'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => join('guide', name))];
const links = pages.flatMap((page) => Array.from(read(bundle, page).matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g), ([, to = '']) => ({ page, to })));
check(`${String(links.length)} links in ${String(pages.length)} pages lead to something in the bundle, none out of it`, links.filter(({ page, to }) =>
  /^[a-z]+:/.test(to) || !resolve(bundle, dirname(page), to).startsWith(`${bundle}/`) || !existsSync(resolve(bundle, dirname(page), to))).map(({ page, to }) => `${page}: ${to}`));
check('the guide has what it promises', ['air-gap', 'install', 'operators-guide', 'policy', 'operations'].filter((name) => !pages.includes(`guide/${name}.md`)));
