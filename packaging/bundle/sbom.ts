// sbom.ts FILE BASE_NODE LIBRARIES VERSION: prints a CycloneDX 1.6 list of what is in FILE (dist/tandem): the npm packages of package-lock.json,
// Node with what is in it, and the C libraries that packaging/rpm/carried left in LIBRARIES. The same input gives the same bytes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Enums, Models, Serialize, Spec, SPDX } from '@cyclonedx/cyclonedx-library';
import { carriedLibraries, shippedPackages, type Library, type Shipped } from '../rpm/licences.ts';

const { Bom, Component, HashDictionary, LicenseExpression, LicenseRepository, Metadata, Property, PropertyRepository, SpdxLicense } = Models;
type Parts = ConstructorParameters<typeof Component>[2];
const SAMPLE_BYTES = 1 << 20;

const digest = (algorithm: string, bytes: Buffer): string => createHash(algorithm).update(bytes).digest('hex');
const licences = (term: string): Models.LicenseRepository => new LicenseRepository([SPDX.isSupportedSpdxId(term) ? new SpdxLicense(term) : new LicenseExpression(term)]);
const sha256 = (hex: string): Models.HashDictionary => new HashDictionary([[Enums.HashAlgorithm['SHA-256'], hex]]);
const library = (name: string, parts: Parts): Models.Component => new Component(Enums.ComponentType.Library, name, parts);

/** The hash is that of the package as npm fetched it. */
function npmComponent({ path, name, version, license, integrity }: Shipped): Models.Component {
  const [scope, bare] = name.startsWith('@') ? name.split('/') as [string, string] : [undefined, name];
  const [algorithm, base64 = ''] = integrity?.split('-') ?? [];
  return library(bare, {
    bomRef: path, version, purl: `pkg:npm/${scope === undefined ? '' : `${encodeURIComponent(scope)}/`}${bare}@${version}`,
    ...(scope !== undefined && { group: scope }), ...(license !== undefined && { licenses: licences(license) }),
    ...(algorithm === 'sha512' && { hashes: new HashDictionary([[Enums.HashAlgorithm['SHA-512'], Buffer.from(base64, 'base64').toString('hex')]]) }),
  });
}

function libraryComponent({ name, package: from, source, version, sha256: hash, license }: Library): Models.Component {
  return library(name, {
    bomRef: `debian/${name}`, version, licenses: licences(license), hashes: sha256(hash),
    purl: `pkg:deb/debian/${encodeURIComponent(from)}@${encodeURIComponent(version)}?arch=amd64&distro=bookworm&upstream=${source}`,
    properties: new PropertyRepository([new Property('tandem:package', from), new Property('tandem:source-package', `${source} ${version}`)]),
  });
}

/** Node, and what it says itself is in it: names as in process.versions, without those that are no software but interfaces and data. */
function nodeComponent(baseNode: string): Models.Component {
  const versions = JSON.parse(execFileSync(baseNode, ['-p', 'JSON.stringify(process.versions)'], { encoding: 'utf8', env: {} })) as Record<string, string> & { node: string };
  const parts = Object.entries(versions).filter(([name, version]) => version !== '' && !['node', 'modules', 'napi', 'unicode', 'tz', 'cldr'].includes(name));
  const node = new Component(Enums.ComponentType.Platform, 'node', {
    bomRef: 'node', version: versions.node, licenses: licences('MIT'), purl: `pkg:generic/node@${versions.node}`, hashes: sha256(digest('sha256', readFileSync(baseNode))),
    cpe: `cpe:2.3:a:nodejs:node.js:${versions.node}:*:*:*:*:*:*:*`,
  });
  for (const [name, version] of parts) {
    const part = library(name, { bomRef: `node/${name}`, version, purl: `pkg:generic/${name}@${version}` });
    node.components.add(part);
    node.dependencies.add(part.bomRef);
  }
  return node;
}

/** A megabyte from the middle of the Node binary must be in the file: packing moves what is around it, and leaves it as it is. */
function requireNodeInside(file: Buffer, baseNode: string): void {
  const node = readFileSync(baseNode), middle = Math.floor(node.length / 2);
  if (!file.includes(node.subarray(middle, middle + SAMPLE_BYTES))) throw new Error(`the file was not made with ${baseNode}: name the Node that it was made with (--base-node)`);
}

function billOf(file: Buffer, baseNode: string, carried: Library[], version: string, time: Date): Models.Bom {
  const root = new Component(Enums.ComponentType.Application, 'tandem', { bomRef: 'tandem', version, licenses: licences('Apache-2.0'), hashes: sha256(digest('sha256', file)), purl: `pkg:generic/tandem@${version}` });
  const bom = new Bom({ metadata: new Metadata({ timestamp: time, component: root }) });
  for (const component of [nodeComponent(baseNode), ...carried.map(libraryComponent), ...shippedPackages().map(npmComponent)]) {
    bom.components.add(component);
    root.dependencies.add(component.bomRef);
  }
  return bom;
}

const [file, baseNode, libraries, version] = process.argv.slice(2);
if (file === undefined || baseNode === undefined || libraries === undefined || version === undefined) throw new Error('usage: sbom.ts FILE BASE_NODE LIBRARIES VERSION');
const bytes = readFileSync(file);
requireNodeInside(bytes, baseNode);
const found = readdirSync(libraries).flatMap((id) => readdirSync(join(libraries, id)).map((name) => ({ name, hash: digest('sha256', readFileSync(join(libraries, id, name))) })));
const known = carriedLibraries();
const carried = found.map(({ name, hash }) => {
  const one = known.find((each) => each.name === name && each.sha256 === hash);
  if (one === undefined) throw new Error(`${name} in the file is not the one of packaging/onefile/libraries.txt`);
  return one;
});
const bom = billOf(bytes, baseNode, carried, version, new Date(Number(process.env['SOURCE_DATE_EPOCH']) * 1000));
const text = (): string => new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6)).serialize(bom, { sortLists: true, space: 2 });
// Its number is made of its contents; version 8 of RFC 9562 is for such.
const hex = digest('sha256', Buffer.from(text()));
bom.serialNumber = `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
console.log(text());
