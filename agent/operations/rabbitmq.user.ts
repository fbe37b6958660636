import * as z from 'zod';
import type { Difference, Json } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import { readBrokerUsers } from '../facts/broker.ts';
import { BROKER_FILE, BROKER_SET } from '../parse/broker.ts';
import type { Host, Probe } from '../host/host.ts';
import { asBinary } from '../parse/erlang.ts';
import { finding, operation, type Finding } from './operation.ts';
import { secretFiles, secretRef } from './secret.ts';

const pattern = z.string().default('.*');
const args = z.strictObject({
  user: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.@-]*$/).describe('Name of the user.'),
  password: secretRef.describe("Reference to the user's password."),
  tags: z.array(z.string().regex(/^[a-z_]+$/)).default([]).describe('Tags, e.g. administrator.'),
  vhost: z.string().min(1).default('/').describe('Virtual host.'),
  configure: pattern.describe('Regular expression of what the user may configure.'),
  write: pattern.describe('Regular expression of what the user may write to.'),
  read: pattern.describe('Regular expression of what the user may read from.'),
  address: z.string().default('127.0.0.1').describe("Address of this host's broker at which the log-in is tried."),
  port: z.number().int().min(1).max(65535).default(5672).describe('AMQP port.'),
});
type Args = z.infer<typeof args>;
interface State { exists: boolean; tags: string[]; permissions: { configure: string; write: string; read: string } | null; login: string; left: boolean }

/**
 * A user of the broker with password, tags and permissions (mission rows C15, C16: what /var/lib/rabbitmq held is neither
 * backed up nor restored). The password goes to the broker in a file that only the broker reads, never through argv.
 */
export const rabbitmqUser = operation({
  name: 'rabbitmq.user',
  summary: 'A RabbitMQ user can log in with the given password and has the given tags and permissions.',
  args,
  timeoutS: 120,
  mayKill: true,
  describe: (a) => `broker user ${a.user} logs in on ${a.vhost} and may configure ${a.configure}, write ${a.write}, read ${a.read}${a.tags.length > 0 ? ` (${a.tags.join(', ')})` : ''}`,
  touches: ({ password }) => ({ paths: secretFiles(password) }),
  check: look,
  async apply(host, a) {
    await change(host, { user: a.user, password: asBinary(await host.secret(a.password)), tags: a.tags, vhost: a.vhost, permissions: a });
  },
  verify: look,
  async revert(host, a, found) {
    const before = found as unknown as State;
    const now = await state(host, a);
    if (!before.exists) {
      if (now.exists) await host.act(['rabbitmqctl', '-q', 'delete_user', a.user]);
    } else {
      if (before.login === 'refused') throw new StepError('precondition_failed', `user ${a.user} had another password before, which nobody recorded; set it by hand`);
      await change(host, { user: a.user, password: 'keep', tags: before.tags, vhost: a.vhost, permissions: before.permissions });
    }
    await host.remove(BROKER_FILE);
  },
});

interface Wanted { user: string; password: string; tags: string[]; vhost: string; permissions: { configure: string; write: string; read: string } | null }

async function change(host: Host, w: Wanted): Promise<void> {
  const uid = await host.uid('rabbitmq'), gid = await host.gid('rabbitmq');
  if (uid === undefined || gid === undefined) throw new StepError('precondition_failed', 'user rabbitmq is not known on this host');
  const may = w.permissions === null ? 'none' : `{${[w.permissions.configure, w.permissions.write, w.permissions.read].map(asBinary).join(', ')}}`;
  const tags = w.tags.map((tag) => `[${[...Buffer.from(tag)].join(',')}]`).join(', ');
  try {
    await host.writeFile(BROKER_FILE, `{${asBinary(w.user)}, ${w.password}, [${tags}], ${asBinary(w.vhost)}, ${may}}.\n`, { mode: 0o600, uid, gid });
    const said = (await host.act(['rabbitmqctl', '-q', 'eval', BROKER_SET])).stdout.trim();
    if (said !== '[ok]') throw new StepError('command_failed', said.includes('no_such_vhost') ? `the broker has no virtual host ${w.vhost}` : `the broker refused: ${said}`);
  } finally {
    await host.remove(BROKER_FILE);
  }
}

async function state(probe: Probe, a: Args): Promise<State> {
  const user = (await readBrokerUsers(probe)).find((one) => one.name === a.user);
  const answer = user === undefined ? { accepted: false, reason: '' } : await probe.amqpLogin({ address: a.address, port: a.port, user: a.user, password: await probe.secret(a.password), vhost: a.vhost });
  return {
    exists: user !== undefined, tags: user?.tags ?? [], permissions: user?.permissions.get(a.vhost) ?? null,
    login: answer.accepted ? 'accepted' : /NOT_ALLOWED/.test(answer.reason) ? `not allowed on ${a.vhost}` : 'refused',
    left: await probe.stat(BROKER_FILE) !== undefined,
  };
}

async function look(probe: Probe, a: Args): Promise<Finding> {
  const now = await state(probe, a);
  const differences: Difference[] = [];
  const compare = (what: string, found: string, wanted: string): void => { if (found !== wanted) differences.push({ what, found, wanted }); };
  compare(`user ${a.user}`, now.exists ? 'present' : 'absent', 'present');
  compare('tags', now.tags.join(', '), [...a.tags].sort().join(', '));
  for (const right of ['configure', 'write', 'read'] as const) compare(`${right} permission on ${a.vhost}`, now.permissions?.[right] ?? 'none', a[right]);
  compare(`AMQP log-in at ${a.address}`, now.login, 'accepted');
  if (now.left) differences.push({ what: BROKER_FILE, found: 'left over from an interruption', wanted: 'gone' });
  return finding(now as unknown as Json, differences);
}
