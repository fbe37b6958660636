// What attach.ts needs to know of an ELF file: its program headers, and the library versions that it asks for.
import { execFileSync } from 'node:child_process';

export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PT_PHDR = 6;
const HEADER_SIZE = 56;
const FAMILIES = ['GLIBC', 'GLIBCXX', 'CXXABI', 'GCC'] as const;
export type Family = typeof FAMILIES[number];

/** The program header table of a 64-bit little-endian ELF file with fixed addresses, read and written in place. */
export class ProgramHeaders {
  readonly elf: Buffer;
  readonly at: number;
  constructor(elf: Buffer) {
    this.elf = elf;
    if (elf.toString('latin1', 0, 4) !== '\x7fELF' || elf.readUInt16LE(16) !== 2) throw new Error('not a fixed-address (ET_EXEC) ELF file');
    this.at = Number(elf.readBigUInt64LE(32));
  }
  get count(): number { return this.elf.readUInt16LE(56); }
  /** The bytes of one header; of the place behind the table for `count`. */
  row(index: number): Buffer { return this.elf.subarray(this.at + index * HEADER_SIZE, this.at + (index + 1) * HEADER_SIZE); }
  rows(type: number): Buffer[] { return Array.from({ length: this.count }, (_, index) => this.row(index)).filter((row) => row.readUInt32LE(0) === type); }
  only(type: number): Buffer {
    const [row, ...more] = this.rows(type);
    if (row === undefined || more.length > 0) throw new Error(`${String(more.length + (row === undefined ? 0 : 1))} program headers of type ${String(type)}; expected one`);
    return row;
  }
  /** Puts a PT_LOAD behind the last one (they are in the order of their addresses) into the room behind the table. */
  addLoad(flags: number, offset: number, address: bigint, size: number, align: number): void {
    const table = this.only(PT_PHDR);
    if (field(table, 8) !== BigInt(this.at)) throw new Error('PT_PHDR does not describe the program headers');
    if (field(table, 32) < BigInt((this.count + 1) * HEADER_SIZE) || this.row(this.count).some((byte) => byte !== 0)) throw new Error('no room for one more program header');
    const last = this.rows(PT_LOAD).pop();
    if (last === undefined) throw new Error('no PT_LOAD');
    if (field(last, 16) + field(last, 40) > address) throw new Error('the file reaches the address of the stub');
    const index = (last.byteOffset - this.row(0).byteOffset) / HEADER_SIZE + 1;
    this.elf.copyWithin(this.row(index + 1).byteOffset - this.elf.byteOffset, this.row(index).byteOffset - this.elf.byteOffset, this.at + this.count * HEADER_SIZE);
    const row = this.row(index);
    row.writeUInt32LE(PT_LOAD, 0);
    row.writeUInt32LE(flags, 4);
    [BigInt(offset), address, address, BigInt(size), BigInt(size), BigInt(align)].forEach((value, n) => row.writeBigUInt64LE(value, 8 + 8 * n));
    this.elf.writeUInt16LE(this.count + 1, 56);
  }
}

const field = (row: Buffer, at: number): bigint => row.readBigUInt64LE(at);

export function compareVersions(a: string, b: string): number { return a.localeCompare(b, 'en', { numeric: true }); }

/** The highest version of each library that the file asks for ("2.28"), or defines; undefined: none. */
export function highestVersions(file: string, section: 'needs' | 'definition' = 'needs'): Record<Family, string | undefined> {
  const text = execFileSync('readelf', ['-W', '-V', file], { encoding: 'latin1', maxBuffer: 1 << 26, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' } });
  const part = text.split(/^(?=Version )/m).find((piece) => piece.startsWith(`Version ${section} section`)) ?? '';
  const highest = (family: Family) => [...part.matchAll(new RegExp(`Name: ${family}_([0-9.]+)`, 'g'))].flatMap(([, version]) => version ?? []).sort(compareVersions).pop();
  return Object.fromEntries(FAMILIES.map((family) => [family, highest(family)])) as Record<Family, string | undefined>;
}
