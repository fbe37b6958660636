import { expect, test } from 'vitest';
import { Link } from '../../coordinator/link.ts';
import { issue } from '../../coordinator/pki/certificates.ts';
import { startAgent } from './agent-here.ts';

test('a host whose clock is hours behind refuses certificates; the operator is told to compare the clocks', async () => {
  const agent = await startAgent([]), { ca } = agent.identity('operator');
  // To the agent it is the same: its time comes before that of the certificate.
  const own = await issue(agent.authority, 'operator', 'lab', 'ops', Date.now() + 2 * 3_600_000);
  const link = new Link({ host: 'h1', address: '127.0.0.1', port: agent.port }, { ca, certificate: Buffer.from(own.certificatePem), key: Buffer.from(own.keyPem) });
  try {
    await expect(link.call('GetHealth', {}, 5)).rejects.toThrow(/^h1 cannot be reached: it takes connections and ends them at once\..* compare its clock \(date\) and its authority/);
  } finally {
    link.close();
    await agent.remove();
  }
});
