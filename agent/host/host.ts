import { createHash } from 'node:crypto';

/**
 * The only ways to the machine: Probe looks, Host acts. local.ts is the machine, tests record it.
 * Paths are byte strings: each character is one byte (latin1), so that names that are not UTF-8 survive.
 */

export interface Ran { argv: string[]; exitCode: number; signal: string; stdout: string; stderr: string }

export interface RunOptions {
  /** Exit codes that are an answer and not a failure; default [0]. */
  okCodes?: number[];
  stdin?: string;
  /** Added to the fixed environment (PATH, LC_ALL=C); secrets may go here, never into argv. */
  env?: Record<string, string>;
  /** Run as this local user, through runuser. */
  runAs?: string;
}

export interface ActOptions extends RunOptions {
  /** The process must not be killed: not by a timeout, a lost link or an agent restart. */
  outlives?: boolean;
}

export interface FileStat {
  type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits, e.g. 0o640. */
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  /** Seconds since the epoch, whole. */
  mtimeS: number;
  linkTarget?: string;
  /** When content, owner, mode or name last changed on this host, whole seconds: a restored file keeps its mtime, not this. */
  ctimeS?: number;
  /** File system and file within it: equal for hard links of one file. */
  device?: number;
  inode?: number;
  /** Names of this one file, hard links included. */
  links?: number;
}

export interface HttpRequest<Method extends string = LookMethod> { method: Method; url: string; headers?: Record<string, string>; body?: string; timeoutS?: number }
/** What a look may send: POST only where it asks for a token (network.ts holds every look to it). */
export type LookMethod = 'GET' | 'HEAD' | 'POST';
export type ActMethod = 'POST' | 'PUT' | 'DELETE';
export interface HttpAnswer { status: number; headers: Record<string, string>; body: string }

/** A download that is not kept. Gives up after `stallS` seconds in which nothing comes. */
export interface DigestRequest { url: string; headers?: Record<string, string>; timeoutS: number; stallS: number }
/** Names of headers are in lower case; `md5` (hex) and `sizeBytes` are those of the bytes that really came. */
export interface HttpDigest { status: number; headers: Record<string, string>; sizeBytes: number; md5: string }

export interface AmqpLogin { address: string; port: number; user: string; password: string; vhost: string; timeoutS?: number }
/** What the broker itself said; the password is in neither field. */
export interface AmqpAnswer { accepted: boolean; reason: string }

/** What can be read of many subjects with one process. */
export type Sight = 'packages' | 'units';
export type ReadTogether = <T>(sight: Sight, names: readonly string[], read: (names: string[]) => Promise<Map<string, T>>) => Promise<Map<string, T>>;

export interface Probe {
  /** Reads these subjects, perhaps along with those of later steps (ahead.ts). Absent: each look reads for itself. */
  readTogether?: ReadTogether;
  /** The step was begun before and had no end: what was interrupted then may not show at a first glance. */
  begunBefore?: true;
  /** Runs a command that the table (commands.ts) lists as read-only. Throws StepError command_failed | timed_out | refused_by_policy. */
  read(argv: string[], options?: RunOptions): Promise<Ran>;
  /** Whole file as UTF-8; undefined when there is none. */
  readFile(path: string): Promise<string | undefined>;
  /** lstat: links are not followed; undefined when there is nothing. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder as bytes-safe latin1 strings, sorted; [] when there is none. */
  list(path: string): Promise<string[]>;
  /** Hex sha256 of a regular file's content, read from the medium. */
  sha256(path: string): Promise<string>;
  /** Numeric id of a local user or group by name; undefined when unknown. */
  uid(user: string): Promise<number | undefined>;
  gid(group: string): Promise<number | undefined>;
  userName(uid: number): Promise<string | undefined>;
  groupName(gid: number): Promise<string | undefined>;
  /** Resolves `file:PATH`, `ini:PATH#section.key`, `rc:PATH#NAME` or `coordinator-file:PATH`; the value is scrubbed from all that leaves the step. */
  secret(reference: string): Promise<string>;
  /** Whether a TCP connection is accepted within timeoutS. */
  connects(address: string, port: number, timeoutS: number): Promise<boolean>;
  /** Throws StepError command_failed where no answer comes, refused_by_policy for what would change something. */
  http(request: HttpRequest): Promise<HttpAnswer>;
  /** Size and md5 of what a URL gives, in bounded memory. Throws StepError command_failed when no answer comes or it stops half way. */
  digest(request: DigestRequest): Promise<HttpDigest>;
  /** Whether a broker takes these credentials on this virtual host. Throws StepError command_failed when none answers. */
  amqpLogin(login: AmqpLogin): Promise<AmqpAnswer>;
}

export interface Ownership { mode?: number; uid?: number; gid?: number }

export interface Host extends Probe {
  /** Runs a command of the table that changes the host. */
  act(argv: string[], options?: ActOptions): Promise<Ran>;
  /** An HTTP request that changes something. Throws StepError command_failed where no answer comes: then nobody knows what it did. */
  send(request: HttpRequest<ActMethod>): Promise<HttpAnswer>;
  /** Atomic replacement: temporary file beside it, fsync, rename. Keeps mode and owner of an existing file where not given. */
  writeFile(path: string, content: string, ownership?: Ownership): Promise<void>;
  /** Copies one file, folder, link or device node with mode and times; `ownership` overrides. Sparse files stay sparse. */
  copy(from: string, to: string, ownership?: Ownership): Promise<void>;
  setOwnership(path: string, ownership: Ownership): Promise<void>;
  makeDirectory(path: string, ownership?: Ownership): Promise<void>;
  /** A second name for one file, in the same file system. */
  link(existing: string, path: string): Promise<void>;
  /** Moves within one file system. */
  move(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Keeps a copy of what is at `path` (or the note that nothing is) in the step's folder; a second call keeps the first copy. */
  save(path: string): Promise<void>;
  /** Puts back what `save` kept, removing what was not there. Throws StepError precondition_failed when nothing was saved. */
  restore(path: string): Promise<void>;
  /** A private folder of this step that survives restarts: dumps, staged trees. */
  stepFolder(): Promise<string>;
  /** A file of that folder as text, and for `revert` those of later attempts after it; [] where no attempt has one. */
  noted(name: string): Promise<string[]>;
  progress(text: string): void;
}

/** The name under which `save` keeps a path in the step's folder. */
export const savedName = (path: string): string => createHash('sha256').update(path, 'latin1').digest('hex').slice(0, 32);
