import { StepError } from '../../proto/errors.ts';
import { BROKER_LOOK } from '../parse/broker.ts';
import type { Probe } from '../host/host.ts';
import { parseTerm, type Term } from '../parse/erlang.ts';

export interface BrokerUser { name: string; tags: string[]; permissions: Map<string, { configure: string; write: string; read: string }> }

const pairs = (term: Term | undefined): Map<string, Term> => new Map((term as [string, Term][]).map(([key, value]) => [key, value]));

/** Users of the broker with their permissions by virtual host. One process. Throws precondition_failed when it does not answer. */
export async function readBrokerUsers(probe: Probe): Promise<BrokerUser[]> {
  let printed: string;
  try {
    printed = (await probe.read(['rabbitmqctl', '-q', 'eval', BROKER_LOOK])).stdout;
  } catch (error) {
    if (!(error instanceof StepError) || error.code !== 'command_failed') throw error;
    const said = error.failure?.stderrTail.trim().split('\n')[0] ?? error.message; // the diagnostics below it are in the failure
    throw new StepError('precondition_failed', `the broker does not answer: ${said}`, error.failure);
  }
  const [users, permissions] = parseTerm(printed) as [Term[], Term[]];
  const granted = permissions.map(pairs);
  return users.map(pairs).map((user) => ({
    name: String(user.get('user')),
    tags: (user.get('tags') as string[]).map(String).sort(),
    permissions: new Map(granted.filter((one) => one.get('user') === user.get('user'))
      .map((one) => [String(one.get('vhost')), { configure: String(one.get('configure')), write: String(one.get('write')), read: String(one.get('read')) }])),
  }));
}
