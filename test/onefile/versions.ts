// versions.ts FILE [LIBRARY...]: prints the highest library versions that FILE needs and fails when RHEL 8 has not all of them, or
// when the LIBRARYs (those that the file carries) do not have them all or need a library that is not among them.
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { compareVersions, highestVersions, type Family } from '../../packaging/onefile/elf.ts';

/** glibc 2.28, and the libraries of GCC 8. */
const RHEL8: Record<Family, string> = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11', GCC: '7.0.0' };
const [file = '', ...libraries] = process.argv.slice(2);
const families = Object.keys(RHEL8) as Family[];

function neededFiles(of: string): string[] {
  const text = execFileSync('readelf', ['-W', '-d', of], { encoding: 'latin1', env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' } });
  return [...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)].flatMap(([, name]) => name ?? []);
}

const needs = highestVersions(file);
const defined = libraries.map((library) => highestVersions(library, 'definition'));
const complaints = families.flatMap((family) => {
  const need = needs[family];
  const carried = defined.flatMap((versions) => versions[family] ?? []).sort(compareVersions).pop();
  console.log(`${family}: needs ${need ?? '-'}, RHEL 8 has ${RHEL8[family]}, carried ${carried ?? '-'}`);
  if (need === undefined) return [`${family}: no version found: the file is not what this was written for`];
  return [
    ...(compareVersions(need, RHEL8[family]) > 0 ? [`${family}_${need} is newer than RHEL 8's`] : []),
    ...(compareVersions(need, carried ?? '0') > 0 ? [`${family}_${need} is newer than the carried one`] : []),
  ];
});
const names = libraries.map((library) => basename(library));
const absent = [file, ...libraries].flatMap((each) => neededFiles(each).filter((name) => !names.includes(name)).map((name) => `${basename(each)} needs ${name}, which is not carried`));
for (const complaint of [...complaints, ...absent]) console.log(complaint);
process.exitCode = complaints.length + absent.length > 0 ? 1 : 0;
