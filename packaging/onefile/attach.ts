// Makes a Node executable start on hosts whose C library is too old for it: hides its interpreter entry, adds the entry stub
// (stub.c) as one more segment, and appends the loader and the libraries that the stub unpacks there.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareVersions, highestVersions, ProgramHeaders, PT_INTERP, PT_PHDR, type Family } from './elf.ts';

const PAGE = 4096;
const STUB_AT = 0x70000000n; // as in stub.ld
const PT_HIDDEN_INTERP = 0x6f494e54; // as in machine.h
const READ_EXECUTE = 5;
/** What RHEL 7 has: glibc 2.17, and the C++ library of GCC 4.8. */
const RHEL7: Partial<Record<Family, string>> = { GLIBC: '2.17', GLIBCXX: '3.4.19', CXXABI: '1.3.7' };

/** Whether RHEL 7's own libraries do for the executable: then it needs no stub. */
export function suitsRhel7(file: string): boolean {
  const needs = highestVersions(file);
  return (Object.keys(RHEL7) as Family[]).every((family) => compareVersions(needs[family] ?? '0', RHEL7[family] ?? '0') <= 0);
}

/** Rewrites `executable`; answers the name of the folder that the libraries are unpacked into: it says what they are. */
export function attach(executable: string, stubFile: string, libraries: string): string {
  const elf = readFileSync(executable);
  const stub = readFileSync(stubFile);
  const needs = highestVersions(executable);
  const carried = packLibraries(libraries);
  const id = createHash('sha256').update(carried).digest('hex').slice(0, 16);
  const stubAt = pageUp(elf.length);
  const carriedAt = stubAt + pageUp(stub.length);

  const headers = new ProgramHeaders(elf);
  headers.only(PT_INTERP).writeUInt32LE(PT_HIDDEN_INTERP, 0);
  headers.addLoad(READ_EXECUTE, stubAt, STUB_AT, stub.length, PAGE);
  const tableAddress = headers.only(PT_PHDR).readBigUInt64LE(16);
  // struct config of machine.h
  [elf.readBigUInt64LE(24), tableAddress, BigInt(headers.count), BigInt(carriedAt), BigInt(carried.length)]
    .forEach((value, n) => stub.writeBigUInt64LE(value, 8 + 8 * n));
  [id, `GLIBC_${needed(needs, 'GLIBC')}`, `GLIBCXX_${needed(needs, 'GLIBCXX')}`, `CXXABI_${needed(needs, 'CXXABI')}`]
    .forEach((word, n) => stub.write(`${word}\0`, 48 + 24 * n, 24, 'latin1'));
  elf.writeBigUInt64LE(stub.readBigUInt64LE(0), 24); // the entry

  writeFileSync(executable, Buffer.concat([padded(elf), padded(stub), carried]));
  return id;
}

function needed(needs: Record<Family, string | undefined>, family: Family): string {
  const version = needs[family];
  if (version === undefined) throw new Error(`the executable asks for no version of ${family}: the stub could not tell which hosts suffice`);
  return version;
}

/** `struct carried` of machine.h: head and rows of 64 bytes, the loader first; then the files, each from a page on. */
function packLibraries(folder: string): Buffer {
  const names = readdirSync(folder).sort((a, b) => Number(b.startsWith('ld-')) - Number(a.startsWith('ld-')) || (a < b ? -1 : 1));
  if (!names[0]?.startsWith('ld-')) throw new Error(`${folder} holds no loader`);
  const head = Buffer.alloc(pageUp(64 + 64 * names.length));
  head.writeBigUInt64LE(BigInt(names.length), 0);
  const files = names.map((name) => readFileSync(join(folder, name)));
  let at = head.length;
  files.forEach((file, index) => {
    const row = head.subarray(64 + 64 * index);
    row.write(names[index] ?? '', 0, 47, 'latin1');
    row.writeBigUInt64LE(BigInt(at), 48);
    row.writeBigUInt64LE(BigInt(file.length), 56);
    at += pageUp(file.length);
  });
  return Buffer.concat([head, ...files.map(padded)]);
}

function pageUp(size: number): number { return Math.ceil(size / PAGE) * PAGE; }
function padded(bytes: Buffer): Buffer { return Buffer.concat([bytes, Buffer.alloc(pageUp(bytes.length) - bytes.length)]); }
