/**
 * The manifest that the capture script writes beside a backup tree (format 1): header, one line an entry, end line.
 * Paths are bytes: percent-decoded to strings of one character a byte (latin1), as the host interfaces take them.
 */
export interface ManifestEntry {
  type: 'f' | 'd' | 'l' | 'p' | 's' | 'b' | 'c';
  mode: number;
  uid: number;
  gid: number;
  /** Names on the source host; undefined where an id had none. */
  owner: string | undefined;
  group: string | undefined;
  sizeBytes: number;
  /** Allocated 512-byte blocks: fewer than the size needs means a sparse file. */
  blocks512: number;
  mtimeS: number;
  /** 64 hex digits for regular files, undefined for others. */
  sha256: string | undefined;
  selinux: string | undefined;
  /** Equal for names of one file (hard links), undefined for a file with one name. */
  linkGroup: string | undefined;
  path: string;
  /** What a symbolic link holds. */
  target: string | undefined;
}

export interface Manifest { host: string; captured: string; mode: 'hot' | 'cold'; root: string; entries: ManifestEntry[] }

const FIELDS = 14;
const HEADER = ['host', 'captured', 'mode', 'root'] as const;
const bad = (line: number, message: string): never => { throw new Error(`line ${String(line)}: ${message}`); };

/** Throws Error `line N: ...` for anything that is not a whole, sorted, well-formed manifest. */
export function parseManifest(text: string): Manifest {
  const lines = text.split('\n');
  if (lines[0] !== '#tandem-manifest 1') bad(1, `expected "#tandem-manifest 1", found ${JSON.stringify((lines[0] ?? '').slice(0, 60))}`);
  const header = new Map<string, string>();
  let at = 1;
  for (; lines[at]?.startsWith('#') === true && !(lines[at] ?? '').startsWith('#end\t'); at++) {
    const [key = '', value, ...more] = (lines[at] ?? '').slice(1).split('\t');
    if (value === undefined || more.length > 0) bad(at + 1, 'a header line is #key, a tab and a value');
    else if (header.has(key)) bad(at + 1, `header ${key} stands twice`);
    else header.set(key, value);
  }
  for (const key of HEADER) if (!header.get(key)) bad(at + 1, `header ${key} is missing`);
  const mode = header.get('mode');
  if (mode !== 'hot' && mode !== 'cold') return bad(at + 1, `header mode is ${mode ?? ''}, expected hot or cold`);
  const entries: ManifestEntry[] = [], leaves = new Set<string>();
  let last = '';
  for (; at < lines.length && !(lines[at] ?? '').startsWith('#end\t'); at++) {
    if (lines[at] === '' && at === lines.length - 1) break;
    const entry = parseEntry(lines[at] ?? '', at + 1);
    const sortedBy = (lines[at] ?? '').split('\t')[12] ?? '';
    if (!(last < sortedBy)) bad(at + 1, 'not sorted by the path field, or a path twice');
    last = sortedBy;
    if (entry.type !== 'd') leaves.add(entry.path);
    // A path through a link would be written where the link points.
    for (let cut = entry.path.lastIndexOf('/'); cut > 0; cut = entry.path.lastIndexOf('/', cut - 1)) if (leaves.has(entry.path.slice(0, cut))) bad(at + 1, `path ${JSON.stringify(entry.path)} lies below what is no folder`);
    entries.push(entry);
  }
  const end = lines[at];
  if (end === undefined || end === '') return bad(at + 1, 'the end line is missing: the manifest is cut short');
  if (end !== `#end\t${String(entries.length)}`) bad(at + 1, `the end line says ${end.slice(5)} entries, ${String(entries.length)} are there`);
  if (lines.slice(at + 1).some((line) => line !== '')) bad(at + 2, 'text after the end line');
  return { host: header.get('host') ?? '', captured: header.get('captured') ?? '', mode, root: header.get('root') ?? '', entries };
}

function parseEntry(line: string, number: number): ManifestEntry {
  const fields = line.split('\t');
  if (fields.length !== FIELDS) bad(number, `${String(fields.length)} fields, expected ${String(FIELDS)}`);
  const field = (index: number, name: string, pattern: RegExp): string => {
    const value = fields[index] ?? '';
    return new RegExp(`^(?:${pattern.source})$`).test(value) ? value : bad(number, `${name} is ${JSON.stringify(value.slice(0, 80))}`);
  };
  const count = (index: number, name: string): number => Number(field(index, name, /-?\d{1,16}/));
  const optional = (index: number, name: string, pattern: RegExp): string | undefined => {
    const value = field(index, name, pattern);
    return value === '-' ? undefined : decodePath(value);
  };
  const TEXT = /(?:[\x21-\x24\x26-\x7e]|%[0-9A-F]{2})+/;
  const type = field(0, 'type', /[fdlpsbc]/) as ManifestEntry['type'];
  const entry: ManifestEntry = {
    type, mode: parseInt(field(1, 'mode', /[0-7]{4}/), 8), uid: count(2, 'uid'), gid: count(3, 'gid'),
    owner: optional(4, 'owner', TEXT), group: optional(5, 'group', TEXT),
    sizeBytes: count(6, 'size'), blocks512: count(7, 'blocks'), mtimeS: count(8, 'mtime'),
    sha256: optional(9, 'sha256', /[0-9a-f]{64}|-/), selinux: optional(10, 'selinux', TEXT), linkGroup: optional(11, 'link-group', /\d+:\d+|-/),
    path: decodePath(field(12, 'path', TEXT)), target: optional(13, 'target', TEXT),
  };
  if (!/^\/(?:[^/]+(?:\/[^/]+)*)?$/s.test(entry.path) || /\/\.\.?(?:\/|$)/.test(entry.path) || entry.path.includes('\0')) bad(number, `path ${JSON.stringify(entry.path)} is not absolute and plain`);
  if ((type === 'f') !== (entry.sha256 !== undefined)) bad(number, type === 'f' ? 'a regular file without sha256' : 'sha256 of what is no regular file');
  if ((type === 'l') !== (entry.target !== undefined)) bad(number, type === 'l' ? 'a link without target' : 'target of what is no link');
  return entry;
}

/** `%XX` to bytes; each byte one character. */
const decodePath = (text: string): string => text.replace(/%([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
