import { afterEach, expect, test } from 'vitest';
import { startAgentProcess, type AgentProcess } from './agent-process.ts';

/** What a real agent says of its own standing, over the wire. */
interface Item { subsystem: string; grade: string; reason: string; valuesJson: string }
let agent: AgentProcess;
afterEach(async () => { await agent.stop(); });

async function itemsOf(ages: { authority?: number; agent?: number }): Promise<Map<string, Item>> {
  agent = await startAgentProcess(undefined, ages);
  const { health } = await agent.link().call('GetHealth', {});
  return new Map((health as { items: Item[] }).items.map((item) => [item.subsystem, item]));
}

test('health has every part, and tells the certificate that ends soon', async () => {
  const items = await itemsOf({ authority: 711, agent: 710.5 }); // certificates hold 730 days
  expect([...items.keys()]).toEqual(['load', 'memory', 'disks', 'clock', 'units', 'rpm database', 'selinux', 'volume groups', 'lio targets', 'ovs bridges', 'ports', 'certificate', 'revocation list', 'policy']);
  expect(items.get('certificate')).toMatchObject({ grade: 'warn', reason: 'ends in 19 days' });
});

test('and the authority, where that ends sooner', async () => {
  const items = await itemsOf({ authority: 3644.5 }); // it holds 3650 days
  expect(items.get('certificate')).toMatchObject({ grade: 'critical', reason: "the site's authority ends in 5 days", valuesJson: '{"daysLeft":5,"authorityDaysLeft":5}' });
});
