import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import type { Host, Probe } from '../host/host.ts';
import { oneBlank, parseSysctl } from '../parse/sysctl.ts';
import { absolutePath } from './fields.ts';
import { finding, operation } from './operation.ts';

/** Of the network alone: others (kernel.core_pattern) start programs. */
const name = z.string().regex(/^net(?:\.[a-z0-9_-]+)+$/, 'expected the name of a kernel setting of the network, such as net.ipv4.tcp_keepalive_time');
const args = z.strictObject({
  from: absolutePath.describe("The old host's sysctl.conf, in its backup"),
  to: absolutePath.describe('File of this host (in /etc/sysctl.d) that takes them over, and nothing else'),
  settings: z.array(name).min(1).describe('Settings that are carried where the old host has them; no other one, since a release has its own'),
  optional: z.boolean().default(false).describe('A backup without the file is no error'),
});
type Args = z.infer<typeof args>;
interface Found { file: string | null; values: Record<string, string> }

/**
 * Kernel settings of the old host are in force here, now and after a start (row C15, trap 16: what an installer set for the broker's
 * connections). The old file as a whole holds settings of the older release. Errors: precondition_failed for a backup without the
 * file, or a setting that this kernel lacks.
 */
export const sysctlCarried = operation({
  name: 'sysctl.carried', summary: 'Kernel settings of the network are those of the old host, now and after a start.', args, timeoutS: 60, mayKill: true,
  describe: (a) => `${a.settings.join(', ')} as in ${a.from}, now and in ${a.to}`,
  touches: ({ from, to }) => ({ paths: [from, to] }),
  async check(probe, a) {
    const wanted = await read(probe, a), values: Record<string, string> = {}, differences: Difference[] = [];
    for (const [one, value] of wanted) {
      const now = await probe.readFile(placeOf(one));
      if (now === undefined) throw new StepError('precondition_failed', `this kernel has no setting ${one}`);
      values[one] = oneBlank(now);
      if (values[one] !== value) differences.push({ what: one, found: values[one], wanted: value });
    }
    const file = await probe.readFile(a.to) ?? null, kept = parseSysctl(file ?? '');
    for (const [one, value] of wanted) if (kept.get(one) !== value) differences.push({ what: `${one} after a start (${a.to})`, found: kept.get(one) ?? 'not set', wanted: value });
    return finding({ file, values }, differences, wanted.size === 0 ? 'the old host set none of them' : undefined);
  },
  async apply(host, a) {
    const wanted = await read(host, a);
    await host.save(a.to);
    await host.writeFile(a.to, [`# As in ${a.from}`, ...[...wanted].map(([one, value]) => `${one} = ${value}`), ''].join('\n'), { mode: 0o644, uid: 0, gid: 0 });
    await put(host, [...wanted]);
  },
  async revert(host, a, found) {
    await host.restore(a.to);
    await put(host, Object.entries((found as unknown as Found).values));
  },
});

const placeOf = (one: string): string => `/proc/sys/${one.replaceAll('.', '/')}`;
const put = async (host: Host, values: [string, string][]): Promise<void> => { await host.act(['sysctl', '-w', ...values.map(([one, value]) => `${one}=${value}`)]); };

/** What of `settings` the old host set. */
async function read(probe: Probe, { from, settings, optional }: Args): Promise<Map<string, string>> {
  const text = await probe.readFile(from) ?? (optional ? '' : undefined);
  if (text === undefined) throw new StepError('precondition_failed', `the backup has no ${from}`);
  const set = parseSysctl(text);
  return new Map(settings.flatMap((one): [string, string][] => { const value = set.get(one); return value === undefined ? [] : [[one, value]]; }));
}
