import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isComplete } from './certificate.ts';
import { hostKey } from './key.ts';
import { PendingCode } from './pending.ts';

interface Phase { state: string; certs: string; listen: string; version: string; ready: () => Promise<unknown> }

/** How often to look whether a person has put the certificate in place, milliseconds. */
const LOOK_MS = 1000;

/**
 * Where there is no agent.crt: serves enrolment, and nothing else, until there is one. Resolves with the address to listen at
 * from then on, which is the same one.
 */
export async function awaitEnrolment({ state, certs, listen, version, ready }: Phase): Promise<string> {
  const code = new PendingCode(state);
  if (existsSync(join(certs, 'agent.crt'))) {
    code.drop(); // left by an agent that was killed just after it was enrolled
    return listen;
  }
  const key = hostKey(certs);
  const [{ Exchange }, { requestFor, selfSigned }, { serveEnrolment }] = await Promise.all([import('./exchange.ts'), import('./request.ts'), import('../service/enrolment.ts')]);
  const exchange = new Exchange({ certs, key, code, csrFor: (host) => requestFor(key, host) });
  const server = await serveEnrolment(exchange, version, { key: Buffer.from(key.pem), certificate: Buffer.from(await selfSigned(key)) }, listen);
  console.log(`tandem agent ${version} is not enrolled; it waits for that on port ${String(server.port)}\nFor a code, on this host: tandem agent enrol`);
  await ready();
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      const now = hostKey(certs);
      if (isComplete(certs, now)) resolve();
      else if (!now.fingerprint.equals(key.fingerprint)) throw new Error('agent.key was replaced: the agent has to be started anew');
    };
    const timer = setInterval(() => { try { look(); } catch (error) { reject(error instanceof Error ? error : new Error(String(error))); } }, LOOK_MS);
    exchange.enrolled.then(() => { resolve(); }, reject).finally(() => { clearInterval(timer); }).catch(reject);
  });
  await server.close();
  code.drop();
  console.log('this host is enrolled now');
  return listen.replace(/:\d+$/, `:${String(server.port)}`);
}
