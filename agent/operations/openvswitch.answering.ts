import * as z from 'zod';
import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import type { Probe } from '../host/host.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  deadlineS: z.int().min(0).max(600).default(30).describe('Seconds to wait for both daemons.'),
});

/** What each daemon is asked with; the unit itself is a oneshot that stays active when they die. */
const QUESTIONS = [
  ['ovsdb-server', ['ovs-vsctl', '--timeout=5', 'show']],
  ['ovs-vswitchd', ['ovs-appctl', '-t', 'ovs-vswitchd', 'version']],
] as const;

async function ask(probe: Probe, daemon: string, argv: readonly string[]): Promise<Difference[]> {
  try {
    await probe.read([...argv]);
    return [];
  } catch (error) {
    if (!(error instanceof StepError) || error.code !== 'command_failed') throw error;
    return [{ what: daemon, found: `without an answer (${error.message})`, wanted: 'an answer' }];
  }
}

/** Both daemons of Open vSwitch answer (row C3: "`ovs-vsctl show` answers"); a running unit does not prove it. */
export const openvswitchAnswering = operation({
  name: 'openvswitch.answering', summary: 'The database and the switch daemon of Open vSwitch answer.', args, timeoutS: 660, mayKill: true,
  describe: (a) => `ovsdb-server and ovs-vswitchd answer, within ${String(a.deadlineS)} s`,
  deadlineS: (a) => a.deadlineS,
  async check(probe) {
    const differences = (await Promise.all(QUESTIONS.map(([daemon, argv]) => ask(probe, daemon, argv)))).flat();
    return finding({ answering: QUESTIONS.map(([daemon]) => daemon).filter((daemon) => !differences.some(({ what }) => what === daemon)) }, differences);
  },
});
