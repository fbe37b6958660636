import { isComplete, isOfAnotherKey, stampOf } from './certificate.ts';
import { hostKey, type HostKey } from './key.ts';
import { PendingCode } from './pending.ts';

/** `runsHere`: why each run is still on this host. */
interface Phase { state: string; certs: string; listen: string; version: string; ready: () => Promise<unknown>; runsHere: () => Promise<string[]> }
/** `old`: the agent.crt (stampOf) that is there; `goesOn`: with that one this host goes on where no other comes. */
interface Waiting { key: HostKey; old: string | undefined; goesOn: boolean }

/** How often to look whether a person has put the certificate in place, milliseconds. */
const LOOK_MS = 1000;

/**
 * Serves enrolment, and nothing else, where there is no agent.crt of this host's key, or `tandem agent enrol --again` made a code to
 * replace it: until there is a new one, or that code is open no more and the old one serves again. Resolves with the address to
 * listen at from then on, which is the same one.
 */
export async function awaitEnrolment({ state, certs, listen, version, ready, runsHere }: Phase): Promise<string> {
  const code = new PendingCode(state), waiting = await whatFor(certs, code, runsHere);
  if (waiting === undefined) return listen;
  const { key, old, goesOn } = waiting;
  const [{ Exchange }, { requestFor, selfSigned }, { serveEnrolment }] = await Promise.all([import('./exchange.ts'), import('./request.ts'), import('../service/enrolment.ts')]);
  const exchange = new Exchange({ certs, key, code, csrFor: (host) => requestFor(key, host) });
  const server = await serveEnrolment(exchange, version, { key: Buffer.from(key.pem), certificate: Buffer.from(await selfSigned(key)) }, listen);
  const port = String(server.port);
  if (goesOn) console.log(`tandem agent ${version} is to be enrolled again; it waits for that on port ${port}\nWhen its code is used, void or too old, it serves as before`);
  else console.log(`tandem agent ${version} is not enrolled${old === undefined ? '' : ': agent.crt does not fit agent.key and ca.crt'}; it waits for that on port ${port}\nFor a code, on this host: tandem agent enrol${old === undefined ? '' : ' --again'}`);
  await ready();
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      const now = hostKey(certs);
      if (stampOf(certs) !== old && isComplete(certs, now)) resolve();
      else if (!now.fingerprint.equals(key.fingerprint)) throw new Error('agent.key was replaced: the agent has to be started anew');
      else if (goesOn && typeof code.current(key.fingerprint, Date.now()) === 'string') resolve();
    };
    const timer = setInterval(() => { try { look(); } catch (error) { reject(error instanceof Error ? error : new Error(String(error))); } }, LOOK_MS);
    exchange.enrolled.then(() => { resolve(); }, reject).finally(() => { clearInterval(timer); }).catch(reject);
  }).finally(() => { exchange.end(); }); // who is in the midst of an exchange must not change what is served from now on
  await server.close();
  code.drop();
  console.log(stampOf(certs) === old ? 'no code is open any more; this host goes on with the certificate that it has' : 'this host is enrolled now');
  return listen.replace(/:\d+$/, `:${port}`);
}

/** Undefined where this host serves with the certificate that it has. */
async function whatFor(certs: string, code: PendingCode, runsHere: () => Promise<string[]>): Promise<Waiting | undefined> {
  const old = stampOf(certs);
  if (old === undefined || isOfAnotherKey(certs)) return { key: hostKey(certs), old, goesOn: false };
  if (code.replaces(Date.now()) !== old) {
    code.drop(); // left by an agent that was killed just after it was enrolled, or expired
    return undefined;
  }
  const key = hostKey(certs), goesOn = isComplete(certs, key), runs = goesOn ? await runsHere() : [];
  if (runs.length === 0) return { key, old, goesOn };
  console.log(`this host is not enrolled again now, for a run is on it (${runs.join('; ')})`);
  return undefined;
}
