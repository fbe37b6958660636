import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { seen } from '../cloud/answering.ts';
import { answeredAtS, clockGap } from '../cloud/heartbeat.ts';
import { sameHost } from '../cloud/services.ts';
import { openCloud } from '../cloud/session.ts';
import { neutronAgents } from '../cloud/tables.ts';
import { utcSeconds } from '../parse/api-answer.ts';
import { ASSERTION_TIMEOUT_S, deadlineS, hostName, rcFile } from './cloud-args.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  agents: z.array(z.strictObject({
    binary: z.string().min(1).describe('Binary, e.g. neutron-openvswitch-agent.'),
    host: hostName.describe('Host by the name that the agent reports.'),
  })).min(1).describe('Agents that must be alive.'),
  deadlineS: deadlineS(180),
});
interface Agent { binary: string; host: string; alive: boolean; heartbeat_timestamp: string | null }

/**
 * Agents of the network service are alive (mission rows C50, N19): `:-)` in the client's table. A report that is stamped before
 * the server's start is dropped in silence (trap 24), so a healthy agent with a wrong clock looks dead or is never seen.
 */
export const networkAgents = operation({
  name: 'network.agents', summary: 'Agents of the network service are alive.', args, timeoutS: ASSERTION_TIMEOUT_S, mayKill: true,
  describe: (a) => `${a.agents.map((one) => `${one.binary} on ${one.host}`).join(', ')} alive, within ${a.deadlineS} s`,
  deadlineS: (a) => a.deadlineS,
  touches: (a) => ({ paths: [a.rcFile] }),
  check: (probe, a) => seen(async () => {
    const cloud = await openCloud(probe, a.rcFile), path = '/v2.0/agents';
    const answer = await cloud.ask('network', path);
    const { agents } = cloud.read<{ agents: Agent[] }>('network', path, answer);
    const differences: Difference[] = a.agents.flatMap((one) => {
      const what = `${one.binary} on ${one.host}`;
      const agent = agents.find((other) => other.binary === one.binary && sameHost(other.host, one.host));
      if (agent?.alive === true) return [];
      return [{ what, found: `${agent === undefined ? 'never reported' : `dead, ${lastReport(agent, answeredAtS(answer))}`}: it is stopped, does not reach the broker, or its clock is behind the server's start, which drops its reports in silence${clockGap(answer)}`, wanted: 'alive' }];
    });
    return finding({ agents: agents.length, table: neutronAgents(agents) }, differences);
  }),
});

/** The server writes that time, so it is compared with the server's clock. */
function lastReport(agent: Agent, atS: number): string {
  const seenS = utcSeconds(agent.heartbeat_timestamp);
  return seenS === undefined ? 'without a report' : `last report taken ${Math.round(atS - seenS)} s ago by the server's clock`;
}
