import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import * as z from 'zod';
import type { ActOptions, FileStat, Host, HttpAnswer, HttpRequest, Ownership, Ran, RunOptions } from '../../agent/host/host.ts';
import { admit } from '../../agent/host/guard.ts';
import { admitLook } from '../../agent/host/network.ts';
import { StepError } from '../../proto/errors.ts';

const modeOf = z.union([z.number(), z.string().regex(/^0[0-7]+$/).transform((text) => parseInt(text, 8))]);
const entry = z.strictObject({
  type: z.enum(['file', 'directory', 'symlink', 'other']).default('file'), content: z.string().default(''),
  mode: modeOf.default(0o644), uid: z.number().default(0), gid: z.number().default(0),
  mtimeS: z.number().default(1_400_000_000), linkTarget: z.string().optional(),
  /** For a file too large to be written out here; else the content's. */
  sizeBytes: z.number().optional(),
  links: z.number().optional(),
});
export type Entry = z.infer<typeof entry>;
const fileOrText = z.union([z.string().transform((content) => entry.parse({ content })), entry]);
/** Path -> content, entry, or null for "nothing there". */
const files = z.record(z.string(), fileOrText.nullable());
const port = z.union([z.number().transform(String), z.string().regex(/^.+:\d+$/)]);

const commandSchema = z.strictObject({
  argv: z.array(z.coerce.string()).min(1),
  purpose: z.enum(['read', 'act']).default('read'),
  runAs: z.string().optional(), stdin: z.string().optional(), env: z.record(z.string(), z.string()).optional(), outlives: z.boolean().optional(),
  exitCode: z.number().default(0), signal: z.string().default(''), stdout: z.string().default(''), stderr: z.string().default(''),
  /** Where the output is from: "lab", or "RHEL 7: ..." with the public page. */
  source: z.string().min(1),
  after: z.strictObject({ files: files.default({}), ports: z.array(port).optional() }).optional(),
});

/** What a recorded host starts with and what its commands answer, strictly in order. */
export const recordingSchema = z.strictObject({
  files: files.default({}),
  /** What host.save kept earlier, by path (null: nothing was there), for `revert`. */
  saved: files.default({}),
  users: z.record(z.string(), z.number()).default({ root: 0 }),
  groups: z.record(z.string(), z.number()).default({ root: 0 }),
  secrets: z.record(z.string(), z.string()).default({}),
  /** `80` (any address) or `10.77.0.1:80`. */
  ports: z.array(port).default([]),
  http: z.array(z.strictObject({
    request: z.strictObject({ method: z.string().default('GET'), url: z.string(), headers: z.record(z.string(), z.string()).optional(), body: z.string().optional() }),
    /** `headers`: names in lower case. `download` stands for a body that is not written out. */
    answer: z.strictObject({
      status: z.number(), headers: z.record(z.string(), z.string()).default({}), body: z.string().default(''),
      download: z.strictObject({ sizeBytes: z.number(), md5: z.string() }).optional(),
    }).optional(),
    /** Instead of an answer: why there was none. */
    refused: z.string().optional(),
  })).default([]),
  commands: z.array(commandSchema).default([]),
  /** AMQP log-ins in order, without the password; no `accepted` means that no broker answers. */
  amqp: z.array(z.strictObject({ address: z.string(), port: z.number(), user: z.string(), vhost: z.string(), accepted: z.boolean().optional(), reason: z.string().default('') })).default([]),
});
export type Recording = z.infer<typeof recordingSchema>;

/** A mistake of the transcript or the operation that no operation may take for an answer of the host. */
export class NotRecorded extends Error {}

export interface RecordedHost extends Host {
  files: Map<string, Entry>;
  /** Writes and `act` are refused while false, as the runner sets it during check and verify. */
  mayWrite: boolean;
  /** The first thing that was not as recorded, even where the operation swallowed the error. */
  complaints: string[];
  /** Commands and HTTP answers that nobody asked for. */
  left(): string[];
}

/** A STAND-IN for the machine: files in memory, commands answered from a recording, each admitted by the real guard. */
export function recordedHost(recording: Recording): RecordedHost {
  const tree = new Map(Object.entries(recording.files).filter((pair): pair is [string, Entry] => pair[1] !== null));
  const kept = new Map(Object.entries(recording.saved));
  const commands = [...recording.commands], http = [...recording.http], amqp = [...recording.amqp];
  let ports = recording.ports;
  const complaints: string[] = [];
  const complain = (text: string): never => { complaints.push(text); throw new NotRecorded(text); };

  const run = (argv: string[], purpose: 'read' | 'act', options: ActOptions = {}): Ran => {
    admit(argv, purpose);
    if (purpose === 'act') write(argv.join(' '));
    const next = commands[0] ?? complain(`not in the transcript: ${JSON.stringify(argv)}`);
    const asked = { argv, purpose, runAs: options.runAs, ...('stdin' in next ? { stdin: options.stdin } : {}), ...('env' in next ? { env: options.env } : {}), ...('outlives' in next ? { outlives: options.outlives } : {}) };
    const wanted = { argv: next.argv, purpose: next.purpose, runAs: next.runAs, ...('stdin' in next ? { stdin: next.stdin } : {}), ...('env' in next ? { env: next.env } : {}), ...('outlives' in next ? { outlives: next.outlives } : {}) };
    if (JSON.stringify(asked) !== JSON.stringify(wanted)) complain(`asked ${JSON.stringify(asked)}\n  but the transcript goes on with ${JSON.stringify(wanted)}`);
    commands.shift();
    for (const [path, at] of Object.entries(next.after?.files ?? {})) { if (at === null) tree.delete(path); else tree.set(path, at); }
    ports = next.after?.ports ?? ports;
    const { exitCode, signal, stdout, stderr } = next;
    if (signal !== '' || !(options.okCodes ?? [0]).includes(exitCode)) {
      throw new StepError('command_failed', `${argv.join(' ')} ended with ${signal || exitCode}: ${stderr.trim()}`, { argv, exitCode, signal, stderrTail: stderr.slice(-2000) });
    }
    return { argv, exitCode, signal, stdout, stderr };
  };
  const write = (what: string): void => { if (!host.mayWrite) complain(`${what}: check and verify only look`); };
  const at = (path: string): Entry => tree.get(path) ?? complain(`nothing at ${path}`);
  const put = (path: string, what: Entry, owner: Ownership = {}): void => { write(path); tree.set(path, { ...what, ...owner }); };
  const below = (path: string): string[] => [...tree.keys()].filter((name) => name === path || name.startsWith(`${path}/`));
  const nameOf = (ids: Record<string, number>, id: number): string | undefined => Object.keys(ids).find((name) => ids[name] === id);

  const exchange = (request: HttpRequest<string>): NonNullable<Recording['http'][number]['answer']> => {
    const next = http[0] ?? complain(`not in the transcript: ${request.method} ${request.url}`);
    const same = next.request.method === request.method && next.request.url === request.url
      && (next.request.body ?? request.body) === request.body
      && Object.entries(next.request.headers ?? {}).every(([name, value]) => request.headers?.[name] === value);
    if (!same) complain(`asked ${JSON.stringify(request)}\n  but the transcript goes on with ${JSON.stringify(next.request)}`);
    http.shift();
    if (next.answer === undefined) throw new StepError('command_failed', `${request.method} ${request.url}: ${next.refused ?? 'no answer'}`);
    return next.answer;
  };

  const host: RecordedHost = {
    files: tree, mayWrite: false, complaints,
    left: () => [...commands.map((command) => command.argv.join(' ')), ...http.map((one) => one.request.url), ...amqp.map((one) => `AMQP log-in at ${one.address}`)],
    read: async (argv: string[], options?: RunOptions) => run(argv, 'read', options),
    act: async (argv, options) => run(argv, 'act', options),
    readFile: async (path) => tree.get(path)?.content,
    stat: async (path): Promise<FileStat | undefined> => {
      const found = tree.get(path);
      if (found === undefined) return below(path).length === 0 ? undefined : { type: 'directory', mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtimeS: 0 };
      const { type, mode, uid, gid, mtimeS, content, linkTarget, sizeBytes, links } = found;
      return { type, mode, uid, gid, mtimeS, sizeBytes: sizeBytes ?? Buffer.byteLength(content), ...(linkTarget === undefined ? {} : { linkTarget }), ...(links === undefined ? {} : { links }) };
    },
    list: async (path) => [...new Set([...tree.keys()].filter((name) => name.startsWith(posix.join(path, '/'))).map((name) => name.slice(posix.join(path, '/').length).split('/')[0] ?? ''))].filter(Boolean).sort(),
    sha256: async (path) => createHash('sha256').update(at(path).content).digest('hex'),
    uid: async (user) => recording.users[user],
    gid: async (group) => recording.groups[group],
    userName: async (uid) => nameOf(recording.users, uid),
    groupName: async (gid) => nameOf(recording.groups, gid),
    secret: async (reference) => recording.secrets[reference] ?? (() => { throw new StepError('precondition_failed', `no secret at ${reference}`); })(),
    connects: async (address, number) => ports.includes(String(number)) || ports.includes(`${address}:${number}`),
    http: async (request): Promise<HttpAnswer> => { admitLook(request); return exchange(request); },
    send: async (request): Promise<HttpAnswer> => { write(`${request.method} ${request.url}`); return exchange(request); },
    digest: async ({ url, headers = {} }) => {
      const { download, ...answer } = exchange({ method: 'GET', url, headers });
      return { status: answer.status, headers: answer.headers, ...(download ?? { sizeBytes: Buffer.byteLength(answer.body), md5: createHash('md5').update(answer.body).digest('hex') }) };
    },
    amqpLogin: async ({ address, port, user, vhost }) => {
      const next = amqp.shift() ?? complain(`not in the transcript: AMQP log-in of ${user} at ${address}`);
      if (JSON.stringify({ address, port, user, vhost }) !== JSON.stringify({ address: next.address, port: next.port, user: next.user, vhost: next.vhost })) complain(`AMQP log-in of ${user} at ${address}:${port}${vhost} is not the next one of the transcript`);
      if (next.accepted === undefined) throw new StepError('command_failed', `no AMQP answer from ${address}:${port}: connect ECONNREFUSED`);
      return { accepted: next.accepted, reason: next.reason };
    },
    writeFile: async (path, content, owner) => { put(path, { ...(tree.get(path) ?? entry.parse({})), type: 'file', content }, owner); },
    copy: async (from, to, owner) => { for (const name of below(from)) put(to + name.slice(from.length), at(name), name === from ? owner : {}); },
    setOwnership: async (path, owner) => { put(path, at(path), owner); },
    makeDirectory: async (path, owner) => { put(path, entry.parse({ type: 'directory', mode: 0o755 }), owner); },
    link: async (existing, path) => { put(path, at(existing)); },
    move: async (from, to) => { for (const name of below(from)) { put(to + name.slice(from.length), at(name)); tree.delete(name); } },
    remove: async (path) => { write(path); for (const name of below(path)) tree.delete(name); },
    save: async (path) => { write(path); if (!kept.has(path)) kept.set(path, tree.get(path) ?? null); },
    restore: async (path) => {
      const what = kept.has(path) ? kept.get(path) : complain(`nothing was saved of ${path}`);
      if (what) put(path, what); else { write(path); tree.delete(path); }
    },
    stepFolder: async () => '/var/lib/tandem/steps/test',
    noted: async (name) => [tree.get(`/var/lib/tandem/steps/test/${name}`)?.content].filter((text) => text !== undefined),
    progress: () => undefined,
  };
  return host;
}
