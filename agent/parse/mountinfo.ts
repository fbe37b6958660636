export interface Mount { /** Where it is mounted. */ at: string; type: string; /** Device or export. */ source: string; /** Files in it carry SELinux labels of their own. */ labels: boolean }

/** Octal escapes of /proc: blank, tab, line feed, backslash. */
const unescape = (text: string): string => text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));

/**
 * /proc/self/mountinfo (kernel Documentation/filesystems/proc.txt, 3.5). `seclabel` among the options of the file system
 * is what setfiles of policycoreutils 2.2.5 goes by too. Of mounts at one place the last is the one that is seen.
 */
export function parseMountinfo(text: string): Mount[] {
  const seen = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ', 2);
    const at = before?.split(' ')[4], [type, source = '', options = ''] = after?.split(' ') ?? [];
    if (at === undefined || type === undefined) continue;
    seen.delete(unescape(at));
    seen.set(unescape(at), { at: unescape(at), type, source: unescape(source), labels: options.split(',').includes('seclabel') });
  }
  return [...seen.values()];
}

const within = (path: string, folder: string): boolean => folder === '/' || path === folder || path.startsWith(`${folder}/`);

/** The mounts that a walk over `path` meets: the one it lies in, and all below. */
export function mountsUnder(mounts: Mount[], path: string): Mount[] {
  const around = mounts.filter((each) => within(path, each.at)).sort((a, b) => b.at.length - a.at.length)[0];
  return [...(around === undefined ? [] : [around]), ...mounts.filter((each) => each !== around && within(each.at, path))];
}
