/** One installed package; `installTid` is the rpm transaction that brought this version (seconds since the epoch). */
export interface RpmPackage { name: string; epoch: number; version: string; release: string; arch: string; installTid: number }

/** What a query must be asked with for parseRpmQuery: one line a package, fields by TAB. */
export const RPM_FORMAT = '%{NAME}\\t%{EPOCH}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\t%{INSTALLTID}\\n';

/**
 * Packages of `rpm -q --qf RPM_FORMAT NAME...`; `package X is not installed` lines are left out. rpm prints `(none)`
 * for no epoch. Throws TypeError on any other line, e.g. a message about a damaged database.
 */
export function parseRpmQuery(text: string): RpmPackage[] {
  return text.split('\n').filter((line) => line !== '' && !/^package \S+ is not installed$/.test(line)).map((line) => {
    const [name, epoch, version, release, arch, tid] = line.split('\t');
    if (name === undefined || epoch === undefined || version === undefined || release === undefined || arch === undefined || tid === undefined) {
      throw new TypeError(`not a line of rpm -q: ${line}`);
    }
    return { name, epoch: epoch === '(none)' ? 0 : Number(epoch), version, release, arch, installTid: Number(tid) };
  });
}

export const evr = (one: RpmPackage): string => `${one.epoch}:${one.version}-${one.release}.${one.arch}`;

export const nevraOf = (one: RpmPackage): string => `${one.name}-${one.version}-${one.release}.${one.arch}`;

export interface RpmProblem { path: string; what: string }

/**
 * Files that are not as their package says, of `rpm -V`: missing, or with another size, digest, owner or group
 * (S 5 U G of rpm(8)). Configuration, documentation, ghost, licence and readme files (c d g l r) may differ.
 */
export function parseRpmVerify(text: string): RpmProblem[] {
  return text.split('\n').flatMap((line) => {
    const [, flags = '', marker = '', path] = /^(missing|[A-Za-z0-9.?]{8,})\s+(?:([cdglr])\s+)?(\/.*)$/.exec(line) ?? [];
    if (path === undefined || marker !== '') return [];
    if (flags === 'missing') return [{ path: path.replace(/ \(.*\)$/, ''), what: 'missing' }];
    const names: Record<string, string> = { S: 'size', 5: 'digest', U: 'owner', G: 'group' };
    const differs = Object.keys(names).filter((flag) => flags.includes(flag)).map((flag) => names[flag]);
    return differs.length === 0 ? [] : [{ path, what: `another ${differs.join(', ')}` }];
  });
}
